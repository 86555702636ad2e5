import { expect, it } from 'vitest';
import { browserPools } from './browser-pool.ts';

const named = (name: unknown): object => ({ metadata: { name }, spec: {} });

it('takes a name that a label can hold', () => {
  expect(browserPools.admit?.(named('a'.repeat(63)))).toMatchObject({ ok: true });
});

it.each([['a'.repeat(64)], ['A'], ['a.b'], ['-a'], [''], [undefined]])('refuses the name %j', (name) => {
  const refused = browserPools.admit?.(named(name));
  expect(refused).toMatchObject({
    ok: false,
    problems: [{ field: expect.stringMatching(/^metadata\.name/) as string }],
  });
});
