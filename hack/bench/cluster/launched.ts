import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createCaller, type Caller } from '../caller.ts';
import type { Run } from '../run.ts';

/** `npm run cluster` with real browsers, in a folder of its own. Disposing ends it and removes everything. */
export interface LaunchedCluster extends AsyncDisposable {
  readonly caller: Caller;
}

export type LaunchSettings = Readonly<Record<`PORTHOLE_${string}`, string | number>>;

const startLimitMs = 180_000;
const endLimitMs = 30_000;
const lookMs = 100;

export async function launchCluster(run: Run, settings: LaunchSettings): Promise<LaunchedCluster> {
  await using stack = new AsyncDisposableStack();
  const root = await mkdtemp(path.join(tmpdir(), 'porthole-bench-launched-'));
  stack.defer(() => rm(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));
  await chmod(root, 0o755); // sandboxes run as other users, who pass through
  const [dir, temporary] = [path.join(root, 'cluster'), path.join(root, 'tmp')];
  await mkdir(temporary);
  await chmod(temporary, 0o1777);
  const { PATH = '', HOME = '' } = process.env;
  const ports = { PORTHOLE_API_PORT: 0, PORTHOLE_GATEWAY_PORT: 0, PORTHOLE_METRICS_PORT: 0 };
  const own = { ...ports, PORTHOLE_CLUSTER_DIR: dir, PORTHOLE_LOG_LEVEL: 'warn', PORTHOLE_CHROMIUM: run.chromium };
  const env = Object.fromEntries(Object.entries({ ...own, ...settings }).map(([name, value]) => [name, `${value}`]));
  // The channel ends it with this process, however that ends.
  const child = spawn(process.execPath, [path.join(run.repository, 'hack', 'cluster', 'main.ts')], {
    cwd: run.repository,
    env: { PATH, HOME, TMPDIR: temporary, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (chunk: string) => (said = `${said}${chunk}`.slice(-2_000)));
  const ended = once(child, 'exit');
  stack.defer(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGINT');
    const timer = setTimeout(() => child.kill('SIGKILL'), endLimitMs);
    await ended;
    clearTimeout(timer);
  });
  const deadline = performance.now() + startLimitMs;
  let text = '';
  while (!text.endsWith('\n')) {
    if (child.exitCode !== null || performance.now() > deadline) throw new Error(`The cluster did not start: ${said}`);
    await delay(lookMs);
    text = await readFile(path.join(dir, 'instance.json'), 'utf8').catch(() => '');
  }
  const { apiUrl } = JSON.parse(text) as { apiUrl: string };
  const apiKey = (await readFile(path.join(dir, 'api-key'), 'utf8')).trim();
  const caller = stack.use(createCaller({ apiUrl, apiKey, parallel: 1 }));
  const running = stack.move();
  return { caller, [Symbol.asyncDispose]: () => running.disposeAsync() };
}
