import type { Container, PodSpec } from 'kubernetes-types/core/v1.js';
import { parseBytes, parseCpuMillis } from './quantities.ts';

export interface Resources {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
}

/** What a node can carry. */
export interface Capacity extends Resources {
  readonly pods: number;
}

const none: Resources = { cpuMillis: 0, memoryBytes: 0 };

function sum(a: Resources, b: Resources): Resources {
  return { cpuMillis: a.cpuMillis + b.cpuMillis, memoryBytes: a.memoryBytes + b.memoryBytes };
}

function larger(a: Resources, b: Resources): Resources {
  return { cpuMillis: Math.max(a.cpuMillis, b.cpuMillis), memoryBytes: Math.max(a.memoryBytes, b.memoryBytes) };
}

function toResources(list: Readonly<Record<string, string>> | undefined): Partial<Resources> {
  return {
    ...(list?.['cpu'] === undefined ? {} : { cpuMillis: parseCpuMillis(list['cpu']) }),
    ...(list?.['memory'] === undefined ? {} : { memoryBytes: parseBytes(list['memory']) }),
  };
}

/** A container that names a limit but no request, requests its limit (the API server's defaulting). */
function containerRequests({ resources }: Container): Resources {
  return { ...none, ...toResources(resources?.limits), ...toResources(resources?.requests) };
}

export function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always';
}

/**
 * What a Pod counts for on its node: the larger of what runs for good (main containers and sidecars) and the most that is
 * needed during initialisation (an init container with the sidecars before it), and the RuntimeClass's overhead on top.
 * Source: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers
 * Throws RangeError on a malformed quantity.
 */
export function podRequests(spec: PodSpec): Resources {
  let sidecars = none;
  let peak = none;
  for (const container of spec.initContainers ?? []) {
    const requests = containerRequests(container);
    peak = larger(peak, sum(sidecars, requests));
    if (isSidecar(container)) sidecars = sum(sidecars, requests);
  }
  const running = spec.containers.map(containerRequests).reduce(sum, sidecars);
  return sum(larger(running, peak), { ...none, ...toResources(spec.overhead) });
}
