import { expect, it } from 'vitest';
import type { UpstreamReport } from '../../api/agent/wire.ts';
import { proxyCondition } from './proxy-ready.ts';

it.each<[UpstreamReport | undefined, string]>([
  [undefined, 'Unknown Probing'],
  [{ state: 'probing' }, 'Unknown Probing'],
  [{ state: 'ready' }, 'True UpstreamReady'],
  [{ state: 'failed', problem: 'unreachable' }, 'False UpstreamUnreachable'],
  [{ state: 'failed', problem: 'authentication_failed' }, 'False UpstreamAuthenticationFailed'],
  [{ state: 'failed', problem: 'refused' }, 'False UpstreamRefused'],
  [{ state: 'failed', problem: 'not_allowed' }, 'False NotAllowed'],
])('of %j a session says ProxyReady=%s', (report, expected) => {
  const { type, status, reason } = proxyCondition(report);
  expect([type, `${status} ${reason}`]).toEqual(['ProxyReady', expected]);
});
