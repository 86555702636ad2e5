import { expect, test } from 'vitest';
import { through } from '../../test/support/operator-bench.ts';
import { stretch } from '../../test/support/patience.ts';
import { obedient, script, startTestNode } from '../../test/support/test-node.ts';
import { StoreError } from '../kube/store-error.ts';

test('a node that stops tells a store that has gone once, and no more', async () => {
  let isStoreGone = false;
  let refusals = 0;
  await using world = await startTestNode({
    disturb: (store) =>
      through(store, {
        patchStatus: (...args) => {
          if (!isStoreGone) return store.patchStatus(...args);
          refusals += 1;
          return Promise.reject(new StoreError('Unavailable', 'the store is closed'));
        },
      }),
  });
  await world.create('p', { containers: [script('main', obedient)] });
  await world.until('p', (pod) => pod?.status?.phase === 'Running');
  isStoreGone = true;
  await world.node[Symbol.asyncDispose]();
  const before = refusals;
  expect(before).toBeGreaterThan(0);
  // It would try again every second, and its process would never end.
  await stretch(2_500);
  expect(refusals).toBe(before);
});
