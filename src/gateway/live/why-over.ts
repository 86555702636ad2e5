import type { BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import { endMessages } from '../../core/session/reasons.ts';

/** For people: why a session is over. Undefined: it is not there any more, so somebody deleted it. */
export function whyOver(session: Pick<BrowserSession, 'status'> | undefined): string {
  const reason = session?.status?.endReason;
  return reason === undefined ? 'Somebody ended it.' : endMessages[reason];
}
