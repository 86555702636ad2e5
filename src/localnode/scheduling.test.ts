import { expect, test } from 'vitest';
import { planAssignments, type NodeState, type WaitingPod } from './scheduling.ts';

const node: NodeState = {
  capacity: { cpuMillis: 1000, memoryBytes: 1000, pods: 3 },
  used: { cpuMillis: 400, memoryBytes: 0, pods: 1 },
  labels: { zone: 'a' },
};
const pod = (uid: string, cpuMillis: number, more: Partial<WaitingPod> = {}): WaitingPod => ({
  uid,
  requests: { cpuMillis, memoryBytes: 0 },
  nodeSelector: {},
  ...more,
});
const verdicts = (waiting: readonly WaitingPod[], state = node): readonly string[] =>
  planAssignments(waiting, state).map((v) => (v.kind === 'assign' ? `${v.uid}: assign` : `${v.uid}: ${v.message}`));

test('pods are placed in order while they fit, and one that does not holds up nobody', () => {
  expect(verdicts([pod('a', 300), pod('b', 400), pod('c', 300)])).toEqual([
    'a: assign',
    'b: 0/1 nodes are available: 1 Insufficient cpu.',
    'c: assign',
  ]);
});

test('exactly as much as is left fits', () => {
  expect(verdicts([pod('a', 600)])).toEqual(['a: assign']);
});

test('everything that is lacking is named', () => {
  const full = { ...node, used: { cpuMillis: 1000, memoryBytes: 1000, pods: 3 } };
  expect(verdicts([pod('a', 1, { requests: { cpuMillis: 1, memoryBytes: 1 } })], full)).toEqual([
    'a: 0/1 nodes are available: 1 Too many pods, 1 Insufficient cpu, 1 Insufficient memory.',
  ]);
});

test('a pod without requests is held back only by the number of pods', () => {
  const crowded = { ...node, used: { cpuMillis: 2000, memoryBytes: 2000, pods: 2 } };
  expect(verdicts([pod('a', 0), pod('b', 0)], crowded)).toEqual([
    'a: assign',
    'b: 0/1 nodes are available: 1 Too many pods.',
  ]);
});

test('a node selector must match', () => {
  expect(
    verdicts([pod('a', 0, { nodeSelector: { zone: 'a' } }), pod('b', 0, { nodeSelector: { zone: 'b' } })]),
  ).toEqual(['a: assign', "b: 0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."]);
});
