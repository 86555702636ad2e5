import { expect, it } from 'vitest';
import {
  createTicketKeyPair,
  exportPrivateKey,
  importPrivateKey,
  importPublicKey,
  openTicket,
  publicKeyTextOf,
  signTicket,
} from './ticket.ts';

const { privateKey, publicKeyText } = createTicketKeyPair();
const publicKey = importPublicKey(publicKeyText);
const ticket = signTicket(privateKey, { podUid: 'p' });

it('opens with the public key', () => {
  expect(openTicket(publicKey, ticket)).toEqual({ podUid: 'p' });
});

it('survives export and import of the private key', () => {
  const again = importPrivateKey(exportPrivateKey(privateKey));
  expect(publicKeyTextOf(again)).toBe(publicKeyText);
  expect(openTicket(publicKey, signTicket(again, { podUid: 'q' }))).toEqual({ podUid: 'q' });
});

it.each([
  ['signed by another', signTicket(createTicketKeyPair().privateKey, { podUid: 'p' })],
  ['with other claims', `${Buffer.from('{"podUid":"q"}').toString('base64url')}.${ticket.split('.')[1] ?? ''}`],
  ['without a signature', ticket.split('.')[0] ?? ''],
  ['with a third part', `${ticket}.x`],
  ['that is empty', ''],
])('does not open a ticket %s', (_name, text) => {
  expect(openTicket(publicKey, text)).toBeUndefined();
});
