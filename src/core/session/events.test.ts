import { describe, expect, it } from 'vitest';
import { session } from '../../../test/support/objects.ts';
import { annotations } from '../../api/v1alpha1/group.ts';
import { endReasons } from '../../api/v1alpha1/browser-session.ts';
import { endEvent, readyEvent, waitEvent } from './events.ts';

const applied = session();
const byFacade = session({}, undefined, { annotations: { [annotations.binding]: 'none' } });

describe('the events of a session that somebody applied', () => {
  it.each(endReasons)('tell that it ended by %s', (reason) => {
    const type = ['IdleTimeout', 'LifetimeExceeded'].includes(reason) ? 'Normal' : 'Warning';
    expect(endEvent(applied, reason)).toMatchObject({ about: 'session', type, reason, action: 'End' });
  });

  it('tell what it waits for, and that it is ready', () => {
    expect(waitEvent(applied, 'Queued')).toMatchObject({ about: 'session', type: 'Normal', reason: 'Queued' });
    expect(waitEvent(applied, 'PoolNotFound')).toMatchObject({ about: 'session', type: 'Warning' });
    expect(readyEvent(applied)).toMatchObject({ about: 'session', type: 'Normal', reason: 'Ready' });
  });
});

describe('the events of a session that the facade made', () => {
  it.each([
    ['ConcurrencyLimitReached', 'account'],
    ['PoolNotFound', 'account'],
    ['PoolExhausted', 'pool'],
    ['SandboxFailed', 'pool'],
    ['SandboxLost', 'session'],
    ['BrowserCrashed', 'session'],
  ] as const)('of an end by %s are the %s’s', (reason, about) => {
    expect(endEvent(byFacade, reason)).toMatchObject({ about, type: 'Warning', reason });
  });

  it('are none in an ordinary life', () => {
    const ordinary = (['IdleTimeout', 'LifetimeExceeded'] as const).map((reason) => endEvent(byFacade, reason));
    expect([readyEvent(byFacade), waitEvent(byFacade, 'Queued'), ...ordinary].filter(Boolean)).toEqual([]);
  });
});
