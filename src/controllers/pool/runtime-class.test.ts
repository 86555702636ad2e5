import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { startFakeNode } from '../../../test/support/fakes.ts';
import { Bench } from '../../../test/support/operator-bench.ts';
import { pods, runtimeClasses } from '../../kube/builtins.ts';
import type { RuntimeClass } from '../../lib/kubernetes.ts';
import type { NewObject } from '../../lib/object-meta.ts';

let bench: Bench;
beforeEach(async () => {
  bench = new Bench();
  startFakeNode(bench.store, { signal: bench.stop.signal });
  await bench.account();
});
afterEach(() => bench[Symbol.asyncDispose]());

const named = { name: 'plain', namespace: '' };
const classOf = (handler: string): NewObject<RuntimeClass> => ({
  apiVersion: 'node.k8s.io/v1',
  kind: 'RuntimeClass',
  metadata: named,
  handler,
});
const onlyPod = async () => {
  const { items } = await bench.store.list(pods);
  expect(items).toHaveLength(1);
  const [pod] = items;
  return { uid: pod?.metadata.uid, seccomp: pod?.spec.containers[0]?.securityContext?.seccompProfile?.type };
};

it('decides the profile of warm and cold sandboxes, and replaces the warm ones only when it has become another', async () => {
  await bench.store.create(runtimeClasses, classOf('runc'));
  await bench.pool({ template: { runtimeClassName: 'plain' }, warm: { min: 1, max: 1 } });
  // The watch of pools may be ahead of that of classes.
  const first = await vi.waitFor(async () => {
    const pod = await onlyPod();
    expect(pod.seccomp).toBe('Localhost');
    return pod;
  }, 10_000);

  await bench.store.delete(runtimeClasses, named);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(await onlyPod()).toEqual(first);

  await bench.store.create(runtimeClasses, classOf('runsc'));
  await vi.waitFor(async () => {
    const next = await onlyPod();
    expect(next.uid).not.toBe(first.uid);
    // RuntimeDefault is the Pod's own.
    expect(next.seccomp).toBeUndefined();
  }, 10_000);
});
