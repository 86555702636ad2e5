import { describe, expect, it } from 'vitest';
import { pod, startMs, type PodKind } from '../../../test/support/objects.ts';
import { labels } from '../../api/v1alpha1/group.ts';
import type { ObjectMeta } from '../../lib/object-meta.ts';
import type { Pod } from '../../lib/kubernetes.ts';
import { formatTime } from '../../lib/time.ts';
import { classifySandbox, hasFailed, startingSinceMs, unreadySinceMs, type SandboxState } from './classify.ts';

const ofSession = { labels: { [labels.sessionUid]: 's' } };
const leaving = { deletionTimestamp: formatTime(startMs) };
const withStatus = (kind: PodKind, status: Pod['status']): Pod => ({ ...pod(kind), status: { ...status } });
const terminated = (name: string, exitCode: number): NonNullable<Pod['status']> => ({
  phase: 'Running',
  containerStatuses: [
    { name, image: '', imageID: '', ready: false, restartCount: 0, state: { terminated: { exitCode } } },
  ],
});

describe('classifySandbox', () => {
  it.each<readonly [string, PodKind, Partial<ObjectMeta>, SandboxState]>([
    ['no status yet', 'starting', {}, 'starting'],
    ['no node has room', 'unschedulable', {}, 'unschedulable'],
    ['Ready', 'warm', {}, 'warm'],
    ['Ready, with the label of a session', 'warm', ofSession, 'claimed'],
    ['starting, with the label of a session', 'starting', ofSession, 'claimed'],
    // The session learns of it by isUnschedulable; the pool must not count it as spare.
    ['no node has room, with the label of a session', 'unschedulable', ofSession, 'claimed'],
    ['Failed', 'failed', {}, 'failed'],
    ['Failed, with the label of a session', 'failed', ofSession, 'failed'],
    ['its browser ended', 'crashed', {}, 'failed'],
    ['Ready, being deleted', 'warm', leaving, 'ending'],
    ['Failed, being deleted', 'failed', leaving, 'ending'],
    ['claimed, being deleted', 'claimed', leaving, 'ending'],
  ])('%s', (_name, kind, meta, state) => {
    expect(classifySandbox(pod(kind, 'p', meta))).toBe(state);
  });

  it('takes a browser that ended well for dead, too', () => {
    expect(hasFailed(withStatus('warm', { phase: 'Succeeded' }))).toBe(true);
    expect(hasFailed(withStatus('warm', terminated('browser', 0)))).toBe(true);
  });

  it('does not take the proxy for the browser', () => {
    expect(hasFailed(withStatus('warm', terminated('proxy', 1)))).toBe(false);
  });

  it('takes a pod that is not Ready any more for starting', () => {
    expect(classifySandbox(withStatus('warm', { conditions: [{ type: 'Ready', status: 'False' }] }))).toBe('starting');
  });

  it('does not take a pod that nobody has looked at for unschedulable', () => {
    const unseen = { conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulerError' }] };
    expect(classifySandbox(withStatus('starting', unseen))).toBe('starting');
  });
});

describe('startingSinceMs', () => {
  it.each([
    ['its creation', undefined, startMs],
    [
      'its creation while no node has it',
      { status: 'False', lastTransitionTime: formatTime(startMs + 5_000) },
      startMs,
    ],
    ['the moment a node got it', { status: 'True', lastTransitionTime: formatTime(startMs + 5_000) }, startMs + 5_000],
    ['its creation when that moment is not told', { status: 'True' }, startMs],
  ])('is %s', (_name, scheduled, expectedMs) => {
    const conditions = scheduled ? [{ type: 'PodScheduled', ...scheduled }] : [];
    expect(startingSinceMs(withStatus('starting', { conditions }))).toBe(expectedMs);
  });
});

describe('unreadySinceMs', () => {
  const lastTransitionTime = formatTime(startMs + 5_000);
  it.each<readonly [string, object[], number | undefined]>([
    ['is nothing while nobody has said so', [], undefined],
    ['is nothing of one that is Ready', [{ type: 'Ready', status: 'True', lastTransitionTime }], undefined],
    ['is when it was said', [{ type: 'Ready', status: 'False', lastTransitionTime }], startMs + 5_000],
    ['is long ago when that is not told', [{ type: 'Ready', status: 'False' }], 0],
  ])('%s', (_name, conditions, expectedMs) => {
    const given = withStatus('claimed', {
      conditions: conditions as NonNullable<Pod['status']>['conditions'] & object,
    });
    expect(unreadySinceMs(given)).toBe(expectedMs);
  });
});
