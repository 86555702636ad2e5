import type { AgentStatus } from '../../src/api/agent/wire.ts';
import { browserAccountSpec, type BrowserAccount } from '../../src/api/v1alpha1/browser-account.ts';
import { browserPoolSpec, type BrowserPool } from '../../src/api/v1alpha1/browser-pool.ts';
import {
  browserSessionSpec,
  type BrowserSession,
  type BrowserSessionStatus,
} from '../../src/api/v1alpha1/browser-session.ts';
import { apiVersion, labels } from '../../src/api/v1alpha1/group.ts';
import type { ObjectMeta } from '../../src/lib/object-meta.ts';
import type { Pod } from '../../src/lib/kubernetes.ts';
import { formatTime } from '../../src/lib/time.ts';

/** Objects for tests: complete by default, changed where a row of a table says so. */
export const startMs = 1_700_000_000_000;

export function meta(name: string, over: Partial<ObjectMeta> = {}): ObjectMeta {
  return {
    name,
    namespace: 'default',
    uid: `uid-${name}`,
    resourceVersion: '1',
    generation: 1,
    creationTimestamp: formatTime(startMs),
    ...over,
  };
}

export function session(
  spec: object = {},
  status?: Partial<BrowserSessionStatus>,
  over: Partial<ObjectMeta> = {},
): BrowserSession {
  return {
    apiVersion,
    kind: 'BrowserSession',
    metadata: meta('s', over),
    spec: browserSessionSpec.parse({ accountRef: { name: 'a' }, onQuotaExceeded: 'Reject', ...spec }),
    ...(status && { status: { phase: 'Pending', ...status } }),
  };
}

export function account(spec: object = {}): BrowserAccount {
  return { apiVersion, kind: 'BrowserAccount', metadata: meta('a'), spec: browserAccountSpec.parse(spec) };
}

export function pool(spec: object = {}): BrowserPool {
  return { apiVersion, kind: 'BrowserPool', metadata: meta('default'), spec: browserPoolSpec.parse(spec) };
}

export type PodKind = 'starting' | 'unschedulable' | 'warm' | 'claimed' | 'failed' | 'crashed' | 'ending';

const podLooks: Readonly<Record<PodKind, Partial<Pod> & { readonly meta?: Partial<ObjectMeta> }>> = {
  starting: {},
  unschedulable: { status: { conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable' }] } },
  warm: { status: { phase: 'Running', podIP: '127.77.0.1', conditions: [{ type: 'Ready', status: 'True' }] } },
  claimed: { status: { phase: 'Running', podIP: '127.77.0.1' }, meta: { labels: { [labels.sessionUid]: 'uid-s' } } },
  failed: { status: { phase: 'Failed' } },
  crashed: {
    status: {
      phase: 'Running',
      containerStatuses: [
        {
          name: 'browser',
          image: '',
          imageID: '',
          ready: false,
          restartCount: 0,
          state: { terminated: { exitCode: 70 } },
        },
      ],
    },
  },
  ending: { meta: { deletionTimestamp: formatTime(startMs) } },
};

export function pod(kind: PodKind, name = 'p', over: Partial<ObjectMeta> = {}): Pod {
  const { meta: extra, ...look } = podLooks[kind];
  const named = meta(name, { ...extra, ...over });
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    spec: { containers: [] },
    ...look,
    metadata: { ...named, labels: { [labels.pool]: 'default', [labels.templateHash]: 'h', ...named.labels } },
  };
}

export const agentStatus: AgentStatus = {
  phase: 'bound',
  sessionUid: 'uid-s',
  browser: { alive: true, product: 'Chrome/156', sandboxed: true, display: 'headless', bootMs: 400 },
  isolation: 'LocalProcess',
  activity: { attachedClients: 0, idleForMs: 0 },
};
