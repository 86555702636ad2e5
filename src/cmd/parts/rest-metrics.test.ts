import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { createLeaderMetrics } from './leader-metrics.ts';
import { createRestMetrics } from './rest-metrics.ts';

it('counts calls to the API server under the names of client-go', async () => {
  const registry = new Registry();
  const hooks = createRestMetrics(registry);
  hooks.onAttempt?.({ method: 'GET', host: 'api:6443', code: '200', durationMs: 3, isRetry: false });
  hooks.onAttempt?.({ method: 'GET', host: 'api:6443', code: '<error>', durationMs: 3, isRetry: true });
  const text = await registry.metrics();
  expect(text).toContain('rest_client_requests_total{code="200",method="GET",host="api:6443"} 1');
  expect(text).toContain('rest_client_request_retries_total{code="<error>",verb="GET",host="api:6443"} 1');
  expect(text).toContain('rest_client_request_duration_seconds_count{verb="GET",host="api:6443"} 2');
});

it('says whether the process leads, as it is when asked', async () => {
  const registry = new Registry();
  const election: { state: 'standby' | 'leading' } = { state: 'standby' };
  createLeaderMetrics(registry, 'porthole-operator', election);
  expect(await registry.metrics()).toContain('leader_election_master_status{name="porthole-operator"} 0');
  election.state = 'leading';
  expect(await registry.metrics()).toContain('leader_election_master_status{name="porthole-operator"} 1');
});
