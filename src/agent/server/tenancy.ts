import { Refusal } from './refusal.ts';

/**
 * Whose sandbox this is: nobody's, then one session's, for ever. The one rule that keeps two sessions out of one browser whatever
 * the callers do, so it is decided without waiting for anything.
 */
export interface Tenancy {
  readonly sessionUid: string | undefined;
  readonly hasEnded: boolean;
  /** Gives it to the session; the same one again is fine. Throws `spent` for any other, and for all once it has ended. */
  take(sessionUid: string): void;
  /** Throws unless the caller comes for the session that has it, and may still. */
  check(sessionUid: string): void;
  /** The same of what outlives the session: its recordings. */
  checkOwner(sessionUid: string): void;
  end(): void;
}

export function createTenancy(): Tenancy {
  let tenant: string | undefined;
  let hasEnded = false;
  const refuseStrangers = (sessionUid: string): void => {
    if (tenant !== undefined && tenant !== sessionUid) {
      throw new Refusal('spent', 'This sandbox belongs to another session.');
    }
  };
  const refuseOthers = (sessionUid: string): void => {
    if (hasEnded) throw new Refusal('spent', 'The session of this sandbox has ended.');
    refuseStrangers(sessionUid);
  };
  const refuseUnbound = (): void => {
    if (tenant === undefined) throw new Refusal('not_bound', 'This sandbox belongs to no session yet.');
  };
  return {
    get sessionUid() {
      return tenant;
    },
    get hasEnded() {
      return hasEnded;
    },
    take: (sessionUid) => {
      refuseOthers(sessionUid);
      tenant = sessionUid;
    },
    check: (sessionUid) => {
      refuseUnbound();
      refuseOthers(sessionUid);
    },
    checkOwner: (sessionUid) => {
      refuseUnbound();
      refuseStrangers(sessionUid);
    },
    end: () => void (hasEnded = true),
  };
}
