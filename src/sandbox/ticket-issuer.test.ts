import { createPublicKey } from 'node:crypto';
import { expect, it } from 'vitest';
import { createSteppedClock } from '../lib/clock.ts';
import { createTicketKeyPair, openTicket } from '../lib/ticket.ts';
import { createTicketIssuer } from './ticket-issuer.ts';

const { privateKey } = createTicketKeyPair();
const key = createPublicKey(privateKey);
const claims = { podUid: 'p', sessionUid: 's', purpose: 'cdp' } as const;

it('signs what it was told, with an expiry a minute ahead', () => {
  const clock = createSteppedClock(1_700_000_000_000);
  const ticket = createTicketIssuer({ key: privateKey, clock }).ticketFor(claims);
  expect(openTicket(key, ticket)).toEqual({ ...claims, expiresAt: 1_700_000_060 });
});

it('gives the same ticket for half of its life, and only for the same claims', async () => {
  const clock = createSteppedClock();
  const issuer = createTicketIssuer({ key: privateKey, clock });
  const first = issuer.ticketFor(claims);
  await clock.step(29_999);
  expect(issuer.ticketFor(claims)).toBe(first);
  for (const other of [{ podUid: 'q' }, { sessionUid: 't' }, { purpose: 'control' }] as const) {
    expect(issuer.ticketFor({ ...claims, ...other })).not.toBe(first);
  }
  await clock.step(1);
  expect(issuer.ticketFor(claims)).not.toBe(first);
});
