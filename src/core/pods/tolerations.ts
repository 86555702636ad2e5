import type { Toleration } from 'kubernetes-types/core/v1.js';

/**
 * Seconds that a sandbox stays bound to a node that is not ready or does not answer; without a word Kubernetes takes 300. A session
 * whose node is gone is told so that much after the node was given up, and its slot is free then.
 */
export const nodeTroubleSeconds = 30;

const unreachable = 'node.kubernetes.io/unreachable';
const nodeTroubles = ['node.kubernetes.io/not-ready', unreachable] as const;

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

/** What is looked at of a toleration. */
interface Said {
  readonly key?: string | undefined;
  readonly effect?: string | undefined;
  readonly tolerationSeconds?: number | undefined;
}

/**
 * For how long sandboxes with these tolerations bear a node that does not answer, milliseconds; Infinity: for ever. The shortest of
 * several counts, as Kubernetes has it.
 */
export function nodeTroubleMs(tolerations: readonly Said[]): number {
  const said = tolerations.filter((toleration) => isSaidBy(toleration, unreachable));
  const seconds = said.map(({ tolerationSeconds = Infinity }) => Math.max(0, tolerationSeconds));
  return 1_000 * (seconds.length > 0 ? Math.min(...seconds) : nodeTroubleSeconds);
}

/** As the API server's own admission has it. */
function isSaidBy({ key, effect }: Said, trouble: string): boolean {
  return (key === undefined || key === trouble) && (effect === undefined || effect === 'NoExecute');
}
