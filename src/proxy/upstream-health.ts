import type { UpstreamProblem, UpstreamReport } from '../api/agent/wire.ts';
import type { EgressCode } from './egress-error.ts';

/** What the last attempts say about the upstream itself. */
export interface UpstreamHealth {
  succeeded(): void;
  failed(code: EgressCode): void;
  report(): UpstreamReport;
}

const problems: Readonly<Partial<Record<EgressCode, UpstreamProblem>>> = {
  upstream_unreachable: 'unreachable',
  upstream_authentication_failed: 'authentication_failed',
  upstream_refused: 'refused',
  upstream_not_allowed: 'not_allowed',
};

/**
 * The last word counts, but for a refusal by one that has let something through before: that was about a single host, as is a host that
 * the upstream does not reach.
 */
export function createUpstreamHealth(): UpstreamHealth {
  let now: UpstreamReport = { state: 'probing' };
  return {
    succeeded: () => void (now = { state: 'ready' }),
    failed: (code) => {
      const problem = problems[code];
      const isAboutOneHost = code === 'upstream_cannot_reach' || (problem === 'refused' && now.state === 'ready');
      if (isAboutOneHost) now = { state: 'ready' };
      else if (problem) now = { state: 'failed', problem };
    },
    report: () => now,
  };
}
