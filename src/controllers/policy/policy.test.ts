import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Bench, named } from '../../../test/support/operator-bench.ts';
import { patience } from '../../../test/support/patience.ts';
import { browserPools } from '../../api/v1alpha1/browser-pool.ts';
import { buildNetworkPolicy } from '../../core/pods/network-policy.ts';
import { networkPolicies } from '../../kube/builtins.ts';
import type { NetworkPolicy } from '../../lib/kubernetes.ts';

let bench: Bench;
beforeEach(async () => {
  bench = new Bench();
  await bench.pool();
});
afterEach(() => bench[Symbol.asyncDispose]());

const read = (): Promise<NetworkPolicy | undefined> => bench.store.get(networkPolicies, named('default-sandboxes'));
const kept = (): Promise<NetworkPolicy> =>
  vi.waitFor(async () => {
    const pool = await bench.store.get(browserPools, named('default'));
    const wanted = pool && buildNetworkPolicy(pool, 'porthole-system');
    const present = await read();
    expect(present).toMatchObject({ ...wanted });
    expect(present?.spec).toEqual(wanted?.spec);
    return present as NetworkPolicy;
  }, 10_000);

describe('the network policy of a pool', () => {
  it('is there, and is written once', async () => {
    const first = await kept();
    await bench.store.patchStatus(browserPools, named('default'), { warm: 7 });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await read())?.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
  });

  it('follows the pool', async () => {
    const { metadata } = await kept();
    await bench.store.patch(browserPools, named('default'), {
      spec: { template: { egress: { allow: ['10.1.0.0/16'] } } },
    });
    await vi.waitFor(async () => expect(JSON.stringify(await read())).toContain('10.1.0.0/16'), 10_000);
    expect((await read())?.metadata.uid).toBe(metadata.uid);
  });

  it.each<readonly [string, () => Promise<unknown>]>([
    ['was opened', () => bench.store.patch(networkPolicies, named('default-sandboxes'), { spec: { egress: [{}] } })],
    [
      'was disowned',
      () => bench.store.patch(networkPolicies, named('default-sandboxes'), { metadata: { ownerReferences: null } }),
    ],
    [
      'lost its labels',
      () => bench.store.patch(networkPolicies, named('default-sandboxes'), { metadata: { labels: null } }),
    ],
    ['was deleted', () => bench.store.delete(networkPolicies, named('default-sandboxes'))],
  ])('is put right when it %s', async (_how, spoil) => {
    await kept();
    await spoil();
    await kept();
  });

  it('keeps what others add to its labels', async () => {
    await kept();
    await bench.store.patch(networkPolicies, named('default-sandboxes'), { metadata: { labels: { team: 'a' } } });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await kept()).metadata.labels).toMatchObject({ team: 'a' });
  });

  it('goes with the pool', async () => {
    await kept();
    await bench.store.delete(browserPools, named('default'));
    await vi.waitFor(async () => expect(await read()).toBeUndefined(), patience);
  });
});
