import { z } from 'zod';
import { idempotencyWindowMs } from '../../api/rest/paths.ts';
import { Problem } from '../../api/rest/problem.ts';
import { sessionStatuses } from '../../api/rest/session.ts';
import { capabilities } from '../../api/v1alpha1/browser-session.ts';
import { annotations, labels } from '../../api/v1alpha1/group.ts';
import { configMaps } from '../../kube/builtins.ts';
import { isStoreError } from '../../kube/store-error.ts';
import type { Store } from '../../kube/store.ts';
import type { Clock } from '../../lib/clock.ts';
import type { ConfigMap } from '../../lib/kubernetes.ts';
import type { NewObject } from '../../lib/object-meta.ts';
import { randomSessionName } from '../session/name.ts';
import type { SessionFacts } from '../session/view.ts';

/** Value of the label `porthole.dev/record` on the ConfigMaps kept here. */
const recordLabel = { [labels.record]: 'idempotency' };

/**
 * What is remembered of a request with an Idempotency-Key. It is written before the session and names it, so whoever meets
 * the record of a request that is under way, or whose facade died, goes on where that one was.
 */
export interface RequestRecord {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly sessionName: string;
  /** Whether this very call made the record. */
  readonly mine: boolean;
  /** The first result; absent while there is none. Holds no token. */
  readonly facts: SessionFacts | undefined;
}

export interface RequestRecords {
  /** The record of this name, made when there is none; throws idempotency_conflict when it is of another body. */
  claim(name: string, bodyHash: string): Promise<RequestRecord>;
  /** `lost`: the record says something else by now, or is gone. `known`: it already says the same. */
  complete(record: RequestRecord, facts: SessionFacts): Promise<'completed' | 'known' | 'lost'>;
  /** `kept`: somebody completed it in between. `absent`: somebody forgot it in between. */
  forget(record: RequestRecord): Promise<'forgotten' | 'kept' | 'absent'>;
  /** Deletes what is past its time; answers how many. */
  sweep(): Promise<number>;
}

const storedFacts = z.strictObject({
  id: z.string(),
  status: z.enum(sessionStatuses),
  capabilities: z.array(z.enum(capabilities)),
  extensions: z.array(z.string()),
  proxyUrl: z.string().exactOptional(),
  proxy: z
    .strictObject({
      provider: z.string().exactOptional(),
      location: z.string().exactOptional(),
      sticky: z.boolean(),
    })
    .exactOptional(),
  createdAtMs: z.number(),
  expiresAtMs: z.number(),
  lifetimeEndMs: z.number(),
});

function factsOf({ data }: ConfigMap): SessionFacts | undefined {
  const text = data?.['facts'];
  return text === undefined ? undefined : storedFacts.parse(JSON.parse(text));
}

function toRecord(map: ConfigMap, mine: boolean): RequestRecord {
  const { name, uid, resourceVersion } = map.metadata;
  return { name, uid, resourceVersion, mine, sessionName: map.data?.['sessionName'] ?? '', facts: factsOf(map) };
}

export interface RecordsOptions {
  readonly store: Store;
  readonly namespace: string;
  readonly clock: Clock;
}

function isPast({ data }: ConfigMap, nowMs: number): boolean {
  return nowMs - Number(data?.['createdAtMs']) >= idempotencyWindowMs;
}

function mapsOf({ store, namespace }: Pick<RecordsOptions, 'store' | 'namespace'>) {
  return {
    read: (name: string): Promise<ConfigMap | undefined> => store.get(configMaps, { namespace, name }),
    /** Whether it was there, and as it was last read. */
    remove: async (map: Pick<RequestRecord, 'name' | 'uid' | 'resourceVersion'>): Promise<boolean> => {
      const { name, uid, resourceVersion } = map;
      try {
        await store.delete(configMaps, { namespace, name }, { uid, resourceVersion });
        return true;
      } catch (error) {
        if (isStoreError(error, 'NotFound', 'Conflict')) return false;
        throw error;
      }
    },
  };
}

export function createRequestRecords({ store, namespace, clock }: RecordsOptions): RequestRecords {
  const build = (name: string, bodyHash: string): NewObject<ConfigMap> => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace, labels: recordLabel, annotations: { [annotations.requestHash]: bodyHash } },
    data: { createdAtMs: String(clock.now()), sessionName: randomSessionName() },
  });
  const { read, remove } = mapsOf({ store, namespace });
  const claimOnce = async (name: string, bodyHash: string): Promise<RequestRecord | undefined> => {
    try {
      return toRecord(await store.create(configMaps, build(name, bodyHash)), true);
    } catch (error) {
      if (!isStoreError(error, 'AlreadyExists')) throw error;
    }
    const existing = await read(name);
    if (!existing) return undefined;
    if (isPast(existing, clock.now())) {
      await remove(existing.metadata);
      return undefined;
    }
    if (existing.metadata.annotations?.[annotations.requestHash] === bodyHash) return toRecord(existing, false);
    throw new Problem('idempotency_conflict', 'This Idempotency-Key came with another body before; use a new key.');
  };

  return {
    claim: async (name, bodyHash) => {
      let record: RequestRecord | undefined;
      // A turn that finds nothing means that somebody just forgot the record, which each request does but once.
      while (!record) record = await claimOnce(name, bodyHash);
      return record;
    },
    complete: async ({ name, uid, resourceVersion }, facts) => {
      try {
        const patch = { data: { facts: JSON.stringify(facts) } };
        await store.patch(configMaps, { namespace, name }, patch, { uid, resourceVersion });
        return 'completed';
      } catch (error) {
        if (!isStoreError(error, 'NotFound', 'Conflict')) throw error;
      }
      const now = await read(name);
      return now && factsOf(now)?.id === facts.id ? 'known' : 'lost';
    },
    forget: async (record) => {
      if (await remove(record)) return 'forgotten';
      const now = await read(record.name);
      return now?.metadata.uid === record.uid && factsOf(now) ? 'kept' : 'absent';
    },
    sweep: async () => {
      const { items } = await store.list(configMaps, { namespace, labels: recordLabel });
      const removed = await Promise.all(
        items.filter((map) => isPast(map, clock.now())).map(({ metadata }) => remove(metadata)),
      );
      return removed.filter(Boolean).length;
    },
  };
}
