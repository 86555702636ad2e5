import type { BrowserAccount } from '../../api/v1alpha1/browser-account.ts';
import type { BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import type { QuotaLedger } from '../../core/quota/ledger.ts';
import type { Informer } from '../../kube/controller/port.ts';

interface LateGrantsOptions {
  readonly accounts: Pick<Informer<BrowserAccount>, 'get'>;
  readonly sessions: Pick<Informer<BrowserSession>, 'byUid'>;
  readonly ledger: QuotaLedger;
  readonly onSurplus: (session: BrowserSession) => void;
}

/**
 * Grants that show after the first list and are not ours: the last writes of an operator whose time was over. No clocks are
 * compared to find them; the ledger knows what this operator has granted or found.
 */
export class LateGrants {
  readonly #options: LateGrantsOptions;
  /** Accounts of those that came before the limits were known; undefined: the first list of sessions is not there yet. */
  #unweighed: BrowserSession[] | undefined;
  #areLimitsKnown = false;

  constructor(options: LateGrantsOptions) {
    this.#options = options;
  }

  /** The first list of sessions is there. */
  begin(): void {
    this.#unweighed = [];
  }

  /** All first lists are there. */
  weighAll(): void {
    this.#areLimitsKnown = true;
    for (const session of this.#unweighed?.splice(0) ?? []) this.#weigh(session);
  }

  observe(session: BrowserSession, sinceMs: number): void {
    const account = session.spec.accountRef.name;
    const { uid } = session.metadata;
    const { ledger } = this.#options;
    if (this.#unweighed === undefined) ledger.hold(account, uid, sinceMs);
    else if (!ledger.observe(account, uid, sinceMs)) return;
    else if (this.#areLimitsKnown) this.#weigh(session);
    else this.#unweighed.push(session);
  }

  #weigh({ metadata, spec }: BrowserSession): void {
    const { accounts, sessions, ledger, onSurplus } = this.#options;
    const { name } = spec.accountRef;
    const account = accounts.get({ namespace: metadata.namespace, name });
    // Without an account there is no limit to be above of.
    const uid = account && ledger.weigh(name, account.spec.maxConcurrentSessions);
    const session = sessions.byUid(uid ?? '');
    if (session) onSurplus(session);
  }
}
