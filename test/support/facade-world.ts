import { createHash } from 'node:crypto';
import { Registry } from 'prom-client';
import { browserAccounts, type BrowserAccount } from '../../src/api/v1alpha1/browser-account.ts';
import { browserSessions, type BrowserSession, type EndReason } from '../../src/api/v1alpha1/browser-session.ts';
import { apiVersion } from '../../src/api/v1alpha1/group.ts';
import { proxyProviders } from '../../src/api/v1alpha1/proxy-provider.ts';
import { apiKeyHashesOf, apiKeyIndex } from '../../src/facade/http/authenticate.ts';
import type { FacadeOptions } from '../../src/facade/options.ts';
import { accountIndex, accountNamesOf } from '../../src/facade/session/lookup.ts';
import { startFacade } from '../../src/facade/start-facade.ts';
import { configMaps, pods } from '../../src/kube/builtins.ts';
import { createInformer } from '../../src/kube/controller/informer.ts';
import type { Informer } from '../../src/kube/controller/port.ts';
import { createMemoryStore } from '../../src/kube/memory/memory-store.ts';
import { isStoreError } from '../../src/kube/store-error.ts';
import type { Store } from '../../src/kube/store.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { ConfigMap } from '../../src/lib/kubernetes.ts';
import { createLogger } from '../../src/lib/logger.ts';
import type { NewObject } from '../../src/lib/object-meta.ts';
import { formatTime } from '../../src/lib/time.ts';
import { SandboxError, type AgentClient } from '../../src/sandbox/port.ts';
import { createMemoryBlobs } from './memory-blobs.ts';
import { createApiClient, type ApiClient } from './api-client.ts';
import { noRecordings } from './fakes.ts';
import { agentStatus } from './objects.ts';

const namespace = 'default';

/** What the small operator of these tests does with a session that appears. */
export type Fate =
  'ready' | 'pending' | { readonly ends: EndReason; readonly quota?: { limit: number; current: number } };

/** Agents as the tests want them. */
export interface ScriptedAgents extends AgentClient {
  idleForMs: number;
  answering: boolean;
  touches: number;
}

function createScriptedAgents(): ScriptedAgents {
  const orFail = <T>(self: ScriptedAgents, value: T): Promise<T> =>
    self.answering ? Promise.resolve(value) : Promise.reject(new SandboxError('unreachable', 'no answer'));
  return {
    idleForMs: 0,
    answering: true,
    touches: 0,
    bind: () => Promise.resolve(agentStatus),
    ...noRecordings,
    greet: () => Promise.resolve(),
    bringExtension: () => Promise.resolve(),
    status(sandbox) {
      const activity = { attachedClients: 0, idleForMs: this.idleForMs };
      return orFail(this, { ...agentStatus, sessionUid: sandbox.sessionUid, activity });
    },
    touch() {
      this.touches += 1;
      this.idleForMs = 0;
      return orFail(this, { attachedClients: 0, idleForMs: 0 });
    },
    endIfIdle: () => Promise.resolve({ attachedClients: 0, idleForMs: 0, ended: false }),
    endIfUnused: () => Promise.resolve({ ended: false }),
    pages() {
      return orFail(this, [{ pageId: 'P1', url: 'about:blank', title: '', active: true }]);
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

async function makeReady(store: Store, session: BrowserSession): Promise<void> {
  const pod = await store.create(pods, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `sandbox-${session.metadata.uid}`, namespace },
    spec: { containers: [] },
  });
  await store.patchStatus(pods, pod.metadata, { phase: 'Running', podIP: '127.77.9.9' });
  const now = Date.now();
  const { uid } = session.metadata;
  const sandbox = { podName: pod.metadata.name, podUID: pod.metadata.uid, node: 'local', warm: true };
  const expiresAt = formatTime(now + session.spec.idleTimeoutMs);
  await store.patchStatus(
    browserSessions,
    session.metadata,
    { phase: 'Ready', sandbox, readyAt: formatTime(now), expiresAt },
    { uid },
  );
}

/** Stands in for the operator: decides each session's fate as the test says. */
function startSmallOperator(store: Store, sessions: Informer<BrowserSession>, fate: () => Fate): Disposable {
  const decide = async (session: BrowserSession): Promise<void> => {
    const decided = fate();
    if (decided === 'pending') return;
    if (decided === 'ready') return makeReady(store, session);
    const { uid } = session.metadata;
    const { ends: endReason, quota } = decided;
    const ended = { phase: 'Ended', endReason, endedAt: formatTime(Date.now()), ...(quota ? { quota } : {}) };
    await store.patchStatus(browserSessions, session.metadata, ended, { uid });
  };
  return sessions.onChange(({ type, object }) => {
    if (type !== 'added') return;
    decide(object).catch((error: unknown) => {
      if (!isStoreError(error, 'NotFound', 'Conflict', 'Unavailable')) throw error;
    });
  });
}

export interface FacadeWorld extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly store: Store;
  readonly api: ApiClient;
  /** Another facade over the same store, as a second replica. */
  readonly replica: () => Promise<ApiClient>;
  as(apiKey: string): ApiClient;
  readonly agents: ScriptedAgents;
  readonly registry: Registry;
  /** Parsed lines. */
  readonly log: Record<string, unknown>[];
  fate: Fate;
  sessions(): Promise<readonly BrowserSession[]>;
  records(): Promise<readonly ConfigMap[]>;
  /** Makes a session that waits ready, or ends it. */
  settle(session: BrowserSession, fate: Exclude<Fate, 'pending'>): Promise<void>;
  stopFacade(): Promise<void>;
}

export const tokenKey = Buffer.alloc(32, 7);

async function createAccount(store: Store, name: string, limits: object = {}): Promise<string> {
  const apiKey = `key-of-${name}`;
  const apiKeyHashes = [createHash('sha256').update(apiKey).digest('hex')];
  // The store fills in the defaults that the type says are there.
  const account = { apiVersion, kind: 'BrowserAccount', metadata: { name, namespace }, spec: { apiKeyHashes, limits } };
  await store.create(browserAccounts, account as unknown as NewObject<BrowserAccount>);
  return apiKey;
}

export interface FacadeWorldOptions extends Partial<FacadeOptions> {
  /** Of the account that `api` belongs to. */
  readonly limits?: object;
}

export async function startFacadeWorld(options: FacadeWorldOptions = {}): Promise<FacadeWorld> {
  const stack = new AsyncDisposableStack();
  const stop = new AbortController();
  const clock = options.clock ?? systemClock;
  const store = options.store ?? createMemoryStore({ clock });
  const log: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void log.push(JSON.parse(line) as Record<string, unknown>) };
  const logger = createLogger({ name: 'facade', level: 'info', destination });
  const apiKey = await createAccount(store, 'default', options.limits);
  await createAccount(store, 'other');
  const common = { namespace, clock: systemClock, logger, signal: stop.signal };
  const agents = createScriptedAgents();
  const blobs = createMemoryBlobs();
  const registry = new Registry();

  const startOne = async (ownRegistry: Registry) => {
    const sessions = createInformer(store, browserSessions, { ...common, indexes: { [accountIndex]: accountNamesOf } });
    const accounts = createInformer(store, browserAccounts, { ...common, indexes: { [apiKeyIndex]: apiKeyHashesOf } });
    const podInformer = createInformer(store, pods, common);
    const providers = createInformer(store, proxyProviders, common);
    await Promise.all([sessions.synced, accounts.synced, podInformer.synced, providers.synced]);
    const facade = await startFacade({
      host: '127.0.0.1',
      port: 0,
      namespace,
      store,
      sessions,
      pods: podInformer,
      providers,
      accounts,
      agents,
      blobs,
      tokenKey,
      publicCdpUrl: 'ws://cdp.test',
      publicLiveUrl: 'http://live.test/live/',
      createDeadlineMs: 5_000,
      clock,
      logger,
      registry: ownRegistry,
      version: '1.2.3',
      ...options,
    });
    stack.use(facade);
    return { facade, sessions };
  };

  stack.defer(() => stop.abort());
  const { facade, sessions } = await startOne(registry);
  const url = `http://127.0.0.1:${facade.port}`;
  const world: FacadeWorld = {
    url,
    port: facade.port,
    store,
    agents,
    registry,
    log,
    fate: 'ready',
    api: createApiClient(url, apiKey),
    as: (key) => createApiClient(url, key),
    replica: async () => createApiClient(`http://127.0.0.1:${(await startOne(new Registry())).facade.port}`, apiKey),
    sessions: async () => (await store.list(browserSessions)).items,
    records: async () => (await store.list(configMaps)).items,
    settle: async (session, fate) => {
      if (fate === 'ready') return makeReady(store, session);
      await store.patchStatus(browserSessions, session.metadata, { phase: 'Ended', endReason: fate.ends });
    },
    stopFacade: async () => facade[Symbol.asyncDispose](),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
  stack.use(startSmallOperator(store, sessions, () => world.fate));
  return world;
}
