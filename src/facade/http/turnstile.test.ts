import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createTurnstile } from './turnstile.ts';

it('never more than there are places are inside, and all get through in their order', async () => {
  const turnstile = createTurnstile(2);
  let inside = 0;
  let most = 0;
  const order: number[] = [];
  const pass = (i: number): Promise<void> =>
    turnstile.run(async () => {
      order.push(i);
      most = Math.max(most, (inside += 1));
      await sleep(1);
      inside -= 1;
      if (i === 3) throw new Error('three fails');
    });
  const outcomes = await Promise.allSettled(Array.from({ length: 9 }, (_, i) => pass(i)));
  expect(most).toBe(2);
  expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(1);
});
