import { randomUUID } from 'node:crypto';
import { expect, vi } from 'vitest';
import { browserAccounts, type BrowserAccount } from '../../src/api/v1alpha1/browser-account.ts';
import { browserPools, type BrowserPool } from '../../src/api/v1alpha1/browser-pool.ts';
import { browserSessions, type BrowserSession } from '../../src/api/v1alpha1/browser-session.ts';
import { apiVersion, labels } from '../../src/api/v1alpha1/group.ts';
import type { BlobStore } from '../../src/blobs/blob-store.ts';
import { startOperator, type Operator, type OperatorHooks } from '../../src/controllers/operator.ts';
import { pods } from '../../src/kube/builtins.ts';
import { createMemoryStore, type MemoryStore } from '../../src/kube/memory/memory-store.ts';
import type { EventRecorder } from '../../src/kube/controller/port.ts';
import type { Store } from '../../src/kube/store.ts';
import { systemClock, type Clock } from '../../src/lib/clock.ts';
import type { NewObject } from '../../src/lib/object-meta.ts';
import { createMemoryBlobs } from './memory-blobs.ts';
import { createFakeAgents, silentLogger } from './fakes.ts';
import { patience } from './patience.ts';

const namespace = 'default';
export const named = (name: string): { name: string; namespace: string } => ({ name, namespace });

export interface BenchOptions {
  /** How long after a write the operator's watches show it, in milliseconds; default: at once. */
  readonly watchLagMs?: number;
  readonly hooks?: OperatorHooks;
  readonly mayGrant?: () => boolean;
  readonly events?: EventRecorder;
  readonly blobs?: BlobStore;
  /** The operator's; default: the system's. */
  readonly clock?: Clock;
  /** What the operator does to the store goes through this. */
  readonly storeOf?: (store: Store) => Store;
}

/** `store`, but for what is done otherwise. */
export function through(store: Store, otherwise: Partial<Store>): Store {
  return {
    get: (...args) => store.get(...args),
    list: (...args) => store.list(...args),
    create: (...args) => store.create(...args),
    update: (...args) => store.update(...args),
    patch: (...args) => store.patch(...args),
    patchStatus: (...args) => store.patchStatus(...args),
    apply: (...args) => store.apply(...args),
    delete: (...args) => store.delete(...args),
    watch: (...args) => store.watch(...args),
    ...otherwise,
  };
}

/** As a client far away sees it: writes answer at once, watches tell of them later. */
function lagging(store: Store, lagMs: number): Store {
  return through(store, {
    async *watch(resource, options) {
      for await (const event of store.watch(resource, options)) {
        await new Promise((resolve) => setTimeout(resolve, lagMs));
        yield event;
      }
    },
  });
}

/** An operator over the memory store, with agents that answer at once. */
export class Bench implements AsyncDisposable {
  readonly stop = new AbortController();
  readonly agents = createFakeAgents();
  readonly blobs: BlobStore;
  readonly store: MemoryStore = createMemoryStore({ clock: systemClock });
  readonly #options: BenchOptions;
  operator: Operator;

  constructor(options: BenchOptions = {}) {
    this.#options = options;
    this.blobs = options.blobs ?? createMemoryBlobs();
    this.operator = this.startOperator();
  }

  startOperator(): Operator {
    const { watchLagMs, storeOf = (given: Store): Store => given, ...options } = this.#options;
    const store = storeOf(this.store);
    return startOperator({
      store: watchLagMs === undefined ? store : lagging(store, watchLagMs),
      namespace,
      agents: this.agents,
      blobs: this.blobs,
      urls: { cdp: 'ws://gateway', live: 'http://gateway/live' },
      settings: { ticketKey: 'key', egressDenyPorts: [], systemNamespace: 'porthole-system' },
      tokenKey: Buffer.from('token key'),
      clock: systemClock,
      logger: silentLogger,
      randomSuffix: () => randomUUID().slice(0, 8),
      ...options,
    });
  }

  async account(spec: object = {}): Promise<void> {
    const object = {
      apiVersion,
      kind: 'BrowserAccount',
      metadata: named('a'),
      spec,
    } as unknown as NewObject<BrowserAccount>;
    await this.store.create(browserAccounts, object);
  }

  async pool(spec: object = {}): Promise<void> {
    const object = {
      apiVersion,
      kind: 'BrowserPool',
      metadata: named('default'),
      spec,
    } as unknown as NewObject<BrowserPool>;
    await this.store.create(browserPools, object);
  }

  session(name: string, spec: object = {}): Promise<BrowserSession> {
    const object = {
      apiVersion,
      kind: 'BrowserSession',
      metadata: named(name),
      spec: { accountRef: { name: 'a' }, onQuotaExceeded: 'Reject', ...spec },
    };
    return this.store.create(browserSessions, object as unknown as NewObject<BrowserSession>);
  }

  async sessions(): Promise<readonly BrowserSession[]> {
    return (await this.store.list(browserSessions)).items;
  }

  async pods(): Promise<readonly { name: string; session: string | undefined }[]> {
    const { items } = await this.store.list(pods);
    return items.map((p) => ({ name: p.metadata.name, session: p.metadata.labels?.[labels.sessionUid] }));
  }

  phase(name: string, phase: string, withinMs = patience.timeout): Promise<BrowserSession> {
    return vi.waitFor(async () => {
      const session = await this.store.get(browserSessions, named(name));
      expect(session?.status?.phase).toBe(phase);
      // Pending is what a session begins with: the operator is to have said so.
      expect(session?.status?.observedGeneration).toBeGreaterThan(0);
      return session as BrowserSession;
    }, withinMs);
  }

  warm(count: number): Promise<void> {
    return vi.waitFor(async () => {
      const { items } = await this.store.list(pods);
      const warm = items.filter(
        (p) => !p.metadata.labels?.[labels.sessionUid] && p.status?.conditions?.some((c) => c.type === 'Ready'),
      );
      expect(warm).toHaveLength(count);
    }, patience);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.operator[Symbol.asyncDispose]();
    this.stop.abort();
    await this.store[Symbol.asyncDispose]();
  }
}
