import { browserPools, type BrowserPool } from '../../../src/api/v1alpha1/browser-pool.ts';
import { browserSessions, type BrowserSession } from '../../../src/api/v1alpha1/browser-session.ts';
import { apiVersion } from '../../../src/api/v1alpha1/group.ts';
import { buildSandboxPod } from '../../../src/core/pods/sandbox-pod.ts';
import { readyStatus } from '../../../src/core/session/status.ts';
import { pods } from '../../../src/kube/builtins.ts';
import type { Store } from '../../../src/kube/store.ts';
import type { NewObject } from '../../../src/lib/object-meta.ts';
import { connectStore } from './connect-store.ts';
import { namespaces, nodeName, type ClusterWorld } from './world.ts';

const namespace = namespaces.sessions;
const parallel = 24;
/** Long enough for all of them to live through the bench. */
const idleTimeoutMs = 14_400_000;
const deadlineSeconds = 86_400;

function newSession(name: string): NewObject<BrowserSession> {
  const metadata = { name, namespace, labels: { 'porthole.dev/account': 'default' } };
  const spec: BrowserSession['spec'] = {
    accountRef: { name: 'default' },
    capabilities: [],
    extensions: [],
    idleTimeoutMs,
    onQuotaExceeded: 'Reject',
    ttlSecondsAfterEnded: 300,
  };
  return { apiVersion, kind: 'BrowserSession', metadata, spec };
}

/** One session that has been ready for a while: itself, its Pod on the fake node, and its status. */
async function seedSession(store: Store, pool: BrowserPool, name: string): Promise<void> {
  const session = await store.create(browserSessions, newSession(name));
  const settings = { ticketKey: 'A'.repeat(59), egressDenyPorts: [], systemNamespace: namespaces.system };
  const built = buildSandboxPod({
    name: `default-${session.metadata.uid}`,
    pool,
    templateHash: '0123456789abcdef',
    settings,
    runtimeHandler: undefined,
    session,
    activeDeadlineSeconds: deadlineSeconds,
  });
  const pod = await store.create(pods, { ...built, spec: { ...built.spec, nodeName } });
  const nowMs = Date.now();
  const status = readyStatus({
    session,
    account: undefined,
    pod,
    agent: {
      phase: 'bound',
      browser: { alive: true, product: 'Chrome/0.0.0.0', sandboxed: true, display: 'headless', bootMs: 0 },
      isolation: 'LocalProcess',
      activity: { attachedClients: 0, idleForMs: 0 },
    },
    wasWarm: true,
    admittedAtMs: nowMs,
    nowMs,
    urls: { cdp: 'ws://127.0.0.1:18081', live: 'http://127.0.0.1:18081/live' },
  });
  await store.patchStatus(browserSessions, session.metadata, { ...status });
}

/** Writes them as an operator would have, which must not run meanwhile: so it costs less time than to let it. */
export async function seedSessions(
  { kubeconfig }: ClusterWorld,
  count: number,
  onProgress: (made: number) => void,
): Promise<void> {
  const { store } = connectStore(kubeconfig, 'bench');
  const pool = await store.get(browserPools, { namespace, name: 'default' });
  if (!pool) throw new Error('the chart has made no pool');
  let begun = 0;
  const worker = async (): Promise<void> => {
    while (begun < count) {
      begun += 1;
      if (begun % 500 === 0) onProgress(begun);
      await seedSession(store, pool, `seeded-${begun}`);
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  await store[Symbol.asyncDispose]();
}
