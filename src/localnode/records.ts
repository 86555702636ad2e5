import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readBootId, readStartTicks, type SessionLeader } from './process-table.ts';

/**
 * What a Pod has on this machine, written before any of it exists, so that the next start finds what a killed one left. A
 * process that was started but not yet written down is found by its environment, which names the folder.
 */
export interface PodRecord {
  readonly podUid: string;
  readonly podDir: string;
  readonly addressIndex: number;
  /** The Pod's own user id, if it has one. */
  readonly uid?: number;
  /** One for each container process started. */
  readonly sessions: readonly Required<SessionLeader>[];
  readonly bootId: string;
  /** The process that wrote it: while that lives, the Pod is its business. */
  readonly owner: Required<SessionLeader>;
}

export interface PodRecords {
  readonly dir: string;
  /** Synchronous: the next statement may start a process. Survives the death of this process, not of the machine. */
  write(record: Omit<PodRecord, 'bootId' | 'owner'>): PodRecord;
  remove(podUid: string): void;
}

/** Records are files `<podUid>.json` in `dir`, which is made, for its owner only. */
export function createPodRecords(dir: string): PodRecords {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const bootId = readBootId();
  const owner = { pid: process.pid, startTicks: readStartTicks(process.pid) ?? 0 };
  // One name for all: what a crash leaves half-written, the next write replaces.
  const draft = join(dir, 'draft');
  const pathOf = (podUid: string): string => join(dir, `${podUid}.json`);
  return {
    dir,
    write: (given) => {
      const record: PodRecord = { ...given, bootId, owner };
      writeFileSync(draft, JSON.stringify(record), { mode: 0o600 });
      renameSync(draft, pathOf(record.podUid));
      return record;
    },
    remove: (podUid) => rmSync(pathOf(podUid), { force: true }),
  };
}

/** Records that can be read; nobody knows what another stands for. */
export function readPodRecords(dir: string): readonly PodRecord[] {
  return readdirSync(dir)
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) => {
      try {
        return [JSON.parse(readFileSync(join(dir, name), 'utf8')) as PodRecord];
      } catch {
        return [];
      }
    });
}
