import { describe, expect, it } from 'vitest';
import { pod } from '../../../test/support/objects.ts';
import type { Pod } from '../../lib/kubernetes.ts';
import { keptOfPod } from './kept.ts';
import {
  describeTrouble,
  explainDelay,
  findTrouble,
  summarizeTrouble,
  troubleOfRefusal,
  type Trouble,
} from './trouble.ts';

type State = NonNullable<NonNullable<NonNullable<Pod['status']>['containerStatuses']>[number]['state']>;
const container = (name: string, state: State) => ({
  name,
  image: '',
  imageID: '',
  ready: false,
  restartCount: 0,
  state,
});
const withStatus = (status: Pod['status']): Pod => ({ ...pod('starting'), status: { ...status } });
const proxyWaits = (reason: string, message = ''): Pod =>
  withStatus({
    phase: 'Pending',
    initContainerStatuses: [container('proxy', { waiting: { reason, message } })],
    containerStatuses: [container('browser', { waiting: { reason: 'PodInitializing' } })],
  });
const browserWaits = (reason: string, message = ''): Pod =>
  withStatus({
    phase: 'Pending',
    initContainerStatuses: [container('proxy', { running: {} })],
    containerStatuses: [container('browser', { waiting: { reason, message } })],
  });
const browserEnded = (exitCode: number, more: object = {}): Pod =>
  withStatus({ phase: 'Failed', containerStatuses: [container('browser', { terminated: { exitCode, ...more } })] });

/** Words of kubelet 1.35 with containerd, but for names. */
const noProfile =
  'failed to generate container "5d0f" spec: failed to generate seccomp spec opts: cannot load seccomp profile "/var/lib/kubelet/seccomp/porthole/chromium.json": open /var/lib/kubelet/seccomp/porthole/chromium.json: no such file or directory';
const unknownImage =
  'Back-off pulling image "example.com/s:1": ErrImagePull: failed to pull and unpack image "example.com/s:1": example.com/s:1: not found';

type Row = readonly [name: string, given: Pod, expected: (Partial<Trouble> & { reason: string }) | undefined];
const rows: readonly Row[] = [
  ['nothing yet', pod('starting'), undefined],
  ['a container that is being made', proxyWaits('ContainerCreating'), undefined],
  [
    'an image that nobody fetches',
    proxyWaits('ErrImageNeverPull', 'Container image "x" is not present with pull policy of Never'),
    { reason: 'ImageUnavailable', isFinal: true },
  ],
  [
    'an image that there is not',
    proxyWaits('ImagePullBackOff', unknownImage),
    { reason: 'ImageUnavailable', isFinal: true },
  ],
  ['a name that is none', proxyWaits('InvalidImageName'), { reason: 'ImageUnavailable', isFinal: true }],
  [
    'a registry that does not answer',
    proxyWaits('ErrImagePull', 'dial tcp 10.0.0.1:443: i/o timeout'),
    { reason: 'ImageUnavailable', isFinal: false },
  ],
  [
    'a profile that the node lacks',
    browserWaits('CreateContainerError', noProfile),
    { reason: 'SeccompProfileMissing', detail: noProfile, isFinal: true },
  ],
  [
    'a container that cannot be made at present',
    browserWaits('CreateContainerError', 'context deadline exceeded'),
    { reason: 'ContainerError', isFinal: false },
  ],
  [
    'a Secret that there is not',
    browserWaits('CreateContainerConfigError', 'secret "x" not found'),
    { reason: 'ContainerError', isFinal: true },
  ],
  [
    'a proxy that dies again and again',
    proxyWaits('CrashLoopBackOff', 'back-off 10s'),
    { reason: 'CrashLoop', isFinal: true },
  ],
  [
    'a program that cannot be executed',
    browserEnded(128, { reason: 'StartError', message: 'exec: no such file' }),
    { reason: 'ContainerError' },
  ],
  [
    'a browser that does not come up',
    browserEnded(71, { message: 'line\nChromium ended with code 1.\n' }),
    { reason: 'CrashLoop', detail: 'exit code 71, Chromium ended with code 1.' },
  ],
  [
    'a browser whose memory is used up',
    browserEnded(137, { reason: 'OOMKilled' }),
    { reason: 'OutOfMemory', isFinal: true },
  ],
  [
    'a sandbox that is too weak',
    browserEnded(72, { message: 'It runs in a container.' }),
    { reason: 'RequirementsNotMet', detail: 'It runs in a container.' },
  ],
  [
    'a node without room',
    withStatus({ phase: 'Failed', reason: 'OutOfmemory', message: 'Node did not have enough resource: memory' }),
    { reason: 'NodeFull', isFinal: true },
  ],
  [
    'a node with a full disk',
    withStatus({ phase: 'Failed', reason: 'Evicted', message: 'The node had condition: [DiskPressure].' }),
    { reason: 'Evicted', isFinal: true },
  ],
  [
    'a browser that runs, whatever its proxy does',
    withStatus({
      initContainerStatuses: [container('proxy', { waiting: { reason: 'CrashLoopBackOff' } })],
      containerStatuses: [container('browser', { running: {} })],
    }),
    undefined,
  ],
];

describe('why a sandbox does not come up', () => {
  it.each(rows)('%s', (_, given, expected) => {
    const found = findTrouble(given);
    if (expected) expect(found).toMatchObject(expected);
    else expect(found).toBeUndefined();
    // The operator keeps little of a pod; that is enough.
    expect(findTrouble(keptOfPod(given))).toEqual(found);
  });

  it('is told with no word of the node to those who wanted a session, and with all of them to who runs the pool', () => {
    const trouble = findTrouble(browserWaits('CreateContainerError', noProfile)) ?? explainDelay(pod('starting'));
    expect(summarizeTrouble(trouble)).not.toContain('/var/lib');
    expect(describeTrouble(trouble)).toContain(noProfile);
  });

  it('is not longer than a status can bear', () => {
    expect(findTrouble(browserEnded(1, { message: 'x'.repeat(4_000) }))?.detail?.length).toBeLessThan(500);
  });
});

describe('a sandbox that was not usable in time', () => {
  it('tells whether its node has begun', () => {
    const conditions = [{ type: 'PodReadyToStartContainers', status: 'False' }];
    expect(explainDelay(withStatus({ conditions })).reason).toBe('PodSandboxFailed');
    expect(explainDelay(keptOfPod(withStatus({ conditions }))).reason).toBe('PodSandboxFailed');
    expect(explainDelay(withStatus({ conditions: [] })).reason).toBe('SandboxesFail');
  });
});

describe('a Pod that the API server refuses', () => {
  it.each([
    ['pods "p" is forbidden: pod rejected: RuntimeClass "kata" not found', 'RuntimeClassNotFound', true],
    [
      'pods "p" is forbidden: exceeded quota: q, requested: pods=1, used: pods=3, limited: pods=3',
      'QuotaExceeded',
      true,
    ],
    ['pods "p" is forbidden: violates PodSecurity "restricted:latest"', 'FailedCreate', true],
    [
      'pods "p" is forbidden: error looking up service account n/default: serviceaccount "default" not found',
      'FailedCreate',
      false,
    ],
    // An API server that has just started.
    [
      'pods is forbidden: User "system:serviceaccount:s:porthole-operator" cannot create resource "pods" in API group "" in the namespace "n"',
      'FailedCreate',
      false,
    ],
    ['pods "p" is forbidden: not yet ready to handle request', 'FailedCreate', false],
    ['pods "p" is forbidden: status unknown for quota: q, resources: pods', 'FailedCreate', false],
    ['Unauthorized', 'FailedCreate', false],
  ])('%s', (message, reason, isFinal) => {
    expect(troubleOfRefusal(message)).toMatchObject({
      reason,
      isFinal,
      detail: message.replace('pods "p" is forbidden: ', ''),
    });
  });
});
