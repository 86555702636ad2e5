import type { IsolationDemand } from '../v1alpha1/browser-pool.ts';
import type { IsolationKind } from './wire.ts';

/**
 * What a pool may demand of a sandbox, and whether what was observed meets it. Here, so that the agent, which ends itself at its start, and
 * the operator, which asks once more when it binds, cannot differ. Types only are imported: the agent starts on this file's cost.
 */
export interface Requirements {
  readonly isolation: IsolationDemand;
  /** Whether Chromium's own sandbox must be on. */
  readonly browserSandbox: boolean;
}

export interface Observed {
  readonly isolation: IsolationKind;
  readonly sandboxed: boolean;
}

/** What stands between the browser and its node, weakest first, and what that is called in a sentence. */
export const isolations: Readonly<Record<IsolationKind, { readonly strength: number; readonly is: string }>> = {
  LocalProcess: { strength: 0, is: 'is a process of this machine: no VM stands between it and the host' },
  Container: { strength: 0, is: 'runs in a container that shares the host kernel' },
  GVisor: { strength: 1, is: 'runs under gVisor' },
  VirtualMachine: { strength: 2, is: 'runs in a virtual machine' },
};

/** The least strength that meets each demand. */
export const leastStrength: Readonly<Record<IsolationDemand, number>> = {
  None: 0,
  SeparateKernel: 1,
  VirtualMachine: 2,
};

/** In which way a sandbox is weaker than its pool demands, as a sentence; undefined: it is not. */
export function findWeakness(demands: Requirements, { isolation, sandboxed }: Observed): string | undefined {
  const { strength, is } = isolations[isolation];
  if (strength < leastStrength[demands.isolation])
    return `The browser ${is}, and its pool demands ${demands.isolation}. See to the RuntimeClass and the nodes.`;
  if (demands.browserSandbox && !sandboxed)
    return "Chromium's own sandbox is off, and its pool demands it. See to the pool's seccompProfile and the nodes.";
  return undefined;
}
