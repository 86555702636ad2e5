import { Problem } from '../../api/rest/problem.ts';
import type { BrowserAccount } from '../../api/v1alpha1/browser-account.ts';
import type { BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import type { Informer } from '../../kube/controller/port.ts';
import type { SecondLook } from './second-look.ts';
import { createdAtMs } from './times.ts';
import { statusOf } from './view.ts';

/** Name of the index that the informer of sessions must have: {@link accountNamesOf}. */
export const accountIndex = 'account';
export const accountNamesOf = (session: BrowserSession): readonly string[] => [session.spec.accountRef.name];

/** RFC 9562, lower case as the store makes them. */
const uuidForm = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export interface SessionLookup {
  /** The account's live session; throws not_found for whatever else, all alike. */
  find(id: string, account: BrowserAccount): Promise<BrowserSession>;
  /** The account's live sessions that this process knows of, oldest first. */
  all(account: BrowserAccount): readonly BrowserSession[];
}

export interface LookupOptions {
  readonly sessions: Pick<Informer<BrowserSession>, 'byUid' | 'byIndex'>;
  /** Where the local copy has nothing. */
  readonly secondLook: SecondLook;
}

export function createLookup({ sessions, secondLook }: LookupOptions): SessionLookup {
  return {
    find: async (id, account) => {
      const session = uuidForm.test(id) ? (sessions.byUid(id) ?? (await secondLook(id, account))) : undefined;
      if (!session || session.spec.accountRef.name !== account.metadata.name || statusOf(session) === undefined)
        throw new Problem('not_found', 'This account has no live session of that id.');
      return session;
    },
    all: (account) =>
      sessions
        .byIndex(accountIndex, account.metadata.name)
        .filter((session) => statusOf(session) !== undefined)
        .toSorted((a, b) => createdAtMs(a) - createdAtMs(b) || a.metadata.uid.localeCompare(b.metadata.uid)),
  };
}
