import type { KeyObject } from 'node:crypto';
import type { TicketClaims } from '../api/agent/contract.ts';
import type { Clock } from '../lib/clock.ts';
import { signTicket } from '../lib/ticket.ts';

export interface TicketIssuerOptions {
  /** Ed25519 private key, whose public half the pods have. */
  readonly key: KeyObject;
  readonly clock: Clock;
}

/** Signs the tickets that operator, facade and gateway show to agents. */
export interface TicketIssuer {
  /** Valid for 30 to 60 s from now: long enough for one call, whose connection may then outlive it. */
  ticketFor(claims: Omit<TicketClaims, 'expiresAt'>): string;
}

const lifeMs = 60_000;
/** A signature costs ~50 µs, and a client that opens a page opens several connections. */
const reuseMs = lifeMs / 2;

interface Issued {
  readonly ticket: string;
  readonly reusableUntil: number;
}

export function createTicketIssuer({ key, clock }: TicketIssuerOptions): TicketIssuer {
  const issued = new Map<string, Issued>();
  let nextSweepAt = clock.monotonic() + reuseMs;

  const sweep = (at: number): void => {
    if (at < nextSweepAt) return;
    nextSweepAt = at + reuseMs;
    for (const [name, { reusableUntil }] of issued) if (reusableUntil <= at) issued.delete(name);
  };

  return {
    ticketFor: ({ podUid, sessionUid, purpose, bodySha256 }) => {
      const at = clock.monotonic();
      const name = `${podUid} ${sessionUid} ${purpose} ${bodySha256 ?? ''}`;
      const known = issued.get(name);
      if (known && known.reusableUntil > at) return known.ticket;
      sweep(at);
      const expiresAt = Math.ceil((clock.now() + lifeMs) / 1000);
      const claims: TicketClaims = { podUid, sessionUid, purpose, expiresAt, ...(bodySha256 && { bodySha256 }) };
      const ticket = signTicket(key, claims);
      issued.set(name, { ticket, reusableUntil: at + reuseMs });
      return ticket;
    },
  };
}
