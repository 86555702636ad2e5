import { describe, expect, it } from 'vitest';
import { pod } from '../../../test/support/objects.ts';
import { labels } from '../../api/v1alpha1/group.ts';
import { noDemand } from '../../core/pool/demand.ts';
import { PoolHistories } from './history.ts';

const bootTimeMs = (histories: PoolHistories): number => histories.of('default').demand.bootTimeMs;
const failures = (histories: PoolHistories): number => histories.of('default').startFailures;

describe('the history of a pool', () => {
  it('is blank at first, and its own', () => {
    const histories = new PoolHistories();
    histories.claimed('other', false, 1_000);
    expect(histories.of('default')).toMatchObject({ demand: noDemand, startFailures: 0 });
    expect(histories.of('other').demand.hitRatio).toBeLessThan(1);
  });

  it('measures a boot once, from first sight to warm', () => {
    const histories = new PoolHistories();
    histories.observe(pod('starting'), 1_000);
    histories.observe(pod('starting'), 2_000);
    histories.observe(pod('warm'), 6_000);
    // A quarter of the way from 1,000 to 5,000.
    expect(bootTimeMs(histories)).toBe(2_000);
    histories.observe(pod('warm'), 60_000);
    expect(bootTimeMs(histories)).toBe(2_000);
  });

  it('does not count the wait for a node as booting', () => {
    const histories = new PoolHistories();
    histories.observe(pod('starting'), 0);
    histories.observe(pod('unschedulable'), 10);
    histories.observe(pod('starting'), 600_000);
    histories.observe(pod('warm'), 601_000);
    expect(bootTimeMs(histories)).toBe(1_000);
  });

  it('knows nothing of a boot that it did not see from the start', () => {
    const histories = new PoolHistories();
    histories.observe(pod('warm'), 60_000);
    expect(bootTimeMs(histories)).toBe(noDemand.bootTimeMs);
  });

  it('counts what dies while starting, once each, until one succeeds', () => {
    const histories = new PoolHistories();
    for (const name of ['1', '2']) {
      histories.observe(pod('starting', name), 0);
      histories.observe(pod('failed', name), 100);
      histories.observe(pod('failed', name), 200);
    }
    expect(histories.of('default')).toMatchObject({ startFailures: 2, lastFailureMs: 100 });
    histories.observe(pod('starting', '3'), 300);
    histories.observe(pod('warm', '3'), 400);
    expect(failures(histories)).toBe(0);
  });

  it('does not blame the template for one that dies after it was usable, or is deleted while starting', () => {
    const histories = new PoolHistories();
    histories.observe(pod('starting', '1'), 0);
    histories.observe(pod('warm', '1'), 100);
    histories.observe(pod('crashed', '1'), 200);
    histories.observe(pod('starting', '2'), 0);
    histories.forget('uid-2');
    histories.observe(pod('failed', '2'), 300);
    expect(failures(histories)).toBe(0);
  });

  it('counts what was given up at the startup deadline', () => {
    const histories = new PoolHistories();
    histories.gaveUp('default', [], 5_000);
    expect(histories.of('default')).toMatchObject({ startFailures: 0, lastFailureMs: 0 });
    histories.gaveUp('default', [pod('starting', '1'), pod('starting', '2')], 6_000);
    expect(histories.of('default')).toMatchObject({ startFailures: 2, lastFailureMs: 6_000 });
  });

  it('starts afresh with another template, and only then', () => {
    const histories = new PoolHistories();
    histories.usesTemplate('default', 'a');
    histories.gaveUp('default', [pod('starting', '1')], 0);
    histories.usesTemplate('default', 'a');
    expect(failures(histories)).toBe(1);
    histories.usesTemplate('default', 'b');
    expect(failures(histories)).toBe(0);
  });

  it('counts a cold one that dies for its session, too, and not one that the session had used', () => {
    const ofSession = { labels: { [labels.sessionUid]: 's' } };
    const histories = new PoolHistories();
    histories.observe(pod('starting', '1', ofSession), 0);
    histories.observe(pod('crashed', '1', ofSession), 100);
    expect(histories.of('default')).toMatchObject({ startFailures: 1, trouble: { reason: 'CrashLoop' } });
    histories.observe(pod('starting', '2', ofSession), 200);
    histories.observe(pod('warm', '2', ofSession), 300);
    histories.observe(pod('crashed', '2', ofSession), 400);
    expect(histories.of('default')).toMatchObject({ startFailures: 0, trouble: undefined });
  });

  it('does not blame the template for the node that is drained or lost', () => {
    const histories = new PoolHistories();
    for (const reason of ['EvictionByEvictionAPI', 'DeletionByTaintManager']) {
      histories.observe(pod('starting', reason), 0);
      const taken = { conditions: [{ type: 'DisruptionTarget', status: 'True', reason }] };
      histories.observe({ ...pod('starting', reason), status: taken }, 100);
    }
    expect(histories.of('default')).toMatchObject({ startFailures: 0, trouble: undefined });
  });

  it('tells of what keeps a sandbox for as long as it is there', () => {
    const waiting = { reason: 'ImagePullBackOff', message: 'Back-off pulling image "x": i/o timeout' };
    const status = { name: 'proxy', image: '', imageID: '', ready: false, restartCount: 0, state: { waiting } };
    const histories = new PoolHistories();
    histories.observe({ ...pod('starting'), status: { initContainerStatuses: [status] } }, 0);
    expect(histories.of('default')).toMatchObject({ startFailures: 0, trouble: { reason: 'ImageUnavailable' } });
    histories.forget('uid-p');
    expect(histories.of('default').trouble).toBeUndefined();
  });

  it('says that there is no room until there is, without blaming the template', () => {
    const histories = new PoolHistories();
    histories.refused('default', { reason: 'QuotaExceeded', isFinal: true }, 1_000);
    expect(histories.of('default')).toMatchObject({ startFailures: 0, noRoomUntilMs: 6_000 });
    histories.accepted('default');
    expect(histories.of('default').trouble).toBeUndefined();
  });
});
