import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { readProcess, type ProcessEntry } from '../../../test/support/process-table.ts';
import { listCgroupFolders, listCgroupPids } from '../../node/cgroups.ts';
import { memoryOf } from '../processes.ts';

/** Bytes. */
export interface PodMemory {
  /** What its cgroup is charged with: its processes' own memory, their part of the kernel's, files that they were the first to read. */
  readonly charged: number;
  /** The same without files that nobody has used for a while: what kubelets look at when memory runs out. */
  readonly workingSet: number;
  /** PSS by kind of process, the greatest first; those outside of the cgroup that are there for this Pod alone are called so. */
  readonly pss: ReadonlyMap<string, number>;
}

/** Pure. https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#memory-signals, and cAdvisor's way with either version. */
export function parseWorkingSet(charged: number, stat: string): number {
  const [, inactive = '0'] = /^total_inactive_file (\d+)$/m.exec(stat) ?? /^inactive_file (\d+)$/m.exec(stat) ?? [];
  return Math.max(0, charged - Number(inactive));
}

const kinds: readonly (readonly [RegExp, string])[] = [
  [/^\S*node .*\/src\/cmd\/main\.ts agent/, 'agent'],
  [/^\S*node .*\/src\/cmd\/main\.ts proxy/, 'proxy'],
  [/^\S*X(tiger)?vnc /, 'Xvnc'],
  [/^\S*chrom\S* /, 'Chromium'],
  [/^runsc-sandbox/, 'runsc sandbox'],
  [/^runsc-gofer/, 'runsc gofer'],
  [/^\S*containerd-shim/, 'shim'],
  // gVisor's processes for what runs inside have no command line.
  [/^$/, 'guests'],
];

/** Pure. What a process of a Pod is for; by its program when it is none of ours. */
export function kindOf(command: string): string {
  const known = kinds.find(([form]) => form.test(command))?.[1];
  return known ?? path.basename(command.split(' ')[0] ?? '');
}

const fileNames = { usage: ['memory.current', 'memory.usage_in_bytes'], stat: 'memory.stat' } as const;

function readCharge(cgroup: string, podUid: string): { readonly charged: number; readonly stat: string } {
  const folders = listCgroupFolders(cgroup).filter((folder) => path.basename(folder) === `pod${podUid}`);
  const files = folders.flatMap((folder) => fileNames.usage.map((name) => path.join(folder, name)));
  const usage = files.find(existsSync);
  if (usage === undefined) throw new Error(`no cgroup counts the memory of the Pod ${podUid}`);
  const stat = readFileSync(path.join(path.dirname(usage), fileNames.stat), 'utf8');
  return { charged: Number(readFileSync(usage, 'utf8')), stat };
}

/**
 * gVisor has several processes with one address space, which threads would be elsewhere, and each of them says what all of it takes. Two that
 * say the same to the last page are taken for one.
 */
function inDifferentSpaces(entries: readonly ProcessEntry[]): readonly number[] {
  const byText = new Map(entries.map(({ pid }) => [readMappings(pid) ?? `${pid}`, pid]));
  return [...byText.values()];
}

function readMappings(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/smaps`, 'utf8');
  } catch {
    return undefined; // it has just ended
  }
}

/** Parents of its processes that are in nobody's cgroup: a runtime's shim. */
function findOutside(inside: readonly ProcessEntry[]): readonly ProcessEntry[] {
  const pids = new Set(inside.map(({ pid }) => pid));
  const parents = new Set(inside.map(({ ppid }) => ppid).filter((ppid) => !pids.has(ppid)));
  return [...parents].map(readProcess).filter((entry) => entry?.command.includes('shim')) as ProcessEntry[];
}

/** `cgroup`: of the node. */
export function readPodMemory(cgroup: string, podUid: string): PodMemory {
  const inside = listCgroupPids(cgroup, podUid)
    .map(readProcess)
    .filter((entry) => entry !== undefined);
  const all = [
    ...inside.map((entry) => ({ ...entry, kind: kindOf(entry.command) })),
    ...findOutside(inside).map((entry) => ({ ...entry, kind: `${kindOf(entry.command)}, outside` })),
  ];
  const pss = [...Map.groupBy(all, ({ kind }) => kind)].map(([kind, entries]): [string, number] => [
    kind,
    memoryOf(inDifferentSpaces(entries))?.pss ?? 0,
  ]);
  const { charged, stat } = readCharge(cgroup, podUid);
  return {
    charged,
    workingSet: parseWorkingSet(charged, stat),
    pss: new Map(pss.toSorted(([, a], [, b]) => b - a)),
  };
}
