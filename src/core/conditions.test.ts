import { expect, it } from 'vitest';
import { absent, readiness, withConditions } from './conditions.ts';

const ready = { type: 'Ready', status: 'True', reason: 'R', message: 'm' } as const;

it('moves the transition time only when a status changes', () => {
  const first = withConditions(undefined, [ready], 't1');
  expect(withConditions(first, [{ ...ready, message: 'other' }], 't2')).toEqual([
    { ...ready, message: 'other', lastTransitionTime: 't1' },
  ]);
  expect(withConditions(first, [{ ...ready, status: 'False' }], 't2')).toEqual([
    { ...ready, status: 'False', lastTransitionTime: 't2' },
  ]);
});

it('keeps the conditions that are not spoken of', () => {
  const two = withConditions(withConditions(undefined, [ready], 't1'), [{ ...ready, type: 'Admitted' }], 't2');
  expect(two.map((c) => c.type)).toEqual(['Ready', 'Admitted']);
});

it('takes away what has nothing to say any more', () => {
  const two = withConditions(undefined, [ready, { ...ready, type: 'Stalled' }], 't1');
  expect(withConditions(two, [absent('Stalled'), absent('Isolated')], 't2')).toEqual([
    { ...ready, lastTransitionTime: 't1' },
  ]);
});

it.each([
  ['ready', ['Ready True']],
  ['reconciling', ['Ready False', 'Reconciling True']],
  ['stalled', ['Ready False', 'Stalled True']],
] as const)('says %s so that it is understood, whatever was said before', (now, expected) => {
  const verdict = { reason: 'R', message: 'm' };
  for (const before of ['ready', 'reconciling', 'stalled'] as const) {
    const first = withConditions(undefined, readiness[before](verdict), 't1');
    const then = withConditions(first, readiness[now](verdict), 't2');
    expect(then.map((c) => `${c.type} ${c.status}`)).toEqual(expected);
  }
});
