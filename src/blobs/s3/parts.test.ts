import { expect, it } from 'vitest';
import { cutIntoParts } from './parts.ts';

it.each([
  [[], []],
  [[0], []],
  [[3], [3]],
  [[4], [4]],
  [[5], [4, 1]],
  [
    [1, 1, 1, 1, 1, 0, 9],
    [4, 4, 4, 2],
  ],
])('chunks of %j become parts of %j', async (chunks, parts) => {
  let next = 0;
  const bytes = chunks.map((length) => Buffer.from(Array.from({ length }, () => next++)));
  const cut = await Array.fromAsync(cutIntoParts(bytes, 4));
  expect(cut.map(({ length }) => length)).toEqual(parts);
  expect(Buffer.concat(cut)).toEqual(Buffer.concat(bytes));
});
