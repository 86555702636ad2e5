import { expect, it } from 'vitest';
import { createTicketKeyPair, importPublicKey, signTicket } from '../../lib/ticket.ts';
import { createTicketGate } from './ticket-gate.ts';

const { privateKey, publicKeyText } = createTicketKeyPair();
const nowMs = 1_700_000_000_000;
const gate = createTicketGate({ key: importPublicKey(publicKeyText), podUid: 'pod', now: () => nowMs });
const claims = { podUid: 'pod', sessionUid: 'session', purpose: 'cdp', expiresAt: nowMs / 1000 + 1 };
const show = (ticket: string): string => gate({ authorization: `Bearer ${ticket}` }, 'cdp');

it('tells the session of a ticket that fits', () => {
  expect(show(signTicket(privateKey, claims))).toBe('session');
  expect(gate({ authorization: `bearer ${signTicket(privateKey, claims)}` }, 'cdp')).toBe('session');
});

it.each([
  ['another pod', { ...claims, podUid: 'other' }, /another sandbox/],
  ['another purpose', { ...claims, purpose: 'control' }, /another purpose/],
  ['yesterday', { ...claims, expiresAt: nowMs / 1000 }, /expired/],
  ['never', { ...claims, expiresAt: 'never' }, /not one of ours/],
  ['no session', { podUid: 'pod', purpose: 'cdp', expiresAt: claims.expiresAt }, /not one of ours/],
  ['a list', [], /not one of ours/],
])('refuses a ticket for %s', (_, given, says) => {
  expect(() => show(signTicket(privateKey, given))).toThrow(says);
});

it('refuses what it did not sign, and nothing at all', () => {
  const [body, signature] = signTicket(privateKey, claims).split('.');
  const forged = Buffer.from(JSON.stringify({ ...claims, sessionUid: 'other' })).toString('base64url');
  for (const ticket of [`${forged}.${signature}`, body ?? '', `${body}.`, `${body}.${signature}.x`, 'null.null']) {
    expect(() => show(ticket)).toThrow(/not one of ours/);
  }
  expect(() => gate({}, 'cdp')).toThrow(/needs a ticket/);
  expect(() => gate({ authorization: 'Basic abc' }, 'cdp')).toThrow(/needs a ticket/);
});
