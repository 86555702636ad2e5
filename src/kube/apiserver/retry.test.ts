import { describe, expect, it } from 'vitest';
import { parseRetryAfter, retryDelayMs, type AttemptOutcome, type RetryState } from './retry.ts';

const first: RetryState = { attempts: 1, elapsedMs: 0, repeatable: false };

describe('whether to ask again', () => {
  it.each<[string, AttemptOutcome, Partial<RetryState>, 'no' | 'soon' | number]>([
    ['an answer', { status: 200 }, {}, 'no'],
    ['a refusal', { status: 409 }, { repeatable: true }, 'no'],
    ['a busy server that says how long', { status: 429, retryAfterMs: 3_000 }, {}, 3_000],
    ['a busy server that does not', { status: 429 }, {}, 'soon'],
    ['a busy server that asks for too much', { status: 429, retryAfterMs: 60_000 }, {}, 'no'],
    ['a busy server, for half a minute', { status: 429, retryAfterMs: 1_000 }, { elapsedMs: 29_500 }, 'no'],
    ['a busy server, for the last time', { status: 429 }, { attempts: 11 }, 'no'],
    ['a failing server that says how long', { status: 503, retryAfterMs: 1_000 }, {}, 1_000],
    ['a failing server, a write', { status: 500 }, {}, 'no'],
    ['a failing server, a read', { status: 500 }, { repeatable: true }, 'soon'],
    ['a failing server, a read, for ten seconds', { status: 500 }, { repeatable: true, elapsedMs: 10_001 }, 'no'],
    ['no server', { sent: false }, {}, 'soon'],
    ['no server, for ten seconds', { sent: false }, { elapsedMs: 10_001 }, 'no'],
    ['a lost connection, a write', { sent: true }, {}, 'no'],
    ['a lost connection, a read', { sent: true }, { repeatable: true }, 'soon'],
  ])('%s', (_, outcome, state, expected) => {
    const delayMs = retryDelayMs(outcome, { ...first, ...state });
    if (expected === 'soon') {
      expect(delayMs).toBeGreaterThanOrEqual(0);
      expect(delayMs).toBeLessThanOrEqual(100);
    } else expect(delayMs).toBe(expected === 'no' ? undefined : expected);
  });

  it.each<[string | undefined, number | undefined]>([
    [undefined, undefined],
    ['0', 0],
    ['15', 15_000],
    ['Wed, 21 Oct 2026 07:28:00 GMT', 1_000],
  ])('a Retry-After of %s', (header, expected) => {
    expect(parseRetryAfter(header)).toBe(expected);
  });
});
