import { rm } from 'node:fs/promises';
import type { Logger } from '../lib/logger.ts';
import type { AddressPool } from './addresses.ts';
import { endProcesses, isInSession } from './end-processes.ts';
import { readBootId, readStartTicks, type ProcessEntry, type ProcessTable } from './process-table.ts';
import { readPodRecords, type PodRecord, type PodRecords } from './records.ts';

export interface SweepOptions {
  readonly records: PodRecords;
  readonly table: ProcessTable;
  readonly addresses: AddressPool;
  readonly logger: Logger;
}

function isOwnerAlive({ owner }: PodRecord): boolean {
  return readStartTicks(owner.pid) === owner.startTicks;
}

/** Whether a process is of the recorded Pod. The user id counts only while nobody else can be given it. */
export function isOfPod(record: PodRecord, holdsAddress: boolean): (entry: ProcessEntry) => boolean {
  return (entry) => {
    if (entry.startTicks < record.owner.startTicks) return false;
    if (entry.origin) return entry.origin.podDir === record.podDir;
    return (
      record.sessions.some((leader) => isInSession(entry, leader)) ||
      entry.marks?.podDir === record.podDir ||
      (holdsAddress && record.uid !== undefined && entry.uid === record.uid)
    );
  };
}

async function sweepPod(record: PodRecord, { records, table, addresses, logger }: SweepOptions): Promise<boolean> {
  // A user id goes with the address. Whoever holds the address now may have processes of that user which are none of ours.
  await using lease = await addresses.tryAcquire(record.addressIndex);
  const isMember = isOfPod(record, lease !== undefined);
  if (record.bootId === readBootId() && !(await endProcesses({ table, isMember }))) {
    logger.error({ podUid: record.podUid }, 'processes of an earlier run cannot be ended; the next start tries again');
    return false;
  }
  await rm(record.podDir, { recursive: true, force: true, maxRetries: 3 });
  records.remove(record.podUid);
  logger.info({ podUid: record.podUid }, 'what an earlier run left of a pod is gone');
  return true;
}

/**
 * Ends and removes what a killed node has left, by its records: processes, then folders, then the records themselves.
 * Records whose writer lives are left alone. Resolves with the number of Pods removed. Without /proc (macOS) no
 * process can be told from another that was given its number, so only folders are removed.
 */
export async function sweepLeftovers(options: SweepOptions): Promise<number> {
  const abandoned = readPodRecords(options.records.dir).filter((record) => !isOwnerAlive(record));
  const swept = await Promise.all(abandoned.map((record) => sweepPod(record, options)));
  return swept.filter(Boolean).length;
}
