import type { TrafficTotals, UpstreamProblem, UpstreamReport } from '../../api/agent/wire.ts';
import type { BrowserSession, BrowserSessionSpec } from '../../api/v1alpha1/browser-session.ts';
import type { ConditionUpdate } from '../conditions.ts';
import type { SessionInput } from './input.ts';

export function wantsProxy({ proxy, proxyUrlSecretRef }: BrowserSessionSpec): boolean {
  return (proxy ?? proxyUrlSecretRef) !== undefined;
}

const failures: Readonly<Record<UpstreamProblem, Pick<ConditionUpdate, 'reason' | 'message'>>> = {
  unreachable: {
    reason: 'UpstreamUnreachable',
    message: 'The upstream proxy does not answer. See whether its host and port are right and it is up.',
  },
  authentication_failed: {
    reason: 'UpstreamAuthenticationFailed',
    message: 'The upstream proxy refuses the user or the password. Make a session with the right ones.',
  },
  refused: {
    reason: 'UpstreamRefused',
    message:
      'The upstream proxy refuses to serve. See whether it may be used from here, and speaks the scheme of the URL.',
  },
  not_allowed: {
    reason: 'NotAllowed',
    message:
      'The upstream proxy is at an address that sandboxes may not reach. Use a public one, or allow it in upstreamAllow of the pool.',
  },
};

/** How the session's upstream proxy fares, as far as its sandbox has told. */
export function proxyCondition(upstream: UpstreamReport | undefined): ConditionUpdate {
  const type = 'ProxyReady';
  if (upstream?.problem) return { type, status: 'False', ...failures[upstream.problem] };
  if (upstream?.state === 'ready')
    return { type, status: 'True', reason: 'UpstreamReady', message: 'All traffic goes through the upstream proxy.' };
  return { type, status: 'Unknown', reason: 'Probing', message: 'The upstream proxy is being tried.' };
}

/** Whether the status does not say yet what is known. */
export function hasProxyNews({ status }: BrowserSession, upstream: UpstreamReport): boolean {
  const { type, reason } = proxyCondition(upstream);
  return !(status?.conditions ?? []).some((said) => said.type === type && said.reason === reason);
}

/** The sandbox tries the upstream as soon as it has it. */
const firstStepMs = 1_000;
const stepMs = 15_000;

/** When the sandbox is next asked how the upstream fares, epoch milliseconds; Infinity without one. */
export function upstreamLookAtMs({ session, upstream, upstreamSeenAtMs, nowMs }: SessionInput): number {
  if (!wantsProxy(session.spec)) return Infinity;
  const isKnown = upstream !== undefined && upstream.state !== 'probing';
  return upstreamSeenAtMs === undefined ? nowMs : upstreamSeenAtMs + (isKnown ? stepMs : firstStepMs);
}

/** What came since `before`; a sandbox that counts less than that is not believed. */
export function trafficSince(before: TrafficTotals | undefined, now: TrafficTotals): TrafficTotals {
  return {
    bytesIn: Math.max(0, now.bytesIn - (before?.bytesIn ?? 0)),
    bytesOut: Math.max(0, now.bytesOut - (before?.bytesOut ?? 0)),
  };
}
