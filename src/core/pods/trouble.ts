import type { ContainerStatus } from 'kubernetes-types/core/v1.js';
import { agentExitCodes, containers } from '../../api/agent/contract.ts';
import type { Pod } from '../../lib/kubernetes.ts';

/** Why a sandbox does not come up: what is the matter, and what to do about it. */
const troubles = {
  ImageUnavailable: {
    is: 'The image of the sandbox is not to be had on its node.',
    then: 'See to image, imagePullSecrets and imagePullPolicy of the template.',
  },
  SeccompProfileMissing: {
    is: 'The node lacks the seccomp profile that the browser runs under.',
    then: 'Install it: seccompProfile.install of the chart, or by hand.',
  },
  ContainerError: {
    is: 'The node cannot start a container of the sandbox.',
    then: "Look at the pool's Pods with kubectl describe.",
  },
  PodSandboxFailed: {
    is: 'The node did not come to start the containers of the sandbox.',
    then: 'See to the handler of the RuntimeClass and to the network plugin: kubectl describe tells of the Pod.',
  },
  CrashLoop: {
    is: 'The sandbox ends while it starts.',
    then: 'Look at the log of one of its Pods.',
  },
  OutOfMemory: {
    is: 'The sandbox runs out of memory while it starts.',
    then: 'Raise resources.limits.memory of the template.',
  },
  RequirementsNotMet: {
    is: "The sandbox is weaker than the pool's requirements.",
    then: 'See to the RuntimeClass and the nodes.',
  },
  NodeFull: {
    is: 'The node had no room for the sandbox when it came.',
    then: 'Add nodes, or lower the requests of the template.',
  },
  Evicted: {
    is: 'The node evicts the sandbox while it starts.',
    then: "See to the node's disk and memory, and to storage.work of the template.",
  },
  RuntimeClassNotFound: {
    is: 'The RuntimeClass of the pool does not exist.',
    then: 'Make it, or name another one in runtimeClassName.',
  },
  QuotaExceeded: {
    is: 'A ResourceQuota of the namespace leaves no room for another sandbox.',
    then: 'Raise it, or lower maxSandboxes.',
  },
  FailedCreate: {
    is: 'The API server refuses the Pods of the pool.',
    then: 'Obey its policy, or loosen it.',
  },
  SandboxesFail: {
    is: 'Sandboxes of this template are not usable in time.',
    then: 'Look at the log of one of its Pods.',
  },
} as const;
export type TroubleReason = keyof typeof troubles;
export const troubleReasons = Object.keys(troubles) as TroubleReason[];

export interface Trouble {
  readonly reason: TroubleReason;
  /** What the node or the API server said itself; at most 400 characters. It may name what is the operator's business only. */
  readonly detail?: string | undefined;
  /** This pod will never be usable: nobody needs to wait for its deadline. */
  readonly isFinal: boolean;
}

/** For whoever runs the pool: all that is known. */
export function describeTrouble({ reason, detail }: Pick<Trouble, 'reason' | 'detail'>): string {
  const { is, then } = troubles[reason];
  return [is, then, ...(detail ? [`The cluster says: ${detail}`] : [])].join(' ');
}

/** For whoever wanted a session: nothing of nodes and their paths. */
export function summarizeTrouble({ reason }: Pick<Trouble, 'reason'>): string {
  return `${troubles[reason].is} The pool says more.`;
}

type Status = NonNullable<Pod['status']>;
type Rule = (status: Status) => Trouble | undefined;

/** The first that answers decides. */
const rules: readonly Rule[] = [turnedAway, browserEnded, waitingContainer];

/**
 * What keeps a sandbox from coming up, as its status tells; undefined: nothing, as far as can be seen, or its browser runs.
 * https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-states
 */
export function findTrouble({ status }: Pod): Trouble | undefined {
  if (!status || browserOf(status)?.state?.running) return undefined;
  for (const rule of rules) {
    const trouble = rule(status);
    if (trouble) return trouble;
  }
  return undefined;
}

/** The same of one that was not usable in time: then it tells, too, that its node has not even begun. */
export function explainDelay(pod: Pod): Trouble {
  const isBegun = !(pod.status?.conditions ?? []).some(
    ({ type, status }) => type === 'PodReadyToStartContainers' && status === 'False',
  );
  const hasEnded = pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded';
  const otherwise = isBegun ? 'SandboxesFail' : 'PodSandboxFailed';
  return findTrouble(pod) ?? { reason: hasEnded ? 'CrashLoop' : otherwise, isFinal: true };
}

/**
 * What the API server says for a moment, of any Pod: its namespace is only just being made, or it has itself just started, and knows no
 * Role, no quota and no token yet. A Role that is missing for good looks the same; readiness tells of it, and the startup deadline ends.
 */
const mayPass =
  /service ?account|being terminated|failed calling webhook|timed? ?out|cannot create resource|unauthorized|not yet ready|status unknown for quota/i;

/** What the API server said when it refused a Pod. */
export function troubleOfRefusal(message: string): Trouble {
  // Which Pod it was tells nothing, and is another one each time.
  const detail = shorten(message.replace(/^pods "[^"]*" is forbidden: /, ''));
  if (/RuntimeClass\b.*not found/i.test(message)) return { reason: 'RuntimeClassNotFound', detail, isFinal: true };
  if (/exceeded quota/i.test(message)) return { reason: 'QuotaExceeded', detail, isFinal: true };
  return { reason: 'FailedCreate', detail, isFinal: !mayPass.test(message) };
}

function browserOf({ containerStatuses = [] }: Status): ContainerStatus | undefined {
  return containerStatuses.find(({ name }) => name === containers.agent);
}

/** Words of the kubelet: https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/lifecycle/predicate.go */
function turnedAway({ phase, reason, message }: Status): Trouble | undefined {
  if (phase !== 'Failed' || reason === undefined) return undefined;
  const detail = shorten(message);
  if (reason === 'Evicted') return { reason: 'Evicted', detail, isFinal: true };
  return /^(OutOf|NodeAffinity|NodePorts|UnexpectedAdmissionError)/.test(reason)
    ? { reason: 'NodeFull', detail, isFinal: true }
    : undefined;
}

function browserEnded(status: Status): Trouble | undefined {
  const ended = browserOf(status)?.state?.terminated;
  if (!ended) return undefined;
  const { exitCode, message } = ended;
  const words = shorten(message);
  const isFinal = true;
  if (ended.reason === 'OOMKilled') return { reason: 'OutOfMemory', isFinal };
  if (exitCode === agentExitCodes.tooWeak) return { reason: 'RequirementsNotMet', detail: words, isFinal };
  if (isSeccomp(message)) return { reason: 'SeccompProfileMissing', detail: words, isFinal };
  if (ended.reason === 'StartError' || ended.reason === 'ContainerCannotRun')
    return { reason: 'ContainerError', detail: words, isFinal };
  return { reason: 'CrashLoop', detail: `exit code ${exitCode}${words ? `, ${words}` : ''}`, isFinal };
}

/** The proxy comes first, so it is where most of this shows. */
function waitingContainer({ initContainerStatuses = [], containerStatuses = [] }: Status): Trouble | undefined {
  for (const { state } of [...initContainerStatuses, ...containerStatuses]) {
    const trouble = state?.waiting && troubleOfWaiting(state.waiting);
    if (trouble) return trouble;
  }
  return undefined;
}

/** An image that a registry does not have, or does not give to us. Any other trouble of a registry may pass. */
const isRefusedImage = /not found|manifest unknown|does not exist|unauthorized|authorization|denied/i;

function troubleOfWaiting(waiting: { readonly reason?: string; readonly message?: string }): Trouble | undefined {
  const { reason = '', message } = waiting;
  const detail = shorten(message);
  if (/^Err|^ImagePull|^InvalidImage|^ImageInspect|^SignatureValidation/.test(reason)) {
    const isFinal =
      reason === 'ErrImageNeverPull' || reason === 'InvalidImageName' || isRefusedImage.test(message ?? '');
    return { reason: 'ImageUnavailable', detail, isFinal };
  }
  if (reason === 'CrashLoopBackOff') return { reason: 'CrashLoop', detail, isFinal: true };
  if (isSeccomp(message)) return { reason: 'SeccompProfileMissing', detail, isFinal: true };
  if (/^(CreateContainer(Config)?Error|RunContainerError|PostStartHookError)$/.test(reason))
    return { reason: 'ContainerError', detail, isFinal: reason === 'CreateContainerConfigError' };
  return undefined;
}

/** containerd: `cannot load seccomp profile "/var/lib/kubelet/seccomp/…": open …: no such file or directory`. CRI-O's are alike. */
function isSeccomp(message: string | undefined): boolean {
  return /seccomp/i.test(message ?? '') && /no such file|not found|cannot load|unable to load/i.test(message ?? '');
}

const longestDetail = 400;

/** The last line of what may be a log. */
function shorten(text: string | undefined): string | undefined {
  const last = text?.trim().split('\n').at(-1)?.trim();
  if (!last) return undefined;
  return last.length > longestDetail ? `${last.slice(0, longestDetail - 1)}…` : last;
}
