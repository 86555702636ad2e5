import type { Container } from 'kubernetes-types/core/v1.js';
import type { Store } from '../kube/store.ts';
import type { Pod } from '../lib/kubernetes.ts';
import { toMounts, type CommandFor } from './command.ts';
import { buildEnv, gatherEnvSources } from './container-env.ts';
import type { LocalCommand } from './container-process.ts';
import type { PodGround } from './pod-ground.ts';
import { createProbeSet, type ProbeSet } from './probe-runner.ts';

export interface PrepareContext {
  readonly pod: Pod;
  /** The Pod's ground, made for its first container. */
  readonly takeGround: () => Promise<PodGround>;
  readonly store: Store;
  readonly hostIp: string;
  readonly commandFor: CommandFor;
}

/** A container that can be started. */
export interface Prepared {
  readonly kind: 'prepared';
  readonly ground: PodGround;
  readonly command: LocalCommand;
  readonly probes: ProbeSet;
}

/** Why it cannot be yet, in kubelet's words. */
export interface Obstacle {
  readonly kind: 'obstacle';
  readonly reason: string;
  readonly message: string;
  readonly retryMs: number;
}

/** Until something that was missing is looked for again. */
const missingRetryMs = 1_000;
/** An image that is not in the table appears there by a restart of the program, if ever. */
const imageRetryMs = 10_000;

async function prepareOn(
  ground: PodGround,
  container: Container,
  context: PrepareContext,
): Promise<Prepared | Obstacle> {
  const { pod, store, hostIp, commandFor } = context;
  const { address: podIp, addressIndex, identity, volumeDirs } = ground;
  const env = buildEnv(container, pod, await gatherEnvSources(store, { pod, container }, { podIp, hostIp }));
  const mounts = toMounts(container, volumeDirs);
  const probes = createProbeSet(container, podIp);
  const command = commandFor(container, { pod, podIp, addressIndex, identity, volumeDirs, mounts, env });
  if (command) return { kind: 'prepared', ground, probes, command: { ...command, env: { ...env, ...command.env } } };
  const message = `no local command stands for image ${container.image ?? ''}`;
  return { kind: 'obstacle', reason: 'ErrImageNeverPull', message, retryMs: imageRetryMs };
}

function missing(reason: string, error: unknown): Obstacle {
  return { kind: 'obstacle', reason, message: (error as Error).message, retryMs: missingRetryMs };
}

/** Command, environment and probes of a container. Never rejects: what is missing may be there at the next try. */
export async function prepareContainer(container: Container, context: PrepareContext): Promise<Prepared | Obstacle> {
  let ground: PodGround;
  try {
    ground = await context.takeGround();
  } catch (error) {
    return missing('ContainerCreating', error);
  }
  try {
    return await prepareOn(ground, container, context);
  } catch (error) {
    return missing('CreateContainerConfigError', error);
  }
}
