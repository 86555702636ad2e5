import type { Toleration } from 'kubernetes-types/core/v1.js';

/**
 * Seconds that a sandbox stays bound to a node that is not ready or does not answer; without a word Kubernetes takes 300. A session
 * whose node is gone is told so that much after the node was given up, and its slot is free then.
 */
export const nodeTroubleSeconds = 30;

const nodeTroubles = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'] as const;

/**
 * `tolerations` of the pool's, and how long trouble of the node is borne where they do not say it.
 * https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/#taint-based-evictions
 */
export function withNodeTroubles(tolerations: readonly Toleration[]): Toleration[] {
  const unsaid = nodeTroubles.filter((key) => !tolerations.some((toleration) => isSaidBy(toleration, key)));
  const added = unsaid.map((key) => ({
    key,
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds: nodeTroubleSeconds,
  }));
  return [...tolerations, ...added];
}

/** As the API server's own admission has it. */
function isSaidBy({ key, effect }: Toleration, trouble: string): boolean {
  return (key === undefined || key === trouble) && (effect === undefined || effect === 'NoExecute');
}
