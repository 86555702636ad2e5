import { existsSync, readdirSync } from 'node:fs';
import type { Container, PodSpec } from 'kubernetes-types/core/v1.js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Node, Pod } from '../../src/lib/kubernetes.ts';
import { nodeUser, startClusterNode, type ClusterNode } from '../support/cluster-node.ts';
import { startTestControlPlane, type AuditEvent, type TestControlPlane } from '../support/control-plane.ts';
import { obedient, script } from '../support/test-node.ts';

const room = 'room';
const podsPath = `/api/v1/namespaces/${room}/pods`;

const restricted = { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } };
/** What the sandbox's Pod has: accepted by Pod Security `restricted`, with a RuntimeClass and a native sidecar. */
const sandboxLike: PodSpec = {
  runtimeClassName: 'kata',
  restartPolicy: 'Never',
  automountServiceAccountToken: false,
  terminationGracePeriodSeconds: 5,
  activeDeadlineSeconds: 600,
  securityContext: { runAsNonRoot: true, runAsUser: 1000, fsGroup: 1000, seccompProfile: { type: 'RuntimeDefault' } },
  initContainers: [script('side', obedient, { restartPolicy: 'Always', securityContext: restricted })],
  containers: [
    script('main', obedient, {
      securityContext: restricted,
      resources: { requests: { cpu: '100m', memory: '64Mi', 'ephemeral-storage': '1Mi' } },
      volumeMounts: [{ name: 'work', mountPath: '/work' }],
    }),
  ],
  volumes: [{ name: 'work', emptyDir: { medium: 'Memory', sizeLimit: '64Mi' } }],
};

/** Takes a moment to be ready, and is asked by both probes, as the sandbox's containers are. */
const serving = (name: string, port: number): Container => ({
  name,
  image: 'node',
  args: [
    `setTimeout(() => require('http').createServer((_, r) => r.end()).listen(${port}, process.env.POD_IP), 200);
     process.on('SIGTERM', () => process.exit(0));`,
  ],
  env: [{ name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }],
  ...(name === 'main' && { startupProbe: { httpGet: { port }, periodSeconds: 1, failureThreshold: 30 } }),
  readinessProbe: { httpGet: { port }, periodSeconds: 5 },
  securityContext: restricted,
});

let plane: TestControlPlane;
let node: ClusterNode;

const create = async (name: string, spec: PodSpec): Promise<Pod> => {
  const body = { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec };
  const { status, body: answer } = await plane.call({ method: 'POST', path: podsPath, body });
  expect(answer).toMatchObject({ kind: 'Pod' });
  expect(status).toBe(201);
  return answer as Pod;
};
const get = async (name: string): Promise<Pod | undefined> => {
  const { status, body } = await plane.call({ path: `${podsPath}/${name}` });
  return status === 200 ? (body as Pod) : undefined;
};
const conditionOf = (object: Pod | Node | undefined, type: string): string | undefined =>
  (object?.status?.conditions as readonly { type: string; status: string }[] | undefined)?.find((c) => c.type === type)
    ?.status;
const eventually = <T>(look: () => Promise<T>) => expect.poll(look, { timeout: 20_000, interval: 20 });
const getNode = async (): Promise<Node> => (await plane.call({ path: '/api/v1/nodes/one' })).body as Node;
const ready = (name: string) => eventually(async () => conditionOf(await get(name), 'Ready')).toBe('True');
const gone = (name: string) => eventually(() => get(name)).toBeUndefined();
const writesAbout = (events: readonly AuditEvent[], pod: string): readonly string[] =>
  events
    .filter(({ user, objectRef }) => user.username === nodeUser.name && objectRef?.name === pod)
    .map(({ verb, objectRef, responseStatus }) => {
      const what = [objectRef?.resource, objectRef?.subresource].filter(Boolean).join('/');
      return `${verb} ${what} ${responseStatus?.code ?? '?'}`;
    });

beforeAll(async () => {
  plane = await startTestControlPlane({ controllers: true, audit: true, users: [nodeUser] });
  const restrictedRoom = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: room, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
  };
  const kata = {
    apiVersion: 'node.k8s.io/v1',
    kind: 'RuntimeClass',
    metadata: { name: 'kata' },
    handler: 'kata',
    overhead: { podFixed: { cpu: '10m', memory: '1Mi' } },
  };
  await plane.kubectl(['create', '-f', '-'], [restrictedRoom, kata].map((object) => JSON.stringify(object)).join('\n'));
  node = await startClusterNode(plane);
  const account = `/api/v1/namespaces/${room}/serviceaccounts/default`;
  await vi.waitUntil(async () => (await plane.call({ path: account })).status === 200, { timeout: 20_000 });
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await plane[Symbol.asyncDispose]();
});

describe('the local node on a real API server', () => {
  it('is a Node that is Ready, without taints, with a lease', async () => {
    const stored = await getNode();
    expect(stored.metadata.labels).toMatchObject({ 'kubernetes.io/hostname': 'one', 'kubernetes.io/os': 'linux' });
    expect(conditionOf(stored, 'Ready')).toBe('True');
    expect(stored.status?.allocatable).toMatchObject({ cpu: '4', memory: `${2 ** 32}`, pods: '50' });
    await eventually(async () => (await getNode()).spec.taints ?? []).toEqual([]);
    const lease = await plane.call({ path: '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/one' });
    expect(lease.body).toMatchObject({ spec: { holderIdentity: 'one', leaseDurationSeconds: 40 } });
  });

  it('runs a pod that Pod Security has let in, and needs three status writes and one deletion for its whole life', async () => {
    const initContainers = [{ ...serving('side', 7701), restartPolicy: 'Always' }];
    const { metadata } = await create('life', { ...sandboxLike, initContainers, containers: [serving('main', 7700)] });
    await ready('life');
    const pod = await get('life');
    expect(pod?.status).toMatchObject({
      phase: 'Running',
      observedGeneration: pod?.metadata.generation,
      podIP: expect.stringMatching(/^127\.77\./) as string,
      hostIP: '127.0.0.1',
      qosClass: 'BestEffort',
      containerStatuses: [{ name: 'main', ready: true, state: { running: {} } }],
      initContainerStatuses: [{ name: 'side', ready: true }],
    });
    expect(existsSync(`${node.podsDir}/${metadata.uid}`)).toBe(true);
    await plane.kubectl(['delete', 'pod', 'life', `--namespace=${room}`, '--wait=false']);
    await gone('life');
    expect(readdirSync(node.podsDir)).toEqual([]);
    const writes = writesAbout(await plane.audit(), 'life').filter((w) => !w.startsWith('get'));
    expect(writes).toEqual([...Array<string>(3).fill('patch pods/status 200'), 'delete pods 200']);
  });

  it('tells how a pod ended', async () => {
    const containers = [
      script('main', 'echo no >&2; exit 3', {
        securityContext: restricted,
        terminationMessagePolicy: 'FallbackToLogsOnError',
      }),
    ];
    await create('bad', { ...sandboxLike, containers });
    await eventually(async () => (await get('bad'))?.status?.phase).toBe('Failed');
    expect((await get('bad'))?.status?.containerStatuses?.[0]?.state?.terminated).toMatchObject({
      exitCode: 3,
      message: 'no',
    });
    await plane.kubectl(['delete', 'pod', 'bad', `--namespace=${room}`]);
  });

  it('ends a pod when its deadline is over', async () => {
    await create('late', { ...sandboxLike, activeDeadlineSeconds: 1 });
    await eventually(async () => (await get('late'))?.status?.reason).toBe('DeadlineExceeded');
    await plane.kubectl(['delete', 'pod', 'late', `--namespace=${room}`]);
  });

  it('ends the processes of a pod that was removed by force', async () => {
    const { metadata } = await create('forced', sandboxLike);
    await ready('forced');
    await plane.kubectl(['delete', 'pod', 'forced', `--namespace=${room}`, '--force', '--grace-period=0']);
    await gone('forced');
    await eventually(() => Promise.resolve(existsSync(`${node.podsDir}/${metadata.uid}`))).toBe(false);
  });

  it('runs a pod with the token volume that comes by default', async () => {
    await create('default', { ...sandboxLike, automountServiceAccountToken: true });
    await ready('default');
    await plane.kubectl(['delete', 'pod', 'default', `--namespace=${room}`]);
  });

  it('leaves a pod that does not fit to the scheduler, and takes it when there is room', async () => {
    const sized = (cpu: string): PodSpec => ({
      ...sandboxLike,
      containers: [script('main', obedient, { securityContext: restricted, resources: { requests: { cpu } } })],
    });
    await create('first', sized('3'));
    await ready('first');
    await create('second', sized('3'));
    await eventually(async () => conditionOf(await get('second'), 'PodScheduled')).toBe('False');
    await plane.kubectl(['delete', 'pod', 'first', `--namespace=${room}`]);
    await ready('second');
    await plane.kubectl(['delete', 'pod', 'second', `--namespace=${room}`]);
  });

  it('asks for nothing that a kubelet may not do', async () => {
    const refused = (await plane.audit())
      .filter(({ user, responseStatus }) => user.username === nodeUser.name && responseStatus?.code === 403)
      .map(({ verb, requestURI }) => `${verb} ${requestURI}`);
    expect(refused).toEqual([]);
  });

  it('ends its pods and is not Ready when it stops', async () => {
    await create('last', sandboxLike);
    await ready('last');
    await node.stop();
    expect(conditionOf(await getNode(), 'Ready')).toBe('False');
    expect((await get('last'))?.status).toMatchObject({ phase: 'Failed', reason: 'Terminated' });
    expect(readdirSync(node.podsDir)).toEqual([]);
  });

  it('takes its Node up again, and reports what ran there before as lost', async () => {
    const initContainers = [script('init', 'exit 0', { securityContext: restricted })];
    await create('lost', { ...sandboxLike, nodeName: 'one', initContainers });
    const before = (name: string, state: object): object => {
      const rest = { image: 'sh', imageID: '', ready: true, restartCount: 0, containerID: 'porthole://1' };
      return { name, state, ...rest };
    };
    const startedAt = new Date().toISOString();
    const status = {
      phase: 'Running',
      initContainerStatuses: [before('init', { terminated: { exitCode: 0, containerID: 'porthole://1' } })],
      containerStatuses: [before('main', { running: { startedAt } })],
    };
    const patch = ['patch', 'pod', 'lost', `--namespace=${room}`, '--subresource=status', '--type=merge'];
    await plane.kubectl([...patch, '-p', JSON.stringify({ status })]);
    await using again = await startClusterNode(plane);
    expect(conditionOf(await getNode(), 'Ready')).toBe('True');
    await eventually(async () => (await get('lost'))?.status?.phase).toBe('Failed');
    expect((await get('lost'))?.status?.containerStatuses?.[0]?.state?.terminated).toMatchObject({
      exitCode: 137,
      reason: 'ContainerStatusUnknown',
    });
    expect(again.node.used().pods).toBe(0);
  });
});
