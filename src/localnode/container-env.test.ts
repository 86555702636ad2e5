import type { Container, EnvVar } from 'kubernetes-types/core/v1.js';
import { expect, test } from 'vitest';
import type { Pod } from '../lib/kubernetes.ts';
import { buildEnv, ContainerConfigError, type EnvSources } from './container-env.ts';

const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'p',
    namespace: 'ns',
    uid: 'u-1',
    resourceVersion: '1',
    creationTimestamp: '2026-01-01T00:00:00.000Z',
    labels: { 'a.b/c': 'label' },
  },
  spec: { nodeName: 'n', containers: [] },
};
const sources: EnvSources = {
  secrets: new Map([['s', { key: 'hidden' }]]),
  configMaps: new Map([['c', { key: 'plain', other: '2' }]]),
  podIp: '127.77.0.1',
  hostIp: '127.0.0.1',
};
const build = (env: EnvVar[], more: Partial<Container> = {}) => buildEnv({ name: 'main', env, ...more }, pod, sources);
const from = (valueFrom: NonNullable<EnvVar['valueFrom']>): EnvVar => ({ name: 'X', valueFrom });

test.each([
  ['metadata.name', 'p'],
  ['metadata.namespace', 'ns'],
  ['metadata.uid', 'u-1'],
  ["metadata.labels['a.b/c']", 'label'],
  ["metadata.annotations['none']", ''],
  ['spec.nodeName', 'n'],
  ['status.podIP', '127.77.0.1'],
  ['status.hostIP', '127.0.0.1'],
])('field %s is %j', (fieldPath, value) => {
  expect(build([from({ fieldRef: { fieldPath } })])).toEqual({ X: value });
});

test.each<[string, EnvVar, Record<string, string>]>([
  ['a value', { name: 'X', value: '1' }, { X: '1' }],
  ['no value', { name: 'X' }, { X: '' }],
  ['a key of a Secret', from({ secretKeyRef: { name: 's', key: 'key' } }), { X: 'hidden' }],
  ['a key of a ConfigMap', from({ configMapKeyRef: { name: 'c', key: 'key' } }), { X: 'plain' }],
  ['an optional key that is missing', from({ secretKeyRef: { name: 's', key: 'none', optional: true } }), {}],
])('%s', (_name, variable, expected) => {
  expect(build([variable])).toEqual(expected);
});

test.each<[string, EnvVar]>([
  ["couldn't find key none in Secret s", from({ secretKeyRef: { name: 's', key: 'none' } })],
  ["couldn't find key key in ConfigMap none", from({ configMapKeyRef: { name: 'none', key: 'key' } })],
  ['fieldRef spec.priority is not supported', from({ fieldRef: { fieldPath: 'spec.priority' } })],
  ['the source of variable X is not supported', from({ resourceFieldRef: { resource: 'limits.cpu' } })],
])('%s', (message, variable) => {
  expect(() => build([variable])).toThrow(new ContainerConfigError(message));
});

test.each([
  ['$(A)-$(B)', '1-$(B)'],
  ['$$(A)', '$(A)'],
  ['$A $', '$A $'],
])('in %j variables defined before are filled in: %j', (value, expected) => {
  expect(
    build([
      { name: 'A', value: '1' },
      { name: 'X', value },
      { name: 'B', value: '2' },
    ]),
  ).toMatchObject({ X: expected });
});

test('whole Secrets and ConfigMaps come first, with their prefix, and single variables override them', () => {
  const envFrom = [{ configMapRef: { name: 'c' } }, { prefix: 'S_', secretRef: { name: 's' } }];
  expect(build([{ name: 'other', value: 'mine' }], { envFrom })).toEqual({
    key: 'plain',
    other: 'mine',
    S_key: 'hidden',
  });
  expect(() => build([], { envFrom: [{ secretRef: { name: 'none' } }] })).toThrow('Secret none not found');
  expect(build([], { envFrom: [{ secretRef: { name: 'none', optional: true } }] })).toEqual({});
});
