import type { BrowserSession } from '../../api/v1alpha1/browser-session.ts';

interface Written {
  readonly session: BrowserSession;
  /** Resource versions that it has replaced. */
  readonly replaced: ReadonlySet<string>;
}

/**
 * Sessions as the operator itself has written them, until its watch has caught up. A decision on the state before the write
 * would be the same decision once more: a session would become ready twice, or come back after its end.
 */
export class OwnWrites {
  readonly #byUid = new Map<string, Written>();

  /** `after` is the answer to a write that was decided on `before`. */
  wrote(before: BrowserSession, after: BrowserSession): void {
    if (before.metadata.resourceVersion === after.metadata.resourceVersion) return;
    const earlier = this.#byUid.get(after.metadata.uid)?.replaced ?? [];
    const replaced = new Set([...earlier, before.metadata.resourceVersion]);
    this.#byUid.set(after.metadata.uid, { session: after, replaced });
  }

  /** `cached`, or what is known to have replaced it. */
  newest(cached: BrowserSession): BrowserSession {
    const { uid, resourceVersion } = cached.metadata;
    const written = this.#byUid.get(uid);
    if (written?.replaced.has(resourceVersion)) return written.session;
    this.#byUid.delete(uid);
    return cached;
  }

  forget(sessionUid: string): void {
    this.#byUid.delete(sessionUid);
  }
}
