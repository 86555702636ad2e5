import type { Container, PodSpec } from 'kubernetes-types/core/v1.js';
import { expect, test } from 'vitest';
import { podRequests } from './resources.ts';

const container = (cpu: string, more: Partial<Container> = {}): Container => ({
  name: cpu,
  resources: { requests: { cpu } },
  ...more,
});
const sidecar = (cpu: string): Container => container(cpu, { restartPolicy: 'Always' });

// The examples of https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers
const cases: readonly [string, PodSpec, number][] = [
  ['main containers add up', { containers: [container('100m'), container('200m')] }, 300],
  ['sidecars add to main containers', { containers: [container('1')], initContainers: [sidecar('500m')] }, 1500],
  ['a large init container is the peak', { containers: [container('1')], initContainers: [container('2')] }, 2000],
  ['a small init container costs nothing', { containers: [container('1')], initContainers: [container('500m')] }, 1000],
  [
    'an init container runs beside the sidecars before it, not those after it',
    { containers: [container('1')], initContainers: [sidecar('500m'), container('2'), sidecar('500m')] },
    2500,
  ],
  ['overhead comes on top', { containers: [container('1')], overhead: { cpu: '250m' } }, 1250],
  ['nothing asked is nothing', { containers: [{ name: 'main' }] }, 0],
  ['a limit alone is a request', { containers: [{ name: 'main', resources: { limits: { cpu: '2' } } }] }, 2000],
  [
    'a request beats a limit',
    { containers: [{ name: 'main', resources: { limits: { cpu: '2' }, requests: { cpu: '1' } } }] },
    1000,
  ],
];

test.each(cases)('%s', (_name, spec, cpuMillis) => {
  expect(podRequests(spec)).toEqual({ cpuMillis, memoryBytes: 0 });
});

test('memory is summed like cpu', () => {
  const memory = (quantity: string): Container => ({ name: quantity, resources: { requests: { memory: quantity } } });
  const spec = { containers: [memory('1Gi')], initContainers: [{ ...memory('64Mi'), restartPolicy: 'Always' }] };
  expect(podRequests(spec)).toEqual({ cpuMillis: 0, memoryBytes: 2 ** 30 + 2 ** 26 });
});
