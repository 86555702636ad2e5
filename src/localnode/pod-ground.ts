import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Store } from '../kube/store.ts';
import type { Pod } from '../lib/kubernetes.ts';
import type { Logger } from '../lib/logger.ts';
import type { Identity } from '../lib/privileges.ts';
import type { AddressLease, AddressPool } from './addresses.ts';
import { endProcesses } from './end-processes.ts';
import type { ProcessTable, SessionLeader } from './process-table.ts';
import type { PodRecord, PodRecords } from './records.ts';
import { isOfPod } from './sweep.ts';
import { makeVolumes } from './volumes.ts';

/** What a Pod stands on: address, user, folders. kubelet's "sandbox"; that word means something else here. */
export interface PodGround {
  readonly address: string;
  readonly addressIndex: number;
  readonly identity: Identity | undefined;
  readonly podDir: string;
  readonly volumeDirs: Readonly<Record<string, string>>;
  logPath(container: string): string;
  /** Writes down that a container's session exists. */
  enlist(leader: SessionLeader): void;
  /** Ends whatever is left of the Pod and gives everything back. Never rejects. */
  release(): Promise<void>;
}

export interface GroundOptions {
  readonly store: Store;
  /** Each Pod gets a folder here, named by its uid. */
  readonly podsDir: string;
  /** First of a range of user ids, one for each address; undefined: Pods get none. */
  readonly firstUid?: number;
  readonly addresses: AddressPool;
  readonly records: PodRecords;
  readonly table: ProcessTable;
  readonly logger: Logger;
}

/** The user id follows the address: as unique on the machine, and as free again. */
function toIdentity(firstUid: number | undefined, { index }: AddressLease): Identity | undefined {
  return firstUid === undefined ? undefined : { uid: firstUid + index, gid: firstUid + index };
}

class Ground implements PodGround {
  readonly address: string;
  readonly addressIndex: number;
  readonly identity: Identity | undefined;
  readonly podDir: string;
  volumeDirs: Readonly<Record<string, string>> = {};
  readonly #podUid: string;
  readonly #lease: AddressLease;
  readonly #options: GroundOptions;
  readonly #sessions: Required<SessionLeader>[] = [];
  #record: PodRecord;

  constructor(podUid: string, lease: AddressLease, options: GroundOptions) {
    this.#podUid = podUid;
    this.#lease = lease;
    this.#options = options;
    this.address = lease.address;
    this.addressIndex = lease.index;
    this.identity = toIdentity(options.firstUid, lease);
    this.podDir = join(options.podsDir, podUid);
    this.#record = this.#write();
  }

  async prepare(pod: Pod): Promise<void> {
    // The Pod's user may pass through, to its volumes, and see no more than that.
    const volumes = join(this.podDir, 'volumes');
    await mkdir(volumes, { recursive: true, mode: 0o711 });
    await mkdir(join(this.podDir, 'logs'), { mode: 0o700 });
    this.volumeDirs = await makeVolumes(pod, { store: this.#options.store, dir: volumes, identity: this.identity });
  }

  logPath(container: string): string {
    return join(this.podDir, 'logs', `${container}.log`);
  }

  enlist({ pid, startTicks }: SessionLeader): void {
    if (startTicks === undefined) return;
    this.#sessions.push({ pid, startTicks });
    try {
      this.#record = this.#write();
    } catch (err) {
      this.#options.logger.error(
        { err },
        'a session is not on record: after a kill -9 it is found by its environment only',
      );
    }
  }

  async release(): Promise<void> {
    const { table, records, logger } = this.#options;
    try {
      const allGone = await endProcesses({ table, isMember: isOfPod(this.#record, true) });
      // Who still runs keeps the address, and with it the user id; the record tells the next start.
      if (!allGone) {
        logger.error({ podUid: this.#podUid }, 'some processes of a pod cannot be ended');
        return;
      }
      await rm(this.podDir, { recursive: true, force: true, maxRetries: 3 });
      records.remove(this.#podUid);
      await this.#lease[Symbol.asyncDispose]();
    } catch (err) {
      logger.error({ err, podUid: this.#podUid }, 'what a pod had could not be removed');
    }
  }

  #write(): PodRecord {
    const uid = this.identity?.uid;
    return this.#options.records.write({
      podUid: this.#podUid,
      podDir: this.podDir,
      addressIndex: this.addressIndex,
      sessions: this.#sessions,
      ...(uid === undefined ? {} : { uid }),
    });
  }
}

/** Takes an address, writes the record, then makes the folders. Rejects, with nothing kept, when any of it fails. */
export async function createPodGround(pod: Pod, options: GroundOptions): Promise<PodGround> {
  const lease = await options.addresses.acquire();
  const ground = new Ground(pod.metadata.uid, lease, options);
  try {
    await ground.prepare(pod);
    return ground;
  } catch (error) {
    await ground.release();
    throw error;
  }
}
