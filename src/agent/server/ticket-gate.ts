import type { KeyObject } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { TicketClaims, TicketPurpose } from '../../api/agent/contract.ts';
import { openTicket } from '../../lib/ticket.ts';
import { Refusal } from './refusal.ts';

export interface TicketGateOptions {
  readonly key: KeyObject;
  readonly podUid: string;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** Says for which session a caller comes; throws `unauthorized` unless Porthole sent it to this pod, for this, just now. */
export type TicketGate = (headers: IncomingHttpHeaders, purpose: TicketPurpose) => string;

function toClaims(value: unknown): TicketClaims | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { podUid, sessionUid, purpose, expiresAt } = value as Partial<Record<keyof TicketClaims, unknown>>;
  const isWhole = [podUid, sessionUid, purpose].every((text) => typeof text === 'string') && Number.isFinite(expiresAt);
  return isWhole ? (value as TicketClaims) : undefined;
}

/** The scheme's name has no case: https://www.rfc-editor.org/rfc/rfc9110#section-11.1 */
const bearer = /^bearer +(\S+)$/i;

export function createTicketGate({ key, podUid, now }: TicketGateOptions): TicketGate {
  return (headers, purpose) => {
    const ticket = bearer.exec(headers.authorization ?? '')?.[1];
    if (ticket === undefined) throw new Refusal('unauthorized', 'This call needs a ticket.');
    const claims = toClaims(openTicket(key, ticket));
    if (!claims) throw new Refusal('unauthorized', 'The ticket is not one of ours.');
    const isFit = claims.podUid === podUid && claims.purpose === purpose;
    if (!isFit) throw new Refusal('unauthorized', 'The ticket is for another sandbox or another purpose.');
    if (claims.expiresAt * 1000 <= now()) throw new Refusal('unauthorized', 'The ticket has expired.');
    return claims.sessionUid;
  };
}
