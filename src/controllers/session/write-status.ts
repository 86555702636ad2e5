import { browserSessions, type BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import { isStoreError } from '../../kube/store-error.ts';
import type { MergePatch, Store } from '../../kube/store.ts';
import type { OwnWrites } from './own-writes.ts';

/**
 * stale: the session is not as it was when this was decided, and nothing was written; what it is by now shows in the watch, and
 * brings the decision back. gone: it was deleted meanwhile; its departure is another event.
 */
export type WriteResult = 'written' | 'stale' | 'gone';

export interface WriteDeps {
  readonly store: Store;
  readonly writes: OwnWrites;
}

/**
 * Writes over the very version that the decision was made on: neither an operator whose time is over nor a try whose answer was
 * lost writes over what came after.
 */
export async function writeStatus(
  { store, writes }: WriteDeps,
  session: BrowserSession,
  status: MergePatch,
): Promise<WriteResult> {
  const { uid, resourceVersion } = session.metadata;
  try {
    const written = await store.patchStatus(browserSessions, session.metadata, status, { uid, resourceVersion });
    writes.wrote(session, written);
    return 'written';
  } catch (error) {
    if (isStoreError(error, 'NotFound')) return 'gone';
    if (isStoreError(error, 'Conflict')) return 'stale';
    throw error;
  }
}
