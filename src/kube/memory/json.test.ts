import { describe, expect, it } from 'vitest';
import { freezeCopy, isSameJson, mergePatch } from './json.ts';

describe('mergePatch', () => {
  // https://www.rfc-editor.org/rfc/rfc7386#appendix-A
  it.each([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('turns %j with %j into %j', (target, patch, result) => {
    expect(mergePatch(freezeCopy(target), patch)).toEqual(result);
  });

  it('gives the very same object back when nothing changes', () => {
    const target = freezeCopy({ a: { b: [1, { c: 2 }] }, d: 'e' });
    expect(mergePatch(target, { a: { b: [1, { c: 2 }] }, x: null, y: undefined })).toBe(target);
  });

  it('shares what it does not change, and freezes what it adds', () => {
    const target = freezeCopy({ kept: { a: 1 }, changed: { b: 1 } });
    const merged = mergePatch(target, { changed: { b: { c: [1] } } }) as {
      kept: object;
      changed: { b: { c: number[] } };
    };
    expect(merged.kept).toBe(target.kept);
    expect(() => merged.changed.b.c.push(2)).toThrow(TypeError);
  });

  it('takes __proto__ for a name like any other', () => {
    const merged = mergePatch(freezeCopy({}), JSON.parse('{"__proto__": {"a": 1}}')) as Record<string, unknown>;
    expect(merged['a']).toBeUndefined();
    expect(JSON.stringify(merged)).toBe('{"__proto__":{"a":1}}');
  });
});

describe('freezeCopy', () => {
  it('copies deeply, without what is undefined', () => {
    const given = { list: [{ a: 1 }], gone: undefined };
    const copy = freezeCopy(given);
    given.list.push({ a: 2 });
    expect(copy).toStrictEqual({ list: [{ a: 1 }] });
    expect(() => copy.list.push({ a: 3 })).toThrow(TypeError);
  });
});

describe('isSameJson', () => {
  it.each([
    [{ a: 1, b: undefined }, { a: 1 }, true],
    [{ a: 1, b: 2 }, { b: 2, a: 1 }, true],
    [{ a: null }, {}, false],
    [[1, 2], [2, 1], false],
    [{ 0: 'a' }, ['a'], false],
    ['1', 1, false],
  ])('of %j and %j is %s', (a, b, same) => {
    expect(isSameJson(a, b)).toBe(same);
    expect(isSameJson(b, a)).toBe(same);
  });
});
