import type { Probe } from 'kubernetes-types/core/v1.js';

/** https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/#configure-probes */
export interface ProbeSettings {
  readonly initialDelayMs: number;
  readonly periodMs: number;
  readonly timeoutMs: number;
  readonly successThreshold: number;
  readonly failureThreshold: number;
}

export function toProbeSettings(probe: Probe): ProbeSettings {
  return {
    initialDelayMs: (probe.initialDelaySeconds ?? 0) * 1000,
    periodMs: (probe.periodSeconds ?? 10) * 1000,
    timeoutMs: (probe.timeoutSeconds ?? 1) * 1000,
    successThreshold: probe.successThreshold ?? 1,
    failureThreshold: probe.failureThreshold ?? 3,
  };
}

/** unknown: neither threshold was reached yet. */
export type ProbeVerdict = 'unknown' | 'passing' | 'failing';

export interface ProbeState {
  readonly verdict: ProbeVerdict;
  readonly everPassed: boolean;
  /** In a row. */
  readonly successes: number;
  readonly failures: number;
  /** Monotonic ms of the next look, and of the next whose failure counts. */
  readonly nextAtMs: number;
  readonly countsAtMs: number;
}

/**
 * A look every so often until the first success, so that what is up in half a second is not found after the ten seconds of
 * an ordinary period. Failures still count once a period only: the time until a probe gives up is the one configured.
 */
export const eagerPeriodMs = 50;

export function initialProbeState({ initialDelayMs }: ProbeSettings, nowMs: number): ProbeState {
  const firstAtMs = nowMs + initialDelayMs;
  return {
    verdict: 'unknown',
    everPassed: false,
    successes: 0,
    failures: 0,
    nextAtMs: firstAtMs,
    countsAtMs: firstAtMs,
  };
}

export interface ProbeLook {
  readonly ok: boolean;
  /** Monotonic ms at which the look began, and at which its answer came. */
  readonly beganAtMs: number;
  readonly nowMs: number;
}

function judge(settings: ProbeSettings, counts: Pick<ProbeState, 'successes' | 'failures' | 'verdict'>): ProbeVerdict {
  if (counts.successes >= settings.successThreshold) return 'passing';
  if (counts.failures >= settings.failureThreshold) return 'failing';
  return counts.verdict;
}

/** `eager`: looks between the periods until it has passed (startup and readiness; a liveness probe passes until it fails). */
export function afterLook(
  settings: ProbeSettings & { readonly eager: boolean },
  state: ProbeState,
  { ok, beganAtMs, nowMs }: ProbeLook,
): ProbeState {
  const counted = beganAtMs >= state.countsAtMs;
  const successes = ok ? state.successes + 1 : 0;
  const failures = ok ? 0 : state.failures + (counted ? 1 : 0);
  const verdict = judge(settings, { successes, failures, verdict: state.verdict });
  const countsAtMs = ok || counted ? Math.max(beganAtMs + settings.periodMs, nowMs) : state.countsAtMs;
  const everPassed = state.everPassed || verdict === 'passing';
  const eager = settings.eager && !everPassed;
  const nextAtMs = eager ? Math.min(nowMs + eagerPeriodMs, countsAtMs) : countsAtMs;
  return { verdict, everPassed, successes, failures, nextAtMs, countsAtMs };
}
