import type { SeccompProfile } from 'kubernetes-types/core/v1.js';
import type { BrowserPoolSpec } from '../../api/v1alpha1/browser-pool.ts';

/**
 * Where nodes keep the profile that Chromium's own sandbox needs, below the kubelet's seccomp folder
 * (https://kubernetes.io/docs/tutorials/security/seccomp/). The file is charts/porthole/files/porthole-chromium.json.
 */
export const chromiumProfile = 'porthole/chromium.json';

/** Handlers that start plain containers: the browser's system calls reach the node's kernel, through the runtime's own filter. */
const plainHandlers: ReadonlySet<string> = new Set(['runc', 'crun', 'youki']);

/**
 * What the browser's container runs under. `handler` is that of the pool's RuntimeClass; undefined: no such class is known. A sandbox with a
 * kernel of its own needs no file on its node; without a class it is a plain container in all likelihood.
 */
export function seccompOf(
  { seccompProfile, runtimeClassName }: BrowserPoolSpec['template'],
  handler: string | undefined,
): SeccompProfile {
  if (seccompProfile) {
    const { type, localhostProfile } = seccompProfile;
    return localhostProfile === undefined ? { type } : { type, localhostProfile };
  }
  const isPlain = runtimeClassName === '' || (handler !== undefined && plainHandlers.has(handler));
  return isPlain ? { type: 'Localhost', localhostProfile: chromiumProfile } : { type: 'RuntimeDefault' };
}
