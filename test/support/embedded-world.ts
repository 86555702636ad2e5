import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { vi } from 'vitest';
import { captureOutput } from './capture-output.ts';
import { createApiClient } from './api-client.ts';
import {
  browsersAmong,
  descendantsOf,
  localSandboxAddresses,
  stillRunning,
  type ProcessEntry,
} from './process-table.ts';
import type { AccountOptions, ProviderOptions, World, WorldOptions } from './world.ts';

const repository = resolve(import.meta.dirname, '../..');

/** Longest start and end of a world, in milliseconds; generous because test machines are busy. */
const startLimitMs = 60_000;
const endLimitMs = 30_000;

/** A place for one or several starts: data folder, and a temporary folder of its own in which anything left shows. */
export interface Place extends AsyncDisposable {
  readonly dataDir: string;
  readonly tempDir: string;
}

export async function createPlace(): Promise<Place> {
  const root = await mkdtemp(join(tmpdir(), 'porthole-story-'));
  const place = { dataDir: join(root, 'data'), tempDir: join(root, 'tmp') };
  await mkdir(place.tempDir);
  // Sandboxes run as users of their own: they pass through the first and write into the second.
  await chmod(root, 0o755);
  await chmod(place.tempDir, 0o1777);
  return { ...place, [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }) };
}

export interface EmbeddedOptions extends WorldOptions {
  /** Default: a new one that ends with the world. */
  readonly place?: Place;
  /** Further settings, by the names of their variables. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Porthole as a process of this machine, and what can be seen of it there. */
export interface EmbeddedWorld extends World {
  readonly pid: number;
  readonly place: Place;
  /** Everything that runs below it now. */
  processes(): ProcessEntry[];
  /** Sends a signal and waits until it has ended; gives the milliseconds it took. `Ctrl-C` reaches its whole process group. */
  stop(signal: NodeJS.Signals | 'Ctrl-C'): Promise<number>;
}

interface Instance {
  readonly pid: number;
  readonly apiUrl: string;
  readonly gatewayUrl: string;
  readonly metricsUrl: string;
}

const defined = (knobs: Readonly<Record<string, string | number | undefined>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(knobs).flatMap(([name, value]) => (value === undefined ? [] : [[name, `${value}`]])),
  );

/** Settings as the environment holds them; both modes know the same. */
export function knobsOf(options: WorldOptions): Record<string, string> {
  return defined({
    PORTHOLE_API_PORT: 0,
    PORTHOLE_GATEWAY_PORT: 0,
    PORTHOLE_METRICS_PORT: 0,
    PORTHOLE_LOG_LEVEL: options.logLevel ?? 'info',
    PORTHOLE_MAX_CONCURRENT_SESSIONS: options.maxConcurrentSessions,
    PORTHOLE_WARM_MIN: options.warm?.min ?? 1,
    PORTHOLE_WARM_MAX: options.warm?.max ?? 2,
    PORTHOLE_MAX_SANDBOXES: options.maxSandboxes,
    PORTHOLE_EGRESS_ALLOW: options.egressAllow,
    PORTHOLE_STARTUP_DEADLINE_MS: options.startupDeadlineMs,
    PORTHOLE_DISPLAY: options.display,
    PORTHOLE_CHROMIUM: options.chromium ?? process.env['PORTHOLE_CHROMIUM'],
  });
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: object;
}

function accountManifest({ name, apiKey, ...given }: AccountOptions): Manifest {
  const apiKeyHashes = [createHash('sha256').update(apiKey).digest('hex')];
  return { kind: 'BrowserAccount', metadata: { name }, spec: { ...given, apiKeyHashes } };
}

const providerManifest = ({ name, spec }: ProviderOptions): Manifest => ({
  kind: 'ProxyProvider',
  metadata: { name },
  spec,
});

/** Manifests in `<data folder>/objects` are applied at the start. */
async function writeManifests({ dataDir }: Place, manifests: readonly Manifest[]): Promise<void> {
  if (manifests.length === 0) return;
  const folder = join(dataDir, 'objects');
  await mkdir(folder, { recursive: true });
  for (const manifest of manifests) {
    const file = join(folder, `${manifest.kind}-${manifest.metadata.name}.json`);
    await writeFile(file, JSON.stringify({ apiVersion: 'porthole.dev/v1alpha1', ...manifest }), { mode: 0o600 });
  }
}

/** The command as a user gives it; never waits for anything. By the channel it ends with whoever started it, however that ends. */
export function spawnEmbedded(place: Place, knobs: Readonly<Record<string, string>>): ChildProcess {
  const { PATH = '', HOME = '' } = process.env;
  return spawn(process.execPath, [join(repository, 'src/cmd/main.ts'), 'embedded'], {
    cwd: repository,
    env: { PATH, HOME, TMPDIR: place.tempDir, PORTHOLE_DATA_DIR: place.dataDir, ...knobs },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // A process group of its own, as a shell gives one to each command.
    detached: true,
  });
}

/** Which addresses this start took; what an earlier start wrote does not count. */
async function readInstance(place: Place, pid: number): Promise<Instance> {
  const instance = JSON.parse(await readFile(join(place.dataDir, 'instance.json'), 'utf8')) as Instance;
  if (instance.pid !== pid) throw new Error('instance.json is not of this start');
  return instance;
}

async function untilReady(place: Place, child: ChildProcess, output: () => string): Promise<Instance> {
  let ended = false;
  child.once('exit', () => (ended = true));
  try {
    return await vi.waitUntil(
      async () => {
        if (ended)
          throw new Error(`Porthole ended with ${child.exitCode ?? child.signalCode ?? '?'} before it was ready`);
        const instance = await readInstance(place, child.pid ?? 0).catch(() => undefined);
        const answer = instance && (await fetch(new URL('/readyz', instance.metricsUrl)).catch(() => undefined));
        return answer?.ok ? instance : undefined;
      },
      { timeout: startLimitMs, interval: 20 },
    );
  } catch (error) {
    await endHard(child, descendantsOf(child.pid ?? 0));
    throw new Error(`Porthole did not become ready. It said:\n${output()}`, { cause: error });
  }
}

/** Ends a process and these others with kill -9. */
async function endHard(child: ChildProcess, others: readonly ProcessEntry[]): Promise<void> {
  const exited = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
  child.kill('SIGKILL');
  await exited;
  for (const { pid } of stillRunning(others)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // it ended by itself
    }
  }
}

async function stopChild(
  child: ChildProcess,
  signal: NodeJS.Signals | 'Ctrl-C',
  output: () => string,
): Promise<number> {
  if (child.exitCode !== null || child.signalCode !== null) return 0;
  const startedAt = performance.now();
  const family = descendantsOf(child.pid ?? 0);
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  if (signal === 'Ctrl-C') process.kill(-(child.pid ?? 0), 'SIGINT');
  else child.kill(signal);
  const timer = setTimeout(() => void endHard(child, family), endLimitMs);
  const [, endedBy] = await exited;
  clearTimeout(timer);
  if (endedBy === 'SIGKILL' && signal !== 'SIGKILL') {
    throw new Error(`Porthole did not end within ${endLimitMs} ms of ${signal}. It said:\n${output()}`);
  }
  return performance.now() - startedAt;
}

export async function startEmbeddedWorld(options: EmbeddedOptions = {}): Promise<EmbeddedWorld> {
  const place = options.place ?? (await createPlace());
  const { accounts = [], providers = [] } = options;
  await writeManifests(place, [...accounts.map(accountManifest), ...providers.map(providerManifest)]);
  const child = spawnEmbedded(place, { ...knobsOf(options), ...options.env });
  const output = captureOutput(child);
  const instance = await untilReady(place, child, output);
  const apiKey = (await readFile(join(place.dataDir, 'api-key'), 'utf8')).trim();
  const stop: EmbeddedWorld['stop'] = (signal) => stopChild(child, signal, output);
  const processes = (): ProcessEntry[] => descendantsOf(instance.pid);
  return {
    ...instance,
    place,
    pageHost: '127.0.0.1',
    api: createApiClient(instance.apiUrl, apiKey),
    as: (key) => createApiClient(instance.apiUrl, key),
    processes,
    sandboxProcesses: processes,
    sandboxAddresses: () => Promise.resolve(localSandboxAddresses(processes())),
    machinePid: (_session, pid) => Promise.resolve(pid),
    secretFiles: () => ['api-key', 'token.key', 'ticket.key'].map((name) => join(place.dataDir, name)),
    countSandboxes: () => Promise.resolve(browsersAmong(processes()).length),
    log: output,
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop('SIGINT');
      if (!options.place) await place[Symbol.asyncDispose]();
    },
  };
}
