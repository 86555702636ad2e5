import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify, type KeyObject } from 'node:crypto';

/**
 * Tickets: short-lived statements signed with Ed25519 (RFC 8032), so that whoever checks them holds a public key only.
 * Form: `<base64url JSON claims>.<base64url signature>`.
 */
export function signTicket(key: KeyObject, claims: object): string {
  const body = Buffer.from(JSON.stringify(claims)).toString('base64url');
  return `${body}.${sign(null, Buffer.from(body), key).toString('base64url')}`;
}

/** The claims as they were signed, or undefined when the signature does not fit. Their meaning is the caller's to check. */
export function openTicket(key: KeyObject, ticket: string): unknown {
  const [body, signature, ...rest] = ticket.split('.');
  if (!body || !signature || rest.length > 0) return undefined;
  if (!verify(null, Buffer.from(body), key, Buffer.from(signature, 'base64url'))) return undefined;
  try {
    return JSON.parse(Buffer.from(body, 'base64url').toString()) as unknown;
  } catch {
    return undefined;
  }
}

export interface TicketKeyPair {
  readonly privateKey: KeyObject;
  /** base64url of the SPKI DER: fits into an environment variable. */
  readonly publicKeyText: string;
}

export function createTicketKeyPair(): TicketKeyPair {
  const { privateKey } = generateKeyPairSync('ed25519');
  return { privateKey, publicKeyText: publicKeyTextOf(privateKey) };
}

/** The public half of a private key, as {@link TicketKeyPair} has it. */
export function publicKeyTextOf(privateKey: KeyObject): string {
  return createPublicKey(privateKey).export({ type: 'spki', format: 'der' }).toString('base64url');
}

/** base64url of the PKCS#8 DER, for keeping a key in a file or a Secret. */
export function exportPrivateKey(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'der' }).toString('base64url');
}

export function importPrivateKey(text: string): KeyObject {
  return createPrivateKey({ key: Buffer.from(text, 'base64url'), type: 'pkcs8', format: 'der' });
}

export function importPublicKey(text: string): KeyObject {
  return createPublicKey({ key: Buffer.from(text, 'base64url'), type: 'spki', format: 'der' });
}
