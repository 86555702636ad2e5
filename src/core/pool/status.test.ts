import { describe, expect, it } from 'vitest';
import { meta, pool, startMs } from '../../../test/support/objects.ts';
import { browserPoolStatus, type BrowserPoolStatus } from '../../api/v1alpha1/browser-pool.ts';
import type { Condition } from '../../api/v1alpha1/kind.ts';
import { formatTime } from '../../lib/time.ts';
import { noDemand } from './demand.ts';
import { poolStatus, type PoolFacts } from './status.ts';

const none = { starting: 0, unschedulable: 0, warm: 0, claimed: 0, failed: 0, ending: 0 };
const facts = (over: Partial<PoolFacts> = {}): PoolFacts => ({
  pool: pool(),
  counts: none,
  desiredWarm: 0,
  demand: noDemand,
  startFailures: 0,
  trouble: undefined,
  nowMs: startMs,
  ...over,
});

const fails = { reason: 'SandboxesFail', isFinal: true } as const;
const said = ({ type, status, reason }: Condition): string => `${type}=${status} ${reason}`;

describe('poolStatus', () => {
  it('counts what is usable or on its way, and nothing that is dead or leaving', () => {
    const counts = { starting: 1, unschedulable: 2, warm: 3, claimed: 4, failed: 5, ending: 6 };
    const status = poolStatus(facts({ counts, desiredWarm: 3 }));
    expect(browserPoolStatus.parse(status)).toMatchObject({
      observedGeneration: 1,
      replicas: 10,
      warm: 3,
      claimed: 4,
      starting: 3,
      desiredWarm: 3,
    });
  });

  it('rounds what changes a little with every claim', () => {
    const demand = { ...noDemand, hitRatio: 0.98765, bootTimeMs: 1_234.5 };
    expect(poolStatus(facts({ demand }))).toMatchObject({ hitRatio: 0.99, bootTimeMs: 1_230 });
  });

  it.each<readonly [string, Partial<PoolFacts>, string, string]>([
    ['is ready when it wants nothing and has nothing', {}, 'True', 'Filled'],
    ['is ready when it has more than it wants', { counts: { ...none, warm: 2 }, desiredWarm: 1 }, 'True', 'Filled'],
    ['is not while it fills', { counts: { ...none, warm: 1, starting: 1 }, desiredWarm: 2 }, 'False', 'Filling'],
    ['names the lack of nodes', { counts: { ...none, unschedulable: 1 }, desiredWarm: 1 }, 'False', 'Unschedulable'],
    [
      'names failures first',
      { counts: { ...none, unschedulable: 1 }, desiredWarm: 1, startFailures: 1, trouble: fails },
      'False',
      'SandboxesFail',
    ],
  ])('%s', (_name, over, status, reason) => {
    const { conditions } = poolStatus(facts(over));
    const reconciling = status === 'True' ? [] : [`Reconciling=True ${reason}`];
    expect(conditions?.map(said)).toEqual([`Ready=${status} ${reason}`, ...reconciling]);
    expect(conditions?.[0]?.lastTransitionTime).toBe(formatTime(startMs));
  });

  it('gives up hope after three failures in a row', () => {
    const { conditions } = poolStatus(facts({ startFailures: 3, trouble: fails }));
    expect(conditions?.map(said)).toEqual(['Ready=False SandboxesFail', 'Stalled=True SandboxesFail']);
  });

  it('tells of trouble that may pass, with the words of the cluster, and does not give up', () => {
    const trouble = { reason: 'ImageUnavailable', detail: 'dial tcp: i/o timeout', isFinal: false } as const;
    const { conditions } = poolStatus(facts({ trouble, desiredWarm: 1, counts: { ...none, starting: 1 } }));
    expect(conditions?.map(said)).toEqual(['Ready=False ImageUnavailable', 'Reconciling=True ImageUnavailable']);
    expect(conditions?.[0]?.message).toMatch(/imagePullSecrets.*i\/o timeout/);
  });

  const later = (after: BrowserPoolStatus, generation: number) =>
    poolStatus(
      facts({ pool: { ...pool(), metadata: meta('default', { generation }), status: after }, desiredWarm: 2 }),
    ).conditions?.map(said);

  it('stays Ready while it replaces what sessions have taken', () => {
    expect(later(poolStatus(facts()), 1)).toEqual(['Ready=True Filled']);
  });

  it('is to be filled again after an edit, and after failures', () => {
    const filling = ['Ready=False Filling', 'Reconciling=True Filling'];
    expect(later(poolStatus(facts()), 2)).toEqual(filling);
    expect(later(poolStatus(facts({ startFailures: 1, trouble: fails })), 1)).toEqual(filling);
  });

  it('is the same status again when nothing has changed but the time', () => {
    const first = poolStatus(facts());
    const later = poolStatus(facts({ pool: { ...pool(), status: first }, nowMs: startMs + 60_000 }));
    expect(later).toEqual(first);
  });
});
