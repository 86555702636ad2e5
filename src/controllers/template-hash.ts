import { createHash } from 'node:crypto';
import { buildSandboxSpec, type SandboxSpecInput } from '../core/pods/sandbox-pod.ts';

/**
 * Two sandboxes with the same hash are made the same way: of the same template, with the same settings, and by the same version
 * of the builder, so that an operator that builds them otherwise replaces what its predecessor kept warm. Fits a label value.
 */
export function templateHashOf(input: Omit<SandboxSpecInput, 'activeDeadlineSeconds'>): string {
  const spec = buildSandboxSpec({ ...input, activeDeadlineSeconds: 0 });
  return createHash('sha256').update(JSON.stringify(spec)).digest('hex').slice(0, 16);
}
