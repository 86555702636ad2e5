import { randomBytes, type KeyObject } from 'node:crypto';
import { createTicketKeyPair, exportPrivateKey, importPrivateKey } from '../lib/ticket.ts';

/** What makes callers believe us, shared by operator, facade and gateway. */
export interface Keys {
  /** HMAC key of the tokens in URLs. */
  readonly tokenKey: Buffer;
  /** Ed25519 key that signs tickets for agents. */
  readonly ticketKey: KeyObject;
}

/** The same as they are kept: base64url of 32 bytes, and base64url of the PKCS#8 DER. */
export type KeyTexts = Readonly<Record<keyof Keys, string>>;

const tokenKeyBytes = 32;

export function makeKeyTexts(): KeyTexts {
  return {
    tokenKey: randomBytes(tokenKeyBytes).toString('base64url'),
    ticketKey: exportPrivateKey(createTicketKeyPair().privateKey),
  };
}

/** Throws for a ticket key that is none, and for a token key that is too short to keep anybody out. */
export function parseKeys({ tokenKey: text, ticketKey }: KeyTexts): Keys {
  const tokenKey = Buffer.from(text.trim(), 'base64url');
  if (tokenKey.length < tokenKeyBytes) throw new Error(`token.key must be base64url of ${tokenKeyBytes} bytes`);
  return { tokenKey, ticketKey: importPrivateKey(ticketKey.trim()) };
}
