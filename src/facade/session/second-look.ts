import type { BrowserAccount } from '../../api/v1alpha1/browser-account.ts';
import { browserSessions, type BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import { labels } from '../../api/v1alpha1/group.ts';
import type { Informer } from '../../kube/controller/port.ts';
import { TokenBucket } from '../../kube/controller/token-bucket.ts';
import type { Store } from '../../kube/store.ts';
import type { Clock } from '../../lib/clock.ts';

export interface SecondLookOptions {
  readonly sessions: Pick<Informer<BrowserSession>, 'onChange'>;
  readonly store: Pick<Store, 'list'>;
  readonly namespace: string;
  readonly clock: Clock;
}

/** A session of the account that the local copy does not have; undefined: there is none. */
export type SecondLook = ((id: string, account: BrowserAccount) => Promise<BrowserSession | undefined>) & Disposable;

/** What one account may have looked up: after a pause, and in the long run. Beyond it the local copy has the last word. */
const perAccount = { burst: 20, perSecond: 2 };
const mostAbsent = 10_000;

/**
 * Another replica may have answered 201 for a session that this one's watch has not shown yet: so before a 404 the store itself is
 * read, once for all who ask at the time. Nobody can keep it busy: an id that was absent once never comes to be, as ids are
 * random and are not used again, and an account that asks for many ids that never were is not looked up for any more.
 */
export function createSecondLook(options: SecondLookOptions): SecondLook {
  const { sessions, clock } = options;
  const absent = new Set<string>();
  const noteAbsent = (id: string): void => {
    absent.add(id);
    const [oldest] = absent;
    if (absent.size > mostAbsent && oldest !== undefined) absent.delete(oldest);
  };
  const subscription = sessions.onChange(({ type, object }) => {
    if (type === 'deleted') noteAbsent(object.metadata.uid);
  });
  const buckets = new Map<string, TokenBucket>();
  const mayLook = ({ metadata: { uid } }: BrowserAccount): boolean => {
    for (const [other, bucket] of buckets) if (bucket.isFull) buckets.delete(other);
    const bucket = buckets.get(uid) ?? new TokenBucket({ clock, ...perAccount });
    buckets.set(uid, bucket);
    return bucket.take();
  };
  const listOf = createSharedLists(options);
  const look = async (id: string, account: BrowserAccount): Promise<BrowserSession | undefined> => {
    if (absent.has(id) || !mayLook(account)) return undefined;
    const found = (await listOf(account)).find(({ metadata }) => metadata.uid === id);
    if (!found) noteAbsent(id);
    return found;
  };
  return Object.assign(look, { [Symbol.dispose]: () => subscription[Symbol.dispose]() });
}

interface Lists {
  running: Promise<unknown>;
  next: Promise<readonly BrowserSession[]> | undefined;
}

/**
 * One list of an account at a time. Whoever asks while one is under way gets the next, as that one may have begun too early for
 * him.
 */
function createSharedLists({ store, namespace }: SecondLookOptions) {
  const byAccount = new Map<string, Lists>();
  return ({ metadata: { name } }: BrowserAccount): Promise<readonly BrowserSession[]> => {
    const lists = byAccount.get(name) ?? { running: Promise.resolve(), next: undefined };
    byAccount.set(name, lists);
    lists.next ??= lists.running.then(async () => {
      lists.next = undefined;
      const listing = store.list(browserSessions, { namespace, labels: { [labels.account]: name } });
      lists.running = listing.then(
        () => forget(name, lists),
        () => forget(name, lists),
      );
      return (await listing).items;
    });
    return lists.next;
  };

  function forget(name: string, lists: Lists): void {
    if (!lists.next) byAccount.delete(name);
  }
}
