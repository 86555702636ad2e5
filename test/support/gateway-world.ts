import { createHash } from 'node:crypto';
import { Registry } from 'prom-client';
import { browserAccounts, type BrowserAccount } from '../../src/api/v1alpha1/browser-account.ts';
import { browserSessions, type BrowserSession } from '../../src/api/v1alpha1/browser-session.ts';
import { apiVersion } from '../../src/api/v1alpha1/group.ts';
import type { Gateway, GatewayOptions } from '../../src/gateway/options.ts';
import { startGateway } from '../../src/gateway/start-gateway.ts';
import { pods } from '../../src/kube/builtins.ts';
import { createInformer } from '../../src/kube/controller/informer.ts';
import { createMemoryStore } from '../../src/kube/memory/memory-store.ts';
import type { Store } from '../../src/kube/store.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createLogger, type Logger } from '../../src/lib/logger.ts';
import { signToken } from '../../src/lib/signed-token.ts';
import type { StandInAgent } from './stand-in-agent.ts';

export const tokenKey = Buffer.alloc(32, 'k');
const namespace = 'default';

/** A gateway over a store of its own; sessions are made ready by hand. */
export interface GatewayWorld extends AsyncDisposable {
  readonly store: Store;
  readonly gateway: Gateway;
  readonly registry: Registry;
  /** `127.0.0.1:<port>`. */
  readonly at: string;
  createAccount(name: string, apiKey: string): Promise<BrowserAccount>;
  /** A session of account `a`, by default ready in a sandbox of the agent. */
  createSession(options?: { account?: string; phase?: 'Pending' | 'Starting' | 'Ready' }): Promise<BrowserSession>;
  makeReady(session: BrowserSession): Promise<void>;
}

export const tokenFor = (subject: string, scope = 'cdp', lifeMs = 60_000): string =>
  signToken(tokenKey, { subject, scope, expiresAtMs: Date.now() + lifeMs });

export interface GatewayWorldOptions extends Partial<Omit<GatewayOptions, 'logger'>> {
  readonly agent: StandInAgent;
  readonly logger?: Logger;
}

export async function startGatewayWorld({ agent, ...over }: GatewayWorldOptions): Promise<GatewayWorld> {
  const clock = systemClock;
  const logger = over.logger ?? createLogger({ name: 'test', level: 'silent' });
  const stop = new AbortController();
  const store = createMemoryStore({ clock, resources: [browserAccounts, browserSessions, pods] });
  const watching = { namespace, clock, logger, signal: stop.signal };
  const registry = new Registry();
  const gateway = await startGateway({
    host: '127.0.0.1',
    port: 0,
    namespace,
    store,
    sessions: createInformer(store, browserSessions, watching),
    pods: createInformer(store, pods, watching),
    accounts: createInformer(store, browserAccounts, watching),
    tokenKey,
    tickets: { ticketFor: ({ podUid, sessionUid, purpose }) => `${podUid}/${sessionUid}/${purpose}` },
    agentPort: agent.port,
    clock,
    logger,
    registry,
    ...over,
  });
  let made = 0;
  const createAccount = (name: string, apiKey: string): Promise<BrowserAccount> =>
    store.create(browserAccounts, {
      apiVersion,
      kind: 'BrowserAccount',
      metadata: { name, namespace },
      spec: { apiKeyHashes: [createHash('sha256').update(apiKey).digest('hex')] } as unknown as BrowserAccount['spec'],
    });
  const makeReady = async ({ metadata }: BrowserSession): Promise<void> => {
    const pod = await store.create(pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `pod-${metadata.name}`, namespace },
      spec: { containers: [] },
    });
    await store.patchStatus(pods, pod.metadata, { phase: 'Running', podIP: '127.0.0.1' });
    const sandbox = { podName: pod.metadata.name, podUID: pod.metadata.uid, node: 'local', warm: true };
    await store.patchStatus(browserSessions, metadata, { phase: 'Ready', sandbox });
  };
  await createAccount('a', 'key-of-a');
  return {
    store,
    gateway,
    registry,
    at: `127.0.0.1:${gateway.port}`,
    createAccount,
    makeReady,
    createSession: async ({ account = 'a', phase = 'Ready' } = {}) => {
      const session = await store.create(browserSessions, {
        apiVersion,
        kind: 'BrowserSession',
        metadata: { name: `s${made++}`, namespace },
        spec: { accountRef: { name: account } } as unknown as BrowserSession['spec'],
      });
      if (phase === 'Ready') await makeReady(session);
      else await store.patchStatus(browserSessions, session.metadata, { phase });
      return session;
    },
    [Symbol.asyncDispose]: async () => {
      await gateway[Symbol.asyncDispose]();
      stop.abort();
      await store[Symbol.asyncDispose]();
    },
  };
}
