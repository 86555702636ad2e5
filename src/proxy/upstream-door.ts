import { createHash } from 'node:crypto';
import type { TicketClaims } from '../api/agent/contract.ts';
import type { UpstreamOrder } from '../api/agent/wire.ts';
import { importPublicKey, openTicket } from '../lib/ticket.ts';
import { toUpstreamAddress } from './upstream-address.ts';

export interface UpstreamDoorOptions {
  readonly podUid: string;
  /** As in the settings. */
  readonly ticketKey: string;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Called once at most. */
  readonly onOrder: (order: UpstreamOrder) => void;
}

export interface BindAnswer {
  readonly status: 200 | 400 | 401 | 409;
  readonly message: string;
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('base64url');

/** By hand, not by zod, whose import would cost as much as this whole program's. Throws; never with what it holds. */
function parseOrder(text: string): UpstreamOrder {
  const { template, identity, isInternalAllowed, ca } = JSON.parse(text) as Record<keyof UpstreamOrder, unknown>;
  const isText = (value: unknown): value is string | undefined => value === undefined || typeof value === 'string';
  if (typeof template !== 'string' || !isText(identity) || !isText(ca)) throw new Error('it is no order');
  const order = {
    template,
    isInternalAllowed: isInternalAllowed === true,
    ...(identity !== undefined && { identity }),
  };
  // An identity's place may be the host: so it is tried with one.
  toUpstreamAddress(order, identity ?? 'x');
  return { ...order, ...(ca !== undefined && { ca }) };
}

/**
 * Takes the upstream of the sandbox's session, once: from the operator alone, though the agent brings it. Whatever else runs in the
 * sandbox, an agent that a page has taken over included, can neither make a ticket nor use one for another order.
 */
export function createUpstreamDoor(options: UpstreamDoorOptions): (order: string, authorization: string) => BindAnswer {
  const { podUid, ticketKey, now, onOrder } = options;
  const key = ticketKey === '' ? undefined : importPublicKey(ticketKey);
  // The first signature that a process looks at, and the first order, take longer than all others; these are nobody's.
  if (key) openTicket(key, `e30.${Buffer.alloc(64).toString('base64url')}`);
  parseOrder('{"template":"http://user:password@upstream.invalid:1"}');
  let taken: string | undefined;

  const isGenuine = (text: string, authorization: string): boolean => {
    const [, ticket] = /^bearer +(\S+)$/i.exec(authorization) ?? [];
    if (!key || ticket === undefined) return false;
    const claims = (openTicket(key, ticket) ?? {}) as Partial<TicketClaims>;
    const isFor = claims.podUid === podUid && claims.purpose === 'upstream' && claims.bodySha256 === sha256(text);
    return isFor && Number(claims.expiresAt) * 1000 > now();
  };

  return (text, authorization) => {
    if (!isGenuine(text, authorization)) return { status: 401, message: 'The ticket is not for this.' };
    if (taken !== undefined && taken !== sha256(text))
      return { status: 409, message: 'This sandbox has its upstream already.' };
    if (taken !== undefined) return { status: 200, message: 'It is so already.' };
    try {
      const order = parseOrder(text);
      taken = sha256(text);
      onOrder(order);
      return { status: 200, message: 'All traffic goes there from now on.' };
    } catch {
      return { status: 400, message: 'The upstream must be an http, https, socks4 or socks5 URL.' };
    }
  };
}
