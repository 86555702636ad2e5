import { Counter, Histogram, type Registry } from 'prom-client';
import type { ApiHooks } from '../../kube/apiserver/hooks.ts';

const seconds = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Calls to the API server, under the names of client-go: https://pkg.go.dev/k8s.io/client-go/tools/metrics */
export function createRestMetrics(registry: Registry): ApiHooks {
  const registers = [registry];
  const requests = new Counter({
    name: 'rest_client_requests_total',
    help: 'HTTP requests to the API server, by status code, method and host.',
    labelNames: ['code', 'method', 'host'],
    registers,
  });
  const retries = new Counter({
    name: 'rest_client_request_retries_total',
    help: 'Requests that repeat one that failed, by status code, method and host.',
    labelNames: ['code', 'verb', 'host'],
    registers,
  });
  const duration = new Histogram({
    name: 'rest_client_request_duration_seconds',
    help: 'Seconds until the whole answer, of a watch until its beginning.',
    labelNames: ['verb', 'host'],
    buckets: seconds,
    registers,
  });
  return {
    onAttempt: ({ method, host, code, durationMs, isRetry }) => {
      requests.inc({ code, method, host });
      if (isRetry) retries.inc({ code, verb: method, host });
      duration.observe({ verb: method, host }, durationMs / 1000);
    },
  };
}
