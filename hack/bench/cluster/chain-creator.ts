/**
 * One of the two clients of the bare chain: creates sessions of nobody's and waits for its own watch to show the status that the
 * other one (chain-patcher.ts) writes. A program: `chain-creator.ts <kubeconfig> <namespace>`, told by messages what to do.
 */
import { setTimeout as delay } from 'node:timers/promises';
import {
  browserSessions,
  type BrowserSession,
  type BrowserSessionSpec,
} from '../../../src/api/v1alpha1/browser-session.ts';
import { apiVersion } from '../../../src/api/v1alpha1/group.ts';
import { createInformer } from '../../../src/kube/controller/informer.ts';
import type { NewObject } from '../../../src/lib/object-meta.ts';
import { connectStore } from './connect-store.ts';
import type { ChainOrder, ChainResult } from './chain-order.ts';

const [kubeconfig = '', namespace = ''] = process.argv.slice(2);
const { store, ...watching } = connectStore(kubeconfig, 'bare-chain');
const waiting = new Map<string, () => void>();
const sessions = createInformer(store, browserSessions, { ...watching, namespace });
sessions.onChange(({ object: { metadata, status } }) => {
  if (status?.phase === 'Ready') waiting.get(metadata.name)?.();
});
await sessions.synced;

/** The very object that the facade makes for a POST without a body. */
function sessionNamed(name: string): NewObject<BrowserSession> {
  const metadata = { name, namespace, labels: { 'porthole.dev/account': 'default' } };
  const spec: BrowserSessionSpec = {
    accountRef: { name: 'default' },
    capabilities: [],
    extensions: [],
    idleTimeoutMs: 900_000,
    onQuotaExceeded: 'Reject',
    ttlSecondsAfterEnded: 300,
  };
  return { apiVersion, kind: 'BrowserSession', metadata, spec };
}

let made = 0;

async function runChain(): Promise<{ readonly ms: number; readonly name: string }> {
  made += 1;
  const name = `chain-${process.pid}-${made}`;
  const seen = new Promise<void>((resolve) => waiting.set(name, resolve));
  const startedAt = performance.now();
  await store.create(browserSessions, sessionNamed(name));
  await seen;
  const ms = performance.now() - startedAt;
  waiting.delete(name);
  return { ms, name };
}

async function runChains({ count, parallel, pauseMs }: ChainOrder): Promise<ChainResult> {
  const ms: number[] = [];
  const names: string[] = [];
  let begun = 0;
  const startedAt = performance.now();
  const worker = async (): Promise<void> => {
    while (begun < count) {
      begun += 1;
      if (pauseMs > 0) await delay(pauseMs);
      const chain = await runChain();
      ms.push(chain.ms);
      names.push(chain.name);
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  const wholeMs = performance.now() - startedAt;
  for (const name of names) await store.delete(browserSessions, { namespace, name });
  await delay(100); // until both caches have let go of them
  return { ms, wholeMs };
}

process.on('message', (order: ChainOrder) => {
  runChains(order).then(
    (result) => process.send?.(result),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exit(1);
    },
  );
});
process.once('disconnect', () => process.exit());
process.once('SIGTERM', () => process.exit());
process.stdout.write('ready\n');
