import type { Container, PodSpec, SecurityContext, Volume, VolumeMount } from 'kubernetes-types/core/v1.js';
import { containers, env, ports, workVolume } from '../../api/agent/contract.ts';
import type { BrowserPool } from '../../api/v1alpha1/browser-pool.ts';
import type { BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import { labels } from '../../api/v1alpha1/group.ts';
import type { NewObject, NewObjectMeta } from '../../lib/object-meta.ts';
import type { Pod } from '../../lib/kubernetes.ts';
import { claimMetadata, ownedByPool, warmAnnotations } from './claim.ts';
import { sandboxLabels } from './names.ts';
import { browserProbes, proxyProbes } from './probes.ts';
import { seccompOf } from './seccomp.ts';
import { withNodeTroubles } from './tolerations.ts';

/** What the operator is configured with, as far as pods and their policies show it. */
export interface SandboxSettings {
  /** Public half of the key that tickets are signed with. */
  readonly ticketKey: string;
  /** Ports of Porthole itself on this machine that no sandbox may reach; empty where pods have networks of their own. */
  readonly egressDenyPorts: readonly number[];
  /** Namespace of operator, facade and gateway. */
  readonly systemNamespace: string;
}

export interface SandboxPodInput {
  readonly name: string;
  readonly pool: BrowserPool;
  readonly templateHash: string;
  readonly settings: SandboxSettings;
  /** Handler of the pool's RuntimeClass; undefined: it has none, or none is known by that name. */
  readonly runtimeHandler: string | undefined;
  /** The session a cold sandbox is made for; absent for a warm one. */
  readonly session?: BrowserSession;
  /** Seconds after which the node ends the pod whatever the operator does. */
  readonly activeDeadlineSeconds: number;
}

/** An agent ends within a second, unless a recording is still being fetched from it. */
const terminationGraceSeconds = 15;
/** Nobody in particular: user and group of the image's unprivileged user, and of the files in the pod's volumes. */
const sandboxUser = 1000;

/** The Pod of one sandbox: agent and Chromium, beside them the egress proxy as a native sidecar. */
export function buildSandboxPod(input: SandboxPodInput): NewObject<Pod> {
  return { apiVersion: 'v1', kind: 'Pod', metadata: metadataOf(input), spec: buildSandboxSpec(input) };
}

function metadataOf({ name, pool, session, templateHash }: SandboxPodInput): NewObjectMeta {
  const poolName = pool.metadata.name;
  const claim = session && claimMetadata(session, poolName);
  return {
    name,
    namespace: pool.metadata.namespace,
    labels: { ...sandboxLabels, [labels.pool]: poolName, [labels.templateHash]: templateHash, ...claim?.labels },
    annotations: {
      'kubectl.kubernetes.io/default-container': containers.agent,
      ...(claim ?? { annotations: warmAnnotations }).annotations,
    },
    ownerReferences: claim?.ownerReferences ?? [ownedByPool(pool)],
  };
}

export type SandboxSpecInput = Pick<SandboxPodInput, 'pool' | 'settings' | 'runtimeHandler' | 'activeDeadlineSeconds'>;

/** What two sandboxes of the same template and settings have in common: all but names and owners. */
export function buildSandboxSpec(input: SandboxSpecInput): PodSpec {
  const { template } = input.pool.spec;
  return {
    ...placement(template),
    ...(template.imagePullSecrets.length > 0 && { imagePullSecrets: template.imagePullSecrets }),
    ...(template.hostUsers !== undefined && { hostUsers: template.hostUsers }),
    restartPolicy: 'Never',
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    // The proxy is asked for names of the internet: the cluster's own search path would only be four questions more for each.
    dnsConfig: { options: [{ name: 'ndots', value: '1' }] },
    terminationGracePeriodSeconds: terminationGraceSeconds,
    activeDeadlineSeconds: input.activeDeadlineSeconds,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: sandboxUser,
      runAsGroup: sandboxUser,
      fsGroup: sandboxUser,
      fsGroupChangePolicy: 'OnRootMismatch',
      seccompProfile: { type: 'RuntimeDefault' },
    },
    initContainers: [proxyContainer(input)],
    containers: [browserContainer(input)],
    volumes: volumesOf(template),
  };
}

type Template = BrowserPool['spec']['template'];

function placement(template: Template): Partial<PodSpec> {
  return {
    ...(template.runtimeClassName && { runtimeClassName: template.runtimeClassName }),
    ...(template.priorityClassName && { priorityClassName: template.priorityClassName }),
    ...(Object.keys(template.nodeSelector).length > 0 && { nodeSelector: template.nodeSelector }),
    tolerations: withNodeTroubles(template.tolerations.map(withoutUndefined)),
  };
}

function withoutUndefined<T extends object>(object: T): { [K in keyof T]: NonNullable<T[K]> } {
  const present = Object.entries(object).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present) as { [K in keyof T]: NonNullable<T[K]> };
}

/** The root is read-only: these are all that can be written. X servers keep their locks in /tmp wherever TMPDIR points. */
function volumesOf({ storage }: Template): Volume[] {
  return [
    { name: workVolume.name, emptyDir: { sizeLimit: storage.work } },
    { name: 'tmp', emptyDir: { sizeLimit: '64Mi' } },
    { name: 'shm', emptyDir: { medium: 'Memory', sizeLimit: storage.sharedMemory } },
  ];
}

const browserMounts: VolumeMount[] = [
  { name: workVolume.name, mountPath: workVolume.mountPath },
  { name: 'tmp', mountPath: '/tmp' },
  { name: 'shm', mountPath: '/dev/shm' },
];

/** As Pod Security's `restricted` wants it: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted */
const restricted: SecurityContext = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
};

/** What it says last is in the Pod's status, where whoever looks for a reason finds it. */
const lastWords = { terminationMessagePolicy: 'FallbackToLogsOnError' } as const;

const podFields = [
  { name: env.podUid, valueFrom: { fieldRef: { fieldPath: 'metadata.uid' } } },
  { name: env.podIp, valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
];

function browserContainer({ pool, settings, runtimeHandler }: SandboxSpecInput): Container {
  const { template } = pool.spec;
  const { resources } = template;
  const seccompProfile = seccompOf(template, runtimeHandler);
  return {
    name: containers.agent,
    ...imageOf(template),
    args: ['agent'],
    env: [
      ...podFields,
      { name: env.ticketKey, value: settings.ticketKey },
      { name: env.display, value: template.display },
      { name: env.workDir, value: workVolume.mountPath },
      { name: env.recordingRate, value: String(template.recording.framesPerSecond) },
      { name: env.recordingMaxBytes, value: String(template.recording.maxMebibytes * 2 ** 20) },
      ...demandsOf(template),
    ],
    ports: [{ name: 'agent', containerPort: ports.agent, protocol: 'TCP' }],
    resources: { requests: withoutUndefined(resources.requests), limits: withoutUndefined(resources.limits) },
    ...browserProbes(template.startupDeadlineMs),
    ...lastWords,
    securityContext: {
      ...restricted,
      // Of this container alone: the proxy needs nothing out of the ordinary.
      ...(seccompProfile.type !== 'RuntimeDefault' && { seccompProfile }),
    },
    volumeMounts: browserMounts,
  };
}

/** A sandbox that is weaker ends itself at its start, and the pool says so. */
function demandsOf({ requirements }: Template): { name: string; value: string }[] {
  const { isolation, browserSandbox } = requirements;
  return [
    ...(isolation === 'None' ? [] : [{ name: env.requireIsolation, value: isolation }]),
    ...(browserSandbox ? [{ name: env.requireBrowserSandbox, value: 'true' }] : []),
  ];
}

function proxyContainer({ pool, settings }: Pick<SandboxPodInput, 'pool' | 'settings'>): Container {
  const { template } = pool.spec;
  return {
    name: containers.proxy,
    ...imageOf(template),
    args: ['proxy'],
    restartPolicy: 'Always',
    env: [
      ...podFields,
      { name: env.ticketKey, value: settings.ticketKey },
      { name: env.egressAllow, value: template.egress.allow.join(',') },
      { name: env.upstreamAllow, value: template.egress.upstreamAllow.join(',') },
      { name: env.egressDenyPorts, value: settings.egressDenyPorts.join(',') },
    ],
    ports: [{ name: 'proxy-health', containerPort: ports.proxyHealth, protocol: 'TCP' }],
    resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { cpu: '1', memory: '256Mi' } },
    ...proxyProbes,
    ...lastWords,
    securityContext: restricted,
  };
}

function imageOf({ image, imagePullPolicy }: Template): Pick<Container, 'image' | 'imagePullPolicy'> {
  return { image, imagePullPolicy };
}
