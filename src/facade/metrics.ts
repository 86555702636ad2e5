import { Counter, Histogram, type Registry } from 'prom-client';
import type { ProblemCode } from '../api/rest/problem.ts';

export interface RequestSeen {
  readonly route: string;
  readonly method: string;
  readonly status: number;
  readonly durationMs: number;
}

export type CreateResult = 'created' | 'replayed' | 'client_gone' | ProblemCode;

export interface FacadeMetrics {
  requestDone(seen: RequestSeen): void;
  createDone(result: CreateResult): void;
  sessionReady(how: 'warm' | 'cold', durationMs: number): void;
}

const requestBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const createBuckets = [0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2.5, 5, 10, 30];

/** Methods have a closed set of label values: a client may send any word as its method. */
const knownMethods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

export function createFacadeMetrics(registry: Registry): FacadeMetrics {
  const registers = [registry];
  const requests = new Counter({
    name: 'porthole_http_requests_total',
    help: 'REST requests; status 499: the client went away before it was answered.',
    labelNames: ['route', 'method', 'status'],
    registers,
  });
  const durations = new Histogram({
    name: 'porthole_http_request_duration_seconds',
    help: 'From the head of a REST request to the end of its answer.',
    labelNames: ['route', 'method'],
    buckets: requestBuckets,
    registers,
  });
  const creations = new Counter({
    name: 'porthole_sessions_created_total',
    help: 'Requests to create a session, by result: created, replayed, client_gone, or the code of the problem.',
    labelNames: ['result'],
    registers,
  });
  const createDurations = new Histogram({
    name: 'porthole_session_create_duration_seconds',
    help: 'From the request to a usable browser, by how its sandbox was had: warm or cold.',
    labelNames: ['start'],
    buckets: createBuckets,
    registers,
  });
  return {
    requestDone: ({ route, method, status, durationMs }) => {
      const known = knownMethods.has(method) ? method : 'OTHER';
      requests.inc({ route, method: known, status });
      durations.observe({ route, method: known }, durationMs / 1000);
    },
    createDone: (result) => creations.inc({ result }),
    sessionReady: (how, durationMs) => createDurations.observe({ start: how }, durationMs / 1000),
  };
}
