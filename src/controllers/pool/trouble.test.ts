import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startFakeNode, silentLogger } from '../../../test/support/fakes.ts';
import { Bench, named, through } from '../../../test/support/operator-bench.ts';
import { browserAccounts } from '../../api/v1alpha1/browser-account.ts';
import { browserPools } from '../../api/v1alpha1/browser-pool.ts';
import { pods, runtimeClasses } from '../../kube/builtins.ts';
import { createInformer } from '../../kube/controller/informer.ts';
import { isStoreError, StoreError } from '../../kube/store-error.ts';
import type { Store } from '../../kube/store.ts';
import { systemClock } from '../../lib/clock.ts';
import type { Pod, RuntimeClass } from '../../lib/kubernetes.ts';
import type { NewObject } from '../../lib/object-meta.ts';

const patience = 10_000;
let bench: Bench;
/** Pods that were ever asked for. */
let asked = 0;
let refuse: (() => StoreError | undefined) | undefined;

const counting = (store: Store): Store =>
  through(store, {
    create: (resource, object) => {
      const refusal = resource.kind === 'Pod' ? refuse?.() : undefined;
      if (resource.kind === 'Pod') asked += 1;
      return refusal ? Promise.reject(refusal) : store.create(resource, object);
    },
  });

beforeEach(async () => {
  asked = 0;
  refuse = undefined;
  bench = new Bench({ storeOf: counting });
  await bench.account();
});
afterEach(() => bench[Symbol.asyncDispose]());

/** A node that gives each Pod this status, and lets go of those that are deleted. */
function startTroubledNode(status: Pod['status']): void {
  const { store, stop } = bench;
  const ignoreGone = (error: unknown): void => {
    if (!isStoreError(error, 'NotFound', 'Conflict', 'Unavailable')) throw error;
  };
  const informer = createInformer(store, pods, { clock: systemClock, logger: silentLogger, signal: stop.signal });
  informer.onChange(({ type, object: { metadata } }) => {
    if (type === 'deleted') return;
    const act = metadata.deletionTimestamp
      ? store.delete(pods, metadata, { uid: metadata.uid, gracePeriodSeconds: 0 })
      : type === 'added' && store.patchStatus(pods, metadata, { ...status });
    Promise.resolve(act).catch(ignoreGone);
  });
}

const container = { name: 'browser', image: '', imageID: '', ready: false, restartCount: 0 };
const crashes = {
  phase: 'Failed',
  containerStatuses: [
    { ...container, state: { terminated: { exitCode: 71, message: 'Chromium ended with code 1.' } } },
  ],
};
const poolSays = (reason: string, status = 'Stalled') =>
  vi.waitFor(async () => {
    const pool = await bench.store.get(browserPools, named('default'));
    const found = pool?.status?.conditions?.find(({ type }) => type === status);
    expect(found).toMatchObject({ status: 'True', reason });
    return found;
  }, patience);
const endOf = async (name: string) => {
  const { status } = await bench.phase(name, 'Ended');
  return [status?.endReason, status?.conditions?.find(({ type }) => type === 'Ended')?.message];
};
const noPods = () => vi.waitFor(async () => expect(await bench.pods()).toEqual([]), patience);

describe('a template that crashes on every start', () => {
  it('makes few warm sandboxes, and the pool says why', async () => {
    startTroubledNode(crashes);
    await bench.pool({ warm: { min: 1, max: 1 } });
    expect((await poolSays('CrashLoop'))?.message).toContain('Chromium ended with code 1.');
    // At 0, 1 and 3 s; the next comes after four.
    expect(asked).toBeLessThanOrEqual(4);
    await noPods();
  });

  it('makes no more cold ones than it takes to be sure, and sessions are told at once', async () => {
    startTroubledNode(crashes);
    await bench.pool({ warm: { min: 0, max: 0 } });
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) {
      await bench.session(name);
      expect(await endOf(name)).toEqual(['SandboxFailed', 'The sandbox ends while it starts. The pool says more.']);
    }
    expect(asked).toBe(3);
    await poolSays('CrashLoop');
    await noPods();
  });

  it('holds up a session that may wait, and only until it is mended', async () => {
    startTroubledNode(crashes);
    await bench.pool({ warm: { min: 0, max: 0 } });
    for (const name of ['a', 'b', 'c']) {
      await bench.session(name);
      await endOf(name);
    }
    await bench.session('patient', { onQuotaExceeded: 'Queue' });
    const waits = await bench.phase('patient', 'Pending');
    expect(waits.status?.conditions?.find(({ type }) => type === 'Ready')?.reason).toBe('SandboxesFail');
    expect(asked).toBe(3);
  });
});

it('a sandbox that can never start is given up at once, not at its deadline', async () => {
  const waiting = { reason: 'ErrImageNeverPull', message: 'Container image "x" is not present' };
  startTroubledNode({ phase: 'Pending', initContainerStatuses: [{ ...container, name: 'proxy', state: { waiting } }] });
  await bench.pool({ warm: { min: 0, max: 0 }, template: { startupDeadlineMs: 600_000 } });
  await bench.session('s');
  const [reason, message] = await endOf('s');
  expect([reason, message]).toEqual(['SandboxFailed', expect.stringContaining('The image')]);
  expect((await poolSays('ImageUnavailable', 'Reconciling'))?.message).toContain('"x" is not present');
  await noPods();
});

describe('Pods that the API server refuses', () => {
  const noClass = () =>
    new StoreError('Forbidden', 'pods "p" is forbidden: pod rejected: RuntimeClass "kata" not found');
  const kata = (name: string): NewObject<RuntimeClass> => ({
    apiVersion: 'node.k8s.io/v1',
    kind: 'RuntimeClass',
    metadata: { name, namespace: '' },
    handler: 'kata',
  });

  it('are asked for seldom and are the condition of the pool, until the RuntimeClass is made', async () => {
    refuse = noClass;
    startFakeNode(bench.store, { signal: bench.stop.signal });
    await bench.pool({ warm: { min: 1, max: 1 } });
    await poolSays('RuntimeClassNotFound', 'Reconciling');
    expect(asked).toBe(1);
    refuse = undefined;
    await bench.store.create(runtimeClasses, kata('kata'));
    await bench.warm(1);
  });

  it('end the session at once', async () => {
    refuse = noClass;
    await bench.pool({ warm: { min: 0, max: 0 } });
    await bench.session('s');
    expect(await endOf('s')).toEqual(['SandboxFailed', expect.stringContaining('RuntimeClass')]);
  });

  it('are a full pool to a session, where a quota is used up', async () => {
    refuse = () => new StoreError('Forbidden', 'pods "p" is forbidden: exceeded quota: q');
    await bench.pool({ warm: { min: 0, max: 0 } });
    await bench.session('s');
    expect((await endOf('s'))[0]).toBe('PoolExhausted');
  });
});

it('a session whose node is lost ends and frees its slot, though its pod never goes', async () => {
  // A pod of this node is gone only when somebody looks after it; nobody does once it is deleted.
  const ready = { phase: 'Running', podIP: '127.77.1.1', conditions: [{ type: 'Ready', status: 'True' }] };
  const { store, stop } = bench;
  const informer = createInformer(store, pods, { clock: systemClock, logger: silentLogger, signal: stop.signal });
  informer.onChange(({ type, object: { metadata } }) => {
    if (type !== 'added') return;
    void store
      .patch(pods, metadata, { spec: { nodeName: 'lost' } })
      .then(() => store.patchStatus(pods, metadata, ready))
      .catch(() => undefined);
  });
  await store.patch(browserAccounts, named('a'), { spec: { maxConcurrentSessions: 1 } });
  await bench.pool({ warm: { min: 0, max: 0 } });
  await bench.session('s');
  const { status } = await bench.phase('s', 'Ready');
  const pod = { namespace: 'default', name: status?.sandbox?.podName ?? '' };
  const conditions = [{ type: 'DisruptionTarget', status: 'True', reason: 'DeletionByTaintManager' }];
  await store.patchStatus(pods, pod, { conditions });
  await store.delete(pods, pod);
  expect((await endOf('s'))[0]).toBe('NodeLost');
  await bench.session('next');
  const next = await bench.phase('next', 'Ready');
  expect(next.status?.sandbox?.podName).not.toBe(pod.name);
  expect((await bench.pods()).map(({ name }) => name)).toContain(pod.name);
});
