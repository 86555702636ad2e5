import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { lastWords } from '../cluster/control-plane.ts';
import { startProcess, type ManagedProcess } from '../cluster/managed-process.ts';
import type { Machine } from './machine.ts';
import { containerdConfig, inside, nodeFiles, runscConfig, type NodePlace, type Runtime } from './node-files.ts';
import { systemPath } from './requirements.mjs';

const run = promisify(execFile);

/** Absolute paths. Shims and runtimes are looked for beside containerd and where the system's programs are. */
export interface ContainerdPrograms {
  readonly containerd: string;
  readonly ctr: string;
  /** Folders of further runtimes and shims. */
  readonly searched: readonly string[];
}

export interface ContainerdOptions {
  readonly runtime: Runtime;
  readonly programs: ContainerdPrograms;
  readonly place: NodePlace;
  readonly machine: Machine;
  /** Where `logs/` and `pids/` are. */
  readonly home: string;
  readonly supervised: boolean;
}

const graceMs = 5_000;
const readyLimitMs = 60_000;
const lookEveryMs = 50;

/** Runs ctr in the namespace of the kubelet's images; rejects with what it said. */
export async function callCtr({ programs, machine }: ContainerdOptions, args: readonly string[]): Promise<string> {
  const argv = machine.inside([programs.ctr, '--address', inside.containerdSocket, '--namespace', 'k8s.io', ...args]);
  const [program = '', ...rest] = argv;
  const { stdout } = await run(program, rest, { env: { PATH: systemPath }, maxBuffer: 2 ** 26 });
  return stdout;
}

/** Starts containerd on its folder. Resolves when it answers. */
export async function startContainerd(options: ContainerdOptions): Promise<ManagedProcess> {
  const { runtime, programs, place, machine, home, supervised } = options;
  const at = (file: string): string => path.join(place.dir, file);
  mkdirSync(at(nodeFiles.containerdRoot), { recursive: true });
  writeFileSync(at(nodeFiles.containerdConfig), containerdConfig(runtime, place));
  writeFileSync(at(nodeFiles.runscConfig), runscConfig);
  const containerd = startProcess(home, {
    name: 'containerd',
    argv: machine.inside([programs.containerd, '--config', at(nodeFiles.containerdConfig)]),
    cwd: place.dir,
    env: { PATH: [path.dirname(programs.containerd), ...programs.searched, systemPath].join(':'), HOME: place.dir },
    graceMs,
    supervised,
    isBelow: true,
  });
  const giveUpMs = performance.now() + readyLimitMs;
  for (;;) {
    const answers = await callCtr(options, ['version']).then(
      () => true,
      () => false,
    );
    if (answers) return containerd;
    if (performance.now() > giveUpMs || (!containerd.isRunning && !supervised)) {
      await containerd.stop();
      throw new Error(`containerd does not become ready. ${lastWords(containerd)}`);
    }
    await sleep(lookEveryMs);
  }
}
