import type { Container, Probe } from 'kubernetes-types/core/v1.js';
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../lib/clock.ts';
import { createProbeLooker, type ProbeLooker } from './probe-look.ts';
import { afterLook, initialProbeState, toProbeSettings, type ProbeSettings, type ProbeVerdict } from './probes.ts';

/** What probes have to say about a container, each told once, when it changes. */
export type ProbeNews =
  /** `ready`: there is no readiness probe, or it looks at the very same thing. */
  | { readonly kind: 'started'; readonly ready: boolean }
  | { readonly kind: 'readiness'; readonly ready: boolean }
  | { readonly kind: 'unhealthy'; readonly message: string };

/** The probes of one container, ready to be set going for each process of it. */
export interface ProbeSet {
  readonly hasStartupProbe: boolean;
  readonly hasReadinessProbe: boolean;
  /** Probes until disposed: startup first, and when that has passed, liveness and readiness. */
  run(clock: Clock, tell: (news: ProbeNews) => void): Disposable;
}

interface PreparedProbe {
  readonly look: ProbeLooker;
  readonly settings: ProbeSettings & { readonly eager: boolean };
}

function prepare(
  probe: Probe | undefined,
  eager: boolean,
  toLooker: (probe: Probe) => ProbeLooker,
): PreparedProbe | undefined {
  return probe && { look: toLooker(probe), settings: { ...toProbeSettings(probe), eager } };
}

interface Following {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onVerdict: (verdict: ProbeVerdict) => void;
}

/** Looks again and again until aborted, telling of each change of verdict. */
function follow({ look, settings }: PreparedProbe, { clock, signal, onVerdict }: Following): void {
  let state = initialProbeState(settings, clock.monotonic());
  const lookOnce = async (): Promise<void> => {
    const beganAtMs = clock.monotonic();
    const ok = await look(settings.timeoutMs);
    if (signal.aborted) return;
    const before = state.verdict;
    state = afterLook(settings, state, { ok, beganAtMs, nowMs: clock.monotonic() });
    if (state.verdict !== before) onVerdict(state.verdict);
    arm();
  };
  const arm = (): void => {
    if (signal.aborted) return;
    const timer = clock.schedule(state.nextAtMs - clock.monotonic(), () => {
      signal.removeEventListener('abort', cancel);
      void lookOnce();
    });
    const cancel = (): void => timer[Symbol.dispose]();
    signal.addEventListener('abort', cancel, { once: true });
  };
  arm();
}

/** Whether a success of the startup probe is one of the readiness probe: one look serves both, and one write tells of both. */
function isSameLook({ startupProbe, readinessProbe }: Container): boolean {
  if (!startupProbe || !readinessProbe || (readinessProbe.successThreshold ?? 1) > 1) return false;
  const target = ({ httpGet, tcpSocket }: Probe): object => ({ httpGet, tcpSocket });
  return isDeepStrictEqual(target(startupProbe), target(readinessProbe));
}

/** Throws when the container has a probe that a local node cannot carry out. */
export function createProbeSet(container: Container, podIp: string): ProbeSet {
  const toLooker = (probe: Probe): ProbeLooker => createProbeLooker(probe, container, podIp);
  const startup = prepare(container.startupProbe, true, toLooker);
  const readiness = prepare(container.readinessProbe, true, toLooker);
  const liveness = prepare(container.livenessProbe, false, toLooker);
  const run = (clock: Clock, tell: (news: ProbeNews) => void): Disposable => {
    const over = new AbortController();
    const common = { clock, signal: over.signal };
    const unhealthy = (which: string): void => tell({ kind: 'unhealthy', message: `failed its ${which} probe` });
    const followLasting = (): void => {
      if (readiness) {
        follow(readiness, { ...common, onVerdict: (v) => tell({ kind: 'readiness', ready: v === 'passing' }) });
      }
      if (liveness) follow(liveness, { ...common, onVerdict: (v) => v === 'failing' && unhealthy('liveness') });
    };
    if (!startup) followLasting();
    else {
      const startupOver = new AbortController();
      const signal = AbortSignal.any([over.signal, startupOver.signal]);
      const onVerdict = (verdict: ProbeVerdict): void => {
        startupOver.abort();
        if (verdict === 'failing') {
          unhealthy('startup');
          return;
        }
        tell({ kind: 'started', ready: !readiness || isSameLook(container) });
        followLasting();
      };
      follow(startup, { clock, signal, onVerdict });
    }
    return { [Symbol.dispose]: () => over.abort() };
  };
  return { hasStartupProbe: startup !== undefined, hasReadinessProbe: readiness !== undefined, run };
}
