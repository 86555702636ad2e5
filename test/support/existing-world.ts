import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { vi } from 'vitest';
import { z } from 'zod';
import { createTools } from '../../hack/cluster/tools.ts';
import { findPrograms } from '../../hack/controlplane/find.mjs';
import { createApiClient } from './api-client.ts';
import { patience } from './patience.ts';
import type { AccountOptions, World, WorldOptions } from './world.ts';

/*
 * Porthole as somebody has installed it on a cluster: PORTHOLE_API_URL, PORTHOLE_GATEWAY_URL and PORTHOLE_API_KEY say where and as
 * whom, KUBECONFIG who administers it. The pool and the account `default` are made as a story wants them, and put back; sessions
 * that were there before are left alone. The account has only one key, so two such worlds at once are one too many.
 */

const namespace = process.env['PORTHOLE_SESSIONS_NAMESPACE'] ?? 'porthole';
const warmLimitMs = 180_000;

type Kubectl = (args: readonly string[], input?: string) => Promise<string>;

function findKubectl(cacheDir: string): Kubectl {
  const { kubectl } = findPrograms(process.env, ['kubectl']).files;
  if (kubectl === undefined) throw new Error('kubectl cannot be found: npm run controlplane -- --only kubectl');
  const tools = createTools({ binaries: { kubectl, helm: '' }, cacheDir });
  return (args, input) => tools.kubectl(['--namespace', namespace, ...args], input);
}

function need(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`PORTHOLE_TEST_MODE=existing needs ${name}`);
  return value;
}

/** A story that looks at the machine on which everything runs has no business on somebody's cluster. */
function refuse(what: string): never {
  throw new Error(`${what} of a cluster that exists cannot be looked at from here`);
}

const itemsShape = z.object({ items: z.array(z.object({ metadata: z.object({ name: z.string() }) })) });

async function listNames(kubectl: Kubectl, kind: string): Promise<readonly string[]> {
  const { items } = itemsShape.parse(JSON.parse(await kubectl(['get', kind, '--output=json'])));
  return items.map(({ metadata }) => metadata.name);
}

const specShape = z.object({ spec: z.record(z.string(), z.unknown()) });

/** Changes some of an object's spec, and gives what puts it back. */
async function change(kubectl: Kubectl, object: string, spec: object): Promise<() => Promise<void>> {
  const { spec: before } = specShape.parse(JSON.parse(await kubectl(['get', object, '--output=json'])));
  const patch = async (wanted: object): Promise<void> => {
    await kubectl(['patch', object, '--type=merge', `--patch=${JSON.stringify({ spec: wanted })}`]);
  };
  await patch(spec);
  return () => patch(Object.fromEntries(Object.keys(spec).map((key) => [key, before[key] ?? null])));
}

function poolOf({ warm, maxSandboxes, startupDeadlineMs, egressAllow }: WorldOptions): object {
  const template = {
    ...(startupDeadlineMs !== undefined && { startupDeadlineMs }),
    ...(egressAllow !== undefined && { egress: { allow: egressAllow.split(',').filter(Boolean) } }),
  };
  return {
    ...(warm && { warm }),
    ...(maxSandboxes !== undefined && { maxSandboxes }),
    ...(Object.keys(template).length > 0 && { template }),
  };
}

async function createAccount(kubectl: Kubectl, account: AccountOptions): Promise<void> {
  const { name, apiKey, ...settings } = account;
  const spec = { ...settings, apiKeyHashes: [createHash('sha256').update(apiKey).digest('hex')] };
  const object = { apiVersion: 'porthole.dev/v1alpha1', kind: 'BrowserAccount', metadata: { name }, spec };
  await kubectl(['create', '--filename=-'], JSON.stringify(object));
}

/** Makes pool and accounts as the story wants them; what `undo` collects puts them back. */
async function arrange(kubectl: Kubectl, options: WorldOptions, undo: AsyncDisposableStack): Promise<void> {
  if (options.chromium !== undefined) refuse('another Chromium');
  undo.defer(await change(kubectl, 'browserpool/default', poolOf(options)));
  const { maxConcurrentSessions, accounts = [], warm } = options;
  if (maxConcurrentSessions !== undefined) {
    undo.defer(await change(kubectl, 'browseraccount/default', { maxConcurrentSessions }));
  }
  for (const account of accounts) {
    await createAccount(kubectl, account);
    undo.defer(async () => {
      await kubectl(['delete', 'browseraccount', account.name, '--wait=false']);
    });
  }
  if (!warm) return;
  const isReady = async (): Promise<boolean> => {
    const { length } = await listNames(kubectl, 'pods');
    return length >= warm.min && length <= warm.max;
  };
  await vi.waitUntil(isReady, { timeout: warmLimitMs, interval: 500 });
}

/** Ends what has come since. */
async function endSessions(kubectl: Kubectl, before: readonly string[]): Promise<void> {
  const since = (await listNames(kubectl, 'browsersessions')).filter((name) => !before.includes(name));
  if (since.length > 0) await kubectl(['delete', 'browsersessions', ...since]);
}

export async function startExistingWorld(options: WorldOptions = {}): Promise<World> {
  const [apiUrl, gatewayUrl] = [need('PORTHOLE_API_URL'), need('PORTHOLE_GATEWAY_URL')];
  await using starting = new AsyncDisposableStack();
  const cacheDir = await mkdtemp(path.join(tmpdir(), 'porthole-existing-'));
  starting.defer(() => rm(cacheDir, { recursive: true, force: true }));
  const kubectl = findKubectl(cacheDir);
  const before = await listNames(kubectl, 'browsersessions');
  await arrange(kubectl, options, starting);
  starting.defer(() => endSessions(kubectl, before));
  const as = (apiKey: string): World['api'] => createApiClient(apiUrl, apiKey);
  for (const { apiKey } of options.accounts ?? []) {
    // The facade learns of it by its watch.
    await vi.waitUntil(async () => (await as(apiKey).call('GET', '/browser/sessions')).status === 200, patience);
  }
  const running = starting.move();
  return {
    apiUrl,
    gatewayUrl,
    api: as(need('PORTHOLE_API_KEY')),
    as,
    get metricsUrl() {
      return need('PORTHOLE_METRICS_URL');
    },
    get pageHost() {
      return need('PORTHOLE_TEST_PAGE_HOST');
    },
    countSandboxes: async () => (await listNames(kubectl, 'pods')).length,
    sandboxProcesses: () => refuse('processes'),
    sandboxAddresses: () => refuse('addresses'),
    machinePid: () => refuse('processes'),
    secretFiles: () => refuse('files'),
    log: () => refuse('logs'),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
