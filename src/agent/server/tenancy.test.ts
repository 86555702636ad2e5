import { describe, expect, it } from 'vitest';
import { createTenancy } from './tenancy.ts';

const code = (expected: string): unknown => expect.objectContaining({ code: expected });

describe('a tenancy', () => {
  it('is the first one’s for ever', () => {
    const tenancy = createTenancy();
    tenancy.take('a');
    expect(() => tenancy.take('b')).toThrow(code('spent'));
    tenancy.take('a');
    tenancy.check('a');
    expect(() => tenancy.check('b')).toThrow(code('spent'));
    expect(tenancy.sessionUid).toBe('a');
  });

  it('is nobody’s at first', () => {
    expect(() => createTenancy().check('a')).toThrow(code('not_bound'));
  });

  it('ends for its tenant too', () => {
    const tenancy = createTenancy();
    tenancy.take('a');
    tenancy.end();
    expect(() => tenancy.take('a')).toThrow(code('spent'));
    expect(() => tenancy.check('a')).toThrow(code('spent'));
  });
});
