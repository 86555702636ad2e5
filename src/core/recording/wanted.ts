import type { BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import { annotations } from '../../api/v1alpha1/group.ts';

/** Whether it is recorded from its first moment. */
export function isRecorded({ spec }: BrowserSession): boolean {
  return spec.capabilities.includes('recording');
}

const uuidForm = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Ids of the recordings that a session is known to have. The one from its first moment has the session's own: so a bind that is repeated,
 * and an operator that comes after, mean the same one.
 */
export function recordingsOf(session: BrowserSession): readonly string[] {
  const started = session.metadata.annotations?.[annotations.recording];
  const own = isRecorded(session) ? [session.metadata.uid] : [];
  return started !== undefined && uuidForm.test(started) ? [...own, started] : own;
}
