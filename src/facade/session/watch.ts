import type { BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import type { Change, Informer } from '../../kube/controller/port.ts';

/** What became of a session that somebody waits for. `gone`: it was there, and is no more. */
export type Sighting =
  | { readonly kind: 'seen'; readonly session: BrowserSession }
  | { readonly kind: 'gone' }
  | { readonly kind: 'aborted' };

/** Follows one name from before the object is created, so that nothing is missed between the write and the wait. */
export interface Watched extends Disposable {
  /**
   * Resolves when the object `uid` is as `until` says, or is gone, or `signal` aborts; whichever is first. Nothing but
   * events and the local copy is looked at.
   */
  wait(uid: string, until: (session: BrowserSession) => boolean, signal: AbortSignal): Promise<Sighting>;
}

export interface SessionWatch extends Disposable {
  follow(name: string): Watched;
  /** Whether the local copy has the object. */
  knows(uid: string): boolean;
}

interface Follower {
  readonly gone: Set<string>;
  onEvent: (() => void) | undefined;
}

/** One handler on the informer for all who wait: a change costs the same with one waiting as with a thousand. */
export function createSessionWatch(sessions: Pick<Informer<BrowserSession>, 'byUid' | 'onChange'>): SessionWatch {
  const followers = new Map<string, Set<Follower>>();
  const tell = ({ type, object }: Change<BrowserSession>): void => {
    for (const follower of followers.get(object.metadata.name) ?? []) {
      if (type === 'deleted') follower.gone.add(object.metadata.uid);
      follower.onEvent?.();
    }
  };
  const subscription = sessions.onChange(tell);

  return {
    [Symbol.dispose]: () => subscription[Symbol.dispose](),
    knows: (uid) => sessions.byUid(uid) !== undefined,
    follow: (name) => {
      const follower: Follower = { gone: new Set(), onEvent: undefined };
      const sameName = followers.get(name) ?? new Set();
      followers.set(name, sameName.add(follower));
      return {
        wait: (uid, until, signal) => waitFor(follower, () => look({ sessions, follower, uid, until }), signal),
        [Symbol.dispose]: () => {
          sameName.delete(follower);
          if (sameName.size === 0 && followers.get(name) === sameName) followers.delete(name);
        },
      };
    },
  };
}

interface Look {
  readonly sessions: Pick<Informer<BrowserSession>, 'byUid'>;
  readonly follower: Follower;
  readonly uid: string;
  readonly until: (session: BrowserSession) => boolean;
}

function look({ sessions, follower, uid, until }: Look): Sighting | undefined {
  if (follower.gone.has(uid)) return { kind: 'gone' };
  const session = sessions.byUid(uid);
  return session && until(session) ? { kind: 'seen', session } : undefined;
}

function waitFor(follower: Follower, look: () => Sighting | undefined, signal: AbortSignal): Promise<Sighting> {
  return new Promise((resolve) => {
    const finish = (sighting: Sighting): void => {
      follower.onEvent = undefined;
      signal.removeEventListener('abort', abort);
      resolve(sighting);
    };
    const abort = (): void => finish({ kind: 'aborted' });
    const lookNow = (): void => {
      const sighting = look();
      if (sighting) finish(sighting);
    };
    signal.addEventListener('abort', abort, { once: true });
    follower.onEvent = lookNow;
    if (signal.aborted) abort();
    else lookNow();
  });
}
