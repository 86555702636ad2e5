import { randomBytes } from 'node:crypto';

/** Names of sessions need no meaning: their uid is what callers know. */
export function randomSessionName(): string {
  return `s-${randomBytes(10).toString('hex')}`;
}
