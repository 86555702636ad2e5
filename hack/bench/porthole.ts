import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { paths, ports } from '../../src/api/agent/contract.ts';
import { descendantsOf } from '../../test/support/process-table.ts';
import { createCaller, type Caller } from './caller.ts';
import { killAll, sandboxesBelow, untilQuiet, type SandboxProcesses } from './processes.ts';
import type { Run } from './run.ts';

/** Settings of embedded mode by environment variable; ports, folder, browser and log level are given. */
export type Knobs = Readonly<Record<`PORTHOLE_${string}`, string | number>>;

/** Embedded mode as `npm start` runs it, in a data folder of its own. Disposing ends it and removes everything. */
export interface Porthole extends AsyncDisposable, Omit<Caller, keyof Disposable> {
  readonly pid: number;
  readonly dataDir: string;
  readonly apiKey: string;
  sandboxes(): SandboxProcesses[];
  /** Waits until `count` sandboxes run, all of them usable, and nothing is going on any more. */
  untilWarm(count: number): Promise<void>;
  quiet(): Promise<void>;
}

interface Instance {
  readonly pid: number;
  readonly apiUrl: string;
  readonly metricsUrl: string;
}

const startLimitMs = 60_000;
const endLimitMs = 10_000;
const warmLimitMs = 120_000;

async function untilReady(dataDir: string, child: ChildProcess, said: () => string): Promise<Instance> {
  const deadline = performance.now() + startLimitMs;
  while (performance.now() < deadline && child.exitCode === null) {
    const text = await readFile(path.join(dataDir, 'instance.json'), 'utf8').catch(() => '');
    const instance = text.endsWith('\n') ? (JSON.parse(text) as Instance) : undefined;
    const answer = instance && (await fetch(new URL('/readyz', instance.metricsUrl)).catch(() => undefined));
    if (instance && answer?.ok) return instance;
    await delay(20);
  }
  throw new Error(`Porthole did not become ready. It said:\n${said()}`);
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const family = descendantsOf(child.pid ?? 0).map((entry) => entry.pid);
  const exited = once(child, 'exit');
  child.kill('SIGINT');
  const timer = setTimeout(() => {
    child.kill('SIGKILL');
    killAll(family);
  }, endLimitMs);
  await exited;
  clearTimeout(timer);
}

async function isUsable({ podIp }: SandboxProcesses): Promise<boolean> {
  const answer = await fetch(`http://${podIp}:${ports.agent}${paths.ready}`).catch(() => undefined);
  return answer?.ok === true;
}

async function untilUsable(pid: number, count: number): Promise<void> {
  const deadline = performance.now() + warmLimitMs;
  for (;;) {
    const sandboxes = sandboxesBelow(pid);
    const usable = await Promise.all(sandboxes.map(isUsable));
    if (sandboxes.length === count && usable.every(Boolean)) return;
    if (performance.now() > deadline) {
      throw new Error(
        `${usable.filter(Boolean).length} of ${count} sandboxes became usable in ${warmLimitMs / 1000} s`,
      );
    }
    await delay(100);
  }
}

/** A session's pod becomes ready in the operator's eyes a probe's period after it is. */
const probePeriodMs = 1_100;

/** `parallel`: how many connections to the REST API there are. */
export async function startPorthole(run: Run, knobs: Knobs, parallel = 1): Promise<Porthole> {
  await using stack = new AsyncDisposableStack();
  const root = await mkdtemp(path.join(tmpdir(), 'porthole-bench-'));
  stack.defer(() => rm(root, { recursive: true, force: true }));
  await chmod(root, 0o755); // sandboxes run as other users, who pass through
  const [dataDir, temporary] = [path.join(root, 'data'), path.join(root, 'tmp')];
  await mkdir(temporary);
  await chmod(temporary, 0o1777);
  const { PATH = '', HOME = '' } = process.env;
  const own = {
    PORTHOLE_API_PORT: 0,
    PORTHOLE_GATEWAY_PORT: 0,
    PORTHOLE_METRICS_PORT: 0,
    PORTHOLE_LOG_LEVEL: 'warn',
    PORTHOLE_DATA_DIR: dataDir,
    PORTHOLE_CHROMIUM: run.chromium,
    ...knobs,
  };
  const env = Object.fromEntries(Object.entries(own).map(([name, value]) => [name, `${value}`]));
  // The channel ends it with this process, however that ends.
  const child = spawn(process.execPath, [...run.nodeFlags, path.join(run.repository, 'hack', 'start.mjs')], {
    cwd: run.repository,
    env: { PATH, HOME, TMPDIR: temporary, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  stack.defer(() => endProcess(child));
  const chunks: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => void chunks.push(chunk));
  }
  const instance = await untilReady(dataDir, child, () => chunks.join(''));
  const apiKey = (await readFile(path.join(dataDir, 'api-key'), 'utf8')).trim();
  const caller = stack.use(createCaller({ ...instance, apiKey, parallel }));
  const { pid } = instance;
  const running = stack.move();
  return {
    pid,
    dataDir,
    apiKey,
    ...caller,
    sandboxes: () => sandboxesBelow(pid),
    untilWarm: async (count) => {
      await untilUsable(pid, count);
      await delay(probePeriodMs);
      await untilQuiet(pid);
    },
    quiet: () => untilQuiet(pid),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
