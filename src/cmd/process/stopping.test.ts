import { expect, it } from 'vitest';
import { orAbort, untilAborted } from './stopping.ts';

it('waits for an abort, also for one that was', async () => {
  const stop = new AbortController();
  const waiting = untilAborted(stop.signal);
  stop.abort();
  await waiting;
  await untilAborted(stop.signal);
});

it('gives what comes first: the answer, the failure or the reason of the abort', async () => {
  const { signal } = new AbortController();
  expect(await orAbort(Promise.resolve(1), signal)).toBe(1);
  await expect(orAbort(Promise.reject(new Error('no')), signal)).rejects.toThrow('no');
  const stop = new AbortController();
  const never = orAbort(new Promise(() => undefined), stop.signal);
  stop.abort(new Error('enough'));
  await expect(never).rejects.toThrow('enough');
  await expect(orAbort(new Promise(() => undefined), stop.signal)).rejects.toThrow('enough');
});
