import { describe, expect, it } from 'vitest';
import {
  countByWriter,
  criticalPaths,
  parseAuditLine,
  writerOf,
  type AuditedRequest,
} from '../../hack/bench/cluster/audit.ts';

const line = (over: object = {}): string =>
  JSON.stringify({
    kind: 'Event',
    stage: 'ResponseComplete',
    verb: 'patch',
    user: { username: 'system:serviceaccount:porthole-system:porthole-operator' },
    objectRef: { resource: 'browsersessions', subresource: 'status', namespace: 'porthole', name: 's' },
    responseStatus: { code: 200 },
    requestReceivedTimestamp: '2026-11-22T19:00:00.123456Z',
    stageTimestamp: '2026-11-22T19:00:00.125000Z',
    ...over,
  });

const startMs = Date.parse('2026-11-22T19:00:00Z');

describe('a line of the audit log', () => {
  it('is a request with its times to the microsecond', () => {
    const { receivedMs, answeredMs, ...request } = parseAuditLine(line()) as AuditedRequest;
    expect(request).toEqual({
      user: 'system:serviceaccount:porthole-system:porthole-operator',
      verb: 'patch',
      resource: 'browsersessions/status',
      namespace: 'porthole',
      code: 200,
    });
    expect(receivedMs - startMs).toBeCloseTo(123.456, 3);
    expect(answeredMs - startMs).toBeCloseTo(125, 3);
  });

  it.each([[undefined], [{ resource: 'leases', namespace: 'kube-node-lease' }]])(
    'is not counted for %o',
    (objectRef) => {
      expect(parseAuditLine(line({ objectRef }))).toBeUndefined();
    },
  );
});

it.each([
  ['system:serviceaccount:porthole-system:porthole-facade', 'facade'],
  ['system:serviceaccount:kube-system:generic-garbage-collector', 'kube-controller-manager'],
  ['system:node:local', 'node'],
  ['system:kube-scheduler', 'kube-scheduler'],
  ['admin', 'admin'],
])('%s is %s', (user, writer) => {
  expect(writerOf({ user })).toBe(writer);
});

const request = (text: string, receivedMs: number, answeredMs: number): AuditedRequest => {
  const [user = '', verb = '', resource = ''] = text.split(' ');
  return { user, verb, resource, namespace: 'porthole', code: 200, receivedMs, answeredMs };
};

const lives = [
  request('facade create browsersessions', 0, 3),
  request('operator patch browsersessions/status', 4, 7),
  request('operator patch pods', 5, 8),
  request('operator get secrets', 5, 6),
  request('facade create browsersessions', 20, 23),
  request('operator patch browsers', 23, 25),
  request('operator patch browsersessions/status', 26, 29),
];

it('counts who did what', () => {
  const counts = countByWriter(lives);
  expect(counts.get('operator')?.get('patch browsersessions/status')).toBe(2);
  expect(counts.get('operator')?.get('get secrets')).toBe(1);
  expect(counts.get('facade')).toEqual(new Map([['create browsersessions', 2]]));
});

describe('the critical path', () => {
  it('is every write that came before the answer, and none that came beside or after it', () => {
    const paths = criticalPaths(lives).map((path) => path.map(({ verb, resource }) => `${verb} ${resource}`));
    expect(paths).toEqual([
      ['create browsersessions', 'patch browsersessions/status'],
      ['create browsersessions', 'patch browsers', 'patch browsersessions/status'],
    ]);
  });

  it('of a session that never became ready is not told', () => {
    expect(criticalPaths(lives.slice(0, 1))).toEqual([]);
  });
});
