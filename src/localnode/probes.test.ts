import { describe, expect, test } from 'vitest';
import { afterLook, initialProbeState, toProbeSettings, type ProbeState } from './probes.ts';

const settings = { ...toProbeSettings({ periodSeconds: 1, failureThreshold: 3 }), eager: true };

/** Looks whenever one is due, with the given answers, each taking no time. */
function look(answers: readonly boolean[], s = settings, from?: ProbeState): ProbeState {
  return answers.reduce<ProbeState>(
    (state, ok) => afterLook(s, state, { ok, beganAtMs: state.nextAtMs, nowMs: state.nextAtMs }),
    from ?? initialProbeState(s, 0),
  );
}
const times = (n: number, ok: boolean): boolean[] => Array.from({ length: n }, () => ok);

test("settings are in milliseconds, with Kubernetes' defaults", () => {
  expect(toProbeSettings({})).toEqual({
    initialDelayMs: 0,
    periodMs: 10_000,
    timeoutMs: 1000,
    successThreshold: 1,
    failureThreshold: 3,
  });
});

describe('before the first success', () => {
  test('it looks every 50 ms', () => {
    expect(look([false, false]).nextAtMs).toBe(100);
  });

  test('a success counts at once', () => {
    expect(look([false, false, true])).toMatchObject({ verdict: 'passing', nextAtMs: 1100 });
  });

  test('a failure counts once a period: three take as long as they are configured to', () => {
    expect(look(times(40, false))).toMatchObject({ verdict: 'unknown', failures: 2 });
    expect(look(times(41, false))).toMatchObject({ verdict: 'failing', failures: 3 });
  });

  test('a probe that is not eager looks once a period', () => {
    expect(look([false], { ...settings, eager: false }).nextAtMs).toBe(1000);
  });

  test('nothing is looked at before the initial delay', () => {
    expect(initialProbeState({ ...settings, initialDelayMs: 3000 }, 500).nextAtMs).toBe(3500);
  });

  test('a look that took longer than the pause is followed by another at the next pause, not by a rush', () => {
    const state = afterLook(settings, initialProbeState(settings, 0), { ok: false, beganAtMs: 0, nowMs: 1700 });
    expect(state.nextAtMs).toBe(1700);
    expect(afterLook(settings, state, { ok: false, beganAtMs: 1700, nowMs: 1700 }).nextAtMs).toBe(1750);
  });
});

describe('after the first success', () => {
  const passing = look([true]);

  test('it looks once a period, whatever it sees', () => {
    expect(passing.nextAtMs).toBe(1000);
    expect(look([false], settings, passing).nextAtMs).toBe(2000);
    expect(look(times(5, false), settings, passing).nextAtMs).toBe(6000);
  });

  test('it fails after so many failures in a row', () => {
    expect(look([false, false], settings, passing).verdict).toBe('passing');
    expect(look([false, false, true, false, false], settings, passing).verdict).toBe('passing');
    expect(look([false, false, false], settings, passing).verdict).toBe('failing');
  });

  test('it passes again after so many successes in a row', () => {
    const strict = { ...settings, successThreshold: 2 };
    const failing = look(times(3, false), strict, look([true, true], strict));
    expect(failing.verdict).toBe('failing');
    expect(look([true], strict, failing).verdict).toBe('failing');
    expect(look([true, true], strict, failing).verdict).toBe('passing');
  });
});
