import { describe, expect, it } from 'vitest';
import { pod } from '../../../test/support/objects.ts';
import { labels } from '../../api/v1alpha1/group.ts';
import { PoolBook } from './book.ts';

function bookWith(...pods: Parameters<typeof pod>[]): PoolBook {
  const book = new PoolBook();
  for (const args of pods) book.observe(pod(...args));
  return book;
}

describe('the pool book', () => {
  it('hands out the sandbox that has been warm longest, each once', () => {
    const book = bookWith(['warm', '1'], ['warm', '2']);
    expect(book.reserve('default', 's1')?.pod.metadata.name).toBe('1');
    expect(book.reserve('default', 's2')?.pod.metadata.name).toBe('2');
    expect(book.reserve('default', 's3')).toBeUndefined();
    expect(book.counts('default')).toMatchObject({ warm: 0, claimed: 2 });
  });

  it('hands out a starting one when none is warm, and never an unschedulable or failed one', () => {
    const book = bookWith(['unschedulable', '1'], ['failed', '2'], ['starting', '3']);
    expect(book.reserve('default', 's1')?.pod.metadata.name).toBe('3');
    expect(book.reserve('default', 's2')).toBeUndefined();
  });

  it('keeps a promise when a later event still shows the pod unclaimed', () => {
    const book = bookWith(['warm', '1']);
    book.reserve('default', 's1');
    book.observe(pod('warm', '1'));
    expect(book.reserve('default', 's2')).toBeUndefined();
    expect(book.ofSession('s1')?.pod.metadata.name).toBe('1');
  });

  it('gives a discarded sandbox to nobody, though events still show it alive', () => {
    const book = bookWith(['warm', '1']);
    book.reserve('default', 's1');
    book.discard('s1');
    book.observe(pod('warm', '1'));
    expect(book.ofSession('s1')).toBeUndefined();
    expect(book.counts('default')).toMatchObject({ warm: 0, claimed: 0, ending: 1 });
  });

  it('remembers that a sandbox is deleted for as long as watches show it', () => {
    const book = bookWith(['warm', '1']);
    book.reserve('default', 's1');
    book.deleted('uid-1');
    book.observe(pod('warm', '1', { labels: { [labels.sessionUid]: 's1' } }));
    expect(book.isDeleted('uid-1')).toBe(true);
    book.forget('uid-1');
    book.deleted('uid-1');
    expect(book.isDeleted('uid-1')).toBe(false);
  });

  it('lets a session that discarded one reserve another', () => {
    const book = bookWith(['warm', '1'], ['warm', '2']);
    book.reserve('default', 's1');
    book.discard('s1');
    expect(book.reserve('default', 's1')?.pod.metadata.name).toBe('2');
    book.forget('uid-1');
    expect(book.ofSession('s1')?.pod.metadata.name).toBe('2');
  });

  it('reads claims from labels after a restart', () => {
    const book = bookWith(['warm', '1', { labels: { [labels.pool]: 'default', [labels.sessionUid]: 's1' } }]);
    expect(book.ofSession('s1')?.pod.metadata.name).toBe('1');
    expect(book.sessionOf('uid-1')).toBe('s1');
  });

  it('does not let edited labels move a sandbox to another session or pool', () => {
    const book = bookWith(['warm', '1']);
    book.reserve('default', 's1');
    book.observe(pod('warm', '1', { labels: { [labels.pool]: 'other', [labels.sessionUid]: 's2' } }));
    expect(book.ofSession('s1')).toMatchObject({ pool: 'default', reservedFor: 's1', state: 'claimed' });
    expect(book.ofSession('s2')).toBeUndefined();
    expect(book.counts('other').claimed).toBe(0);
  });

  it.each([{ [labels.pool]: '' }, { [labels.pool]: 'other' }])('gives up a warm one whose pool is now %j', (edited) => {
    const book = bookWith(['warm', '1']);
    book.observe(pod('warm', '1', { labels: edited }));
    expect(book.reserve('default', 's1')).toBeUndefined();
    expect(book.reserve('other', 's1')).toBeUndefined();
    expect(book.stateOf('uid-1')).toBe('ending');
  });

  it('does not let an edited status take a sandbox from another session, or a second one', () => {
    const book = bookWith(['warm', '1'], ['warm', '2'], ['warm', '3']);
    book.reserve('default', 's1');
    book.reserve('default', 's2');
    book.assign('uid-1', 's2');
    book.assign('uid-3', 's2');
    expect(book.sessionOf('uid-1')).toBe('s1');
    expect(book.ofSession('s2')?.pod.metadata.name).toBe('2');
    expect(book.counts('default').warm).toBe(1);
  });

  it('remembers that a session was told of its sandbox', () => {
    const book = bookWith(['warm', '1']);
    book.reserve('default', 's1');
    expect(book.ofSession('s1')?.isRecorded).toBeUndefined();
    book.assign('uid-1', 's1');
    book.observe(pod('warm', '1'));
    expect(book.ofSession('s1')?.isRecorded).toBe(true);
  });

  it("takes a session's own status for a claim", () => {
    const book = bookWith(['warm', '1']);
    book.assign('uid-1', 's1');
    expect(book.counts('default')).toMatchObject({ warm: 0, claimed: 1 });
  });

  it('calls spare what nobody has and nobody has given up', () => {
    const book = bookWith(['warm', '1'], ['starting', '2'], ['failed', '3'], ['claimed', '4'], ['ending', '5']);
    book.observe(pod('failed', '6', { labels: { [labels.sessionUid]: 's' } }));
    expect(book.spare('default').map((e) => e.pod.metadata.name)).toEqual(['1', '2', '3']);
    expect(book.spare('other')).toEqual([]);
  });

  it('forgets a pod that is gone', () => {
    const book = bookWith(['claimed', '1']);
    book.forget('uid-1');
    expect(book.ofSession('uid-s')).toBeUndefined();
    expect(book.counts('default')).toMatchObject({ claimed: 0 });
  });

  it('hands out nothing that was usable and is not any more', () => {
    const book = bookWith(['starting', '1'], ['warm', '2']);
    book.observe(pod('starting', '2'));
    expect(book.counts('default')).toMatchObject({ starting: 1, failed: 1 });
    book.observe(pod('warm', '2'));
    expect(book.counts('default')).toMatchObject({ starting: 1, warm: 1 });
  });

  it('knows who is on the way out', () => {
    const book = bookWith(['warm', '1'], ['ending', '2']);
    expect([...book.ending('default')].map((e) => e.pod.metadata.name)).toEqual(['2']);
    expect([...book.ending('other')]).toEqual([]);
  });
});
