import { systemClock } from '../lib/clock.ts';
import { readFreeBytes, readMachine } from './machine.ts';
import { hostIp, startLocalNode, type LocalNode, type LocalNodeOptions } from './node.ts';
import { registerNode } from './node-registration.ts';

export interface KubeNodeOptions extends Omit<LocalNodeOptions, 'schedules'> {
  /** Of Porthole; shown by `kubectl get nodes -o wide`. */
  readonly version: string;
}

/**
 * The local node as a Node of a real cluster: kube-scheduler gives it Pods, by its `labels` and `capacity`. It asks for no more than
 * a kubelet may do, so that it runs under the identity `system:node:<name>` (group system:nodes) with the Node authorizer and the
 * NodeRestriction plugin. A Pod is a process here: its RuntimeClass is accepted and ignored, and so are runAsUser, fsGroup, seccomp and
 * capabilities, since each Pod has a user of its own.
 *
 * Resolves when the Node is Ready. Disposing says that it is not, and ends all Pods.
 */
export async function startKubeNode(options: KubeNodeOptions): Promise<LocalNode & AsyncDisposable> {
  const { nodeName, store, logger, version, clock = systemClock } = options;
  const machine = readMachine();
  const labels = {
    'kubernetes.io/hostname': nodeName,
    'kubernetes.io/os': machine.operatingSystem,
    'kubernetes.io/arch': machine.architecture,
    ...options.labels,
  };
  await using starting = new AsyncDisposableStack();
  const node = starting.use(await startLocalNode({ ...options, labels, schedules: false }));
  const { capacity } = options;
  const storageBytes = readFreeBytes(options.podsDir);
  const facts = { name: nodeName, labels, capacity, storageBytes, address: hostIp, machine, version };
  const stop = new AbortController();
  const registration = await registerNode({ store, facts, clock, logger }, options.signal ?? stop.signal);
  starting.move();
  let disposal: Promise<unknown> | undefined;
  const dispose = async (): Promise<void> => {
    await (disposal ??= Promise.all([registration.withdraw(), node[Symbol.asyncDispose]()]));
  };
  options.signal?.addEventListener('abort', () => void dispose(), { once: true });
  return {
    name: node.name,
    used: () => node.used(),
    get lastContactMs() {
      return node.lastContactMs;
    },
    [Symbol.asyncDispose]: dispose,
  };
}
