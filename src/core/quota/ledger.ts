/** What an account's ledger says to one session. */
export type QuotaAnswer =
  | { readonly kind: 'held' }
  | { readonly kind: 'free' }
  | { readonly kind: 'full'; readonly limit: number; readonly current: number }
  /** It holds a slot that another operator granted above the limit, and is to give it back. */
  | { readonly kind: 'surplus'; readonly limit: number; readonly current: number };

export interface Hold {
  readonly account: string;
  /** Epoch milliseconds of the grant. */
  readonly sinceMs: number;
  /** What this operator neither granted nor found at its start: another one's last write, seen late. */
  readonly origin: 'known' | 'late' | 'surplus';
}

/**
 * Who holds a slot of which account: sets of session uids, never counters, so that it cannot drift. It is rebuilt from the
 * sessions' own status at start; a grant is added at once, before any write shows it.
 */
export class QuotaLedger {
  readonly #holds = new Map<string, Hold>();
  readonly #byAccount = new Map<string, Set<string>>();

  /** May `sessionUid` hold a slot of `account`? Asking charges nothing. */
  ask(account: string, sessionUid: string, limit: number): QuotaAnswer {
    const current = this.active(account);
    const hold = this.#holds.get(sessionUid);
    if (hold) return hold.origin === 'surplus' ? { kind: 'surplus', limit, current } : { kind: 'held' };
    return current < limit ? { kind: 'free' } : { kind: 'full', limit, current };
  }

  /** This operator grants it, or finds it at its start. */
  hold(account: string, sessionUid: string, sinceMs: number): void {
    if (!this.#holds.has(sessionUid)) this.#add(sessionUid, { account, sinceMs, origin: 'known' });
  }

  /** A watch shows that it is held. True: by another operator's grant, which is to be weighed against the limit. */
  observe(account: string, sessionUid: string, sinceMs: number): boolean {
    if (this.#holds.has(sessionUid)) return false;
    this.#add(sessionUid, { account, sinceMs, origin: 'late' });
    return true;
  }

  /**
   * Once for each grant that came late: should the account be above its limit, the youngest of those that came late (by
   * time of grant, then uid) is from now on surplus. Decided once and for good: a limit that is lowered later ends nobody.
   */
  weigh(account: string, limit: number): string | undefined {
    const uids = [...(this.#byAccount.get(account) ?? [])];
    const staying = uids.filter((uid) => this.#holds.get(uid)?.origin !== 'surplus');
    if (staying.length <= limit) return undefined;
    const youngest = staying
      .filter((uid) => this.#holds.get(uid)?.origin === 'late')
      .reduce<string | undefined>((a, b) => (a !== undefined && this.#isYounger(a, b) ? a : b), undefined);
    const hold = this.#holds.get(youngest ?? '');
    if (youngest === undefined || !hold) return undefined;
    this.#holds.set(youngest, { ...hold, origin: 'surplus' });
    return youngest;
  }

  /** The account whose slot became free, if one did. */
  release(sessionUid: string): string | undefined {
    const hold = this.#holds.get(sessionUid);
    if (!hold) return undefined;
    this.#holds.delete(sessionUid);
    const held = this.#byAccount.get(hold.account);
    held?.delete(sessionUid);
    if (held?.size === 0) this.#byAccount.delete(hold.account);
    return hold.account;
  }

  heldSince(sessionUid: string): number | undefined {
    return this.#holds.get(sessionUid)?.sinceMs;
  }

  active(account: string): number {
    return this.#byAccount.get(account)?.size ?? 0;
  }

  #add(sessionUid: string, hold: Hold): void {
    this.#holds.set(sessionUid, hold);
    const held = this.#byAccount.get(hold.account) ?? new Set();
    this.#byAccount.set(hold.account, held.add(sessionUid));
  }

  #isYounger(a: string, b: string): boolean {
    const [left, right] = [a, b].map((uid) => this.#holds.get(uid)?.sinceMs ?? 0) as [number, number];
    return left === right ? a > b : left > right;
  }
}
