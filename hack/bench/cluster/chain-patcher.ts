/**
 * The other client of the bare chain: patches the status of each session as soon as its watch shows it, and does nothing else.
 * The status is what the operator writes for a warm session. A program: `chain-patcher.ts <kubeconfig> <namespace>`.
 */
import { browserSessions, type BrowserSession } from '../../../src/api/v1alpha1/browser-session.ts';
import { createInformer } from '../../../src/kube/controller/informer.ts';
import type { MergePatch } from '../../../src/kube/store.ts';
import { formatTime } from '../../../src/lib/time.ts';
import { connectStore } from './connect-store.ts';

const [kubeconfig = '', namespace = ''] = process.argv.slice(2);
const { store, ...watching } = connectStore(kubeconfig, 'bare-chain');

function readyStatusOf({ metadata }: BrowserSession): MergePatch {
  const now = formatTime(Date.now());
  const condition = (type: string, reason: string, message: string) => ({
    ...{ type, status: 'True', reason, message },
    lastTransitionTime: now,
  });
  return {
    phase: 'Ready',
    observedGeneration: 1,
    cdpUrl: `ws://127.0.0.1:18081/sessions/${metadata.uid}`,
    liveViewUrl: `http://127.0.0.1:18081/live/${metadata.uid}`,
    sandbox: { podName: `default-${metadata.name}`, podUID: metadata.uid, node: 'bench', warm: true },
    admittedAt: now,
    readyAt: now,
    lastActivityAt: now,
    expiresAt: now,
    conditions: [
      condition('Admitted', 'Admitted', 'The account has a slot for it.'),
      condition('SandboxReady', 'Bound', 'A sandbox of its own serves the session.'),
      condition('Ready', 'Ready', 'CDP clients can attach.'),
      condition('Isolated', 'LocalProcess', 'The browser is a process of this machine: no VM stands between them.'),
    ],
  };
}

const sessions = createInformer(store, browserSessions, { ...watching, namespace });
sessions.onChange(({ type, object }) => {
  if (type !== 'added' || object.status?.phase === 'Ready') return;
  const { metadata } = object;
  store.patchStatus(browserSessions, metadata, readyStatusOf(object), { uid: metadata.uid }).catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
  });
});
await sessions.synced;
process.once('SIGTERM', () => process.exit());
process.stdout.write('ready\n');
