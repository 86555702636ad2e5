import { beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../../test/support/fakes.ts';
import { pod, session } from '../../../test/support/objects.ts';
import { createSteppedClock, type SteppedClock } from '../../lib/clock.ts';
import { SandboxError, type SandboxErrorCode } from '../../sandbox/port.ts';
import { useWithinMs } from './attempt.ts';
import { createConfirmations, type Confirmations } from './confirmations.ts';

const sandbox = { podName: 'p', podUID: 'uid-p', node: 'n', warm: true };
const ready = session({}, { phase: 'Ready', sandbox });

let clock: SteppedClock;
let touches: number;
let failure: SandboxErrorCode | undefined;
let isKnown: boolean;
let hasAddress: boolean;
let confirmations: Confirmations;

beforeEach(() => {
  clock = createSteppedClock();
  [touches, failure, isKnown, hasAddress] = [0, undefined, true, true];
  confirmations = createConfirmations({
    agents: {
      touch: () => {
        touches += 1;
        return failure
          ? Promise.reject(new SandboxError(failure, 'no'))
          : Promise.resolve({ attachedClients: 0, idleForMs: 0 });
      },
    },
    sessions: { byUid: () => (isKnown ? ready : undefined) },
    pods: { byUid: () => (hasAddress ? pod('warm') : undefined) },
    clock,
    logger: silentLogger,
  });
});

test('the sandbox is told once, and not before the caller is', async () => {
  confirmations.confirm(ready);
  expect(touches).toBe(0);
  await clock.step(useWithinMs);
  expect(touches).toBe(1);
});

test.each<[string, () => void]>([
  ['does not answer', () => (failure = 'unreachable')],
  ['has no address yet, as far as is known here', () => (hasAddress = false)],
])('a sandbox that %s is told later', async (_what, trouble) => {
  trouble();
  confirmations.confirm(ready);
  await clock.step(3_000);
  const before = touches;
  [failure, hasAddress] = [undefined, true];
  await clock.step(1_000);
  expect(touches).toBe(before + 1);
  await clock.step(useWithinMs);
  expect(touches).toBe(before + 1);
});

test.each<[string, () => void]>([
  ['serves it no more', () => (failure = 'spent')],
  ['is of a session that is gone', () => (isKnown = false)],
])('a sandbox that %s is left alone', async (_what, end) => {
  end();
  confirmations.confirm(ready);
  await clock.step(0);
  const before = touches;
  expect(before).toBeLessThanOrEqual(1);
  await clock.step(useWithinMs);
  expect(touches).toBe(before);
});

test('nobody tries for longer than the session stays', async () => {
  failure = 'unreachable';
  confirmations.confirm(ready);
  await clock.step(useWithinMs + 1_000);
  const before = touches;
  await clock.step(60_000);
  expect(touches).toBe(before);
});

test('an end waits for what is under way, but not for long', async () => {
  failure = 'unreachable';
  confirmations.confirm(ready);
  await clock.step(0);
  let isOver = false;
  const end = confirmations[Symbol.asyncDispose]().then(() => (isOver = true));
  await clock.step(1_000);
  expect(isOver).toBe(false);
  await clock.step(1_000);
  await end;
});
