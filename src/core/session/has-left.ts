import type { BrowserSession } from '../../api/v1alpha1/browser-session.ts';

/** Whether a session needs no sandbox any more: it has ended, or its deletion was asked for and somebody's finalizer holds it. */
export function hasLeft({ metadata, status }: BrowserSession): boolean {
  return status?.phase === 'Ended' || metadata.deletionTimestamp !== undefined;
}
