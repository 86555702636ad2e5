import { describe, expect, it } from 'vitest';
import { session } from '../../../test/support/objects.ts';
import type { BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import { OwnWrites } from './own-writes.ts';

const version = (resourceVersion: string): BrowserSession => session({}, undefined, { resourceVersion });

describe('own writes', () => {
  it('stand in for what they have replaced until the watch shows them', () => {
    const writes = new OwnWrites();
    const [one, two, three] = [version('1'), version('2'), version('3')];
    expect(writes.newest(one)).toBe(one);
    writes.wrote(one, two);
    writes.wrote(two, three);
    expect(writes.newest(one)).toBe(three);
    expect(writes.newest(two)).toBe(three);
    expect(writes.newest(three)).toBe(three);
    expect(writes.newest(one)).toBe(one);
  });

  it("give way to somebody else's write", () => {
    const writes = new OwnWrites();
    writes.wrote(version('1'), version('2'));
    const foreign = version('5');
    expect(writes.newest(foreign)).toBe(foreign);
  });

  it('that changed nothing are none, and forgotten ones are gone', () => {
    const writes = new OwnWrites();
    const one = version('1');
    writes.wrote(one, version('1'));
    expect(writes.newest(one)).toBe(one);
    writes.wrote(one, version('2'));
    writes.forget('uid-s');
    expect(writes.newest(one)).toBe(one);
  });
});
