import type { IncomingHttpHeaders } from 'node:http';
import { acceptFor } from '../lib/websocket-frames.ts';
import { refusals, type Refusal } from './refusal.ts';

/** What of a client's opening handshake goes on (https://www.rfc-editor.org/rfc/rfc6455#section-4.2.1). */
export interface Handshake {
  readonly kind: 'handshake';
  readonly key: string;
  readonly protocol: string | undefined;
}

/** 16 bytes in base64. */
const keyForm = /^[A-Za-z0-9+/]{22}==$/;
/** A list of tokens: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2 */
const protocolForm = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:[ \t]*,[ \t]*[!#$%&'*+.^_`|~0-9A-Za-z-]+)*$/;

export function parseHandshake(headers: IncomingHttpHeaders): Handshake | Refusal {
  const key = headers['sec-websocket-key'];
  const protocol = headers['sec-websocket-protocol'];
  if (key === undefined || !keyForm.test(key)) return refusals.badHandshake;
  if (headers['sec-websocket-version'] !== '13') return refusals.wrongVersion;
  if (protocol !== undefined && !protocolForm.test(protocol)) return refusals.badHandshake;
  return { kind: 'handshake', key, protocol };
}

export interface UpstreamRequest {
  readonly path: string;
  readonly ticket: string;
  readonly handshake: Handshake;
}

/**
 * A request head of our own: nothing of the client's goes on by itself. No Origin (Chromium refuses it), no cookies, no token,
 * and no extensions: compression costs more than it saves between two programs of one site.
 */
export function toUpstreamHead({ path, ticket, handshake: { key, protocol } }: UpstreamRequest): string {
  const lines = [
    `GET ${path} HTTP/1.1`,
    'Host: localhost',
    'Connection: Upgrade',
    'Upgrade: websocket',
    `Sec-WebSocket-Key: ${key}`,
    'Sec-WebSocket-Version: 13',
    ...(protocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
    `Authorization: Bearer ${ticket}`,
  ];
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** The head with which the client is let in. `protocol` is what upstream chose. */
export function toSwitchingProtocols(key: string, protocol: string | undefined): string {
  const chosen = protocol === undefined ? '' : `Sec-WebSocket-Protocol: ${protocol}\r\n`;
  const accept = `Sec-WebSocket-Accept: ${acceptFor(key)}\r\n`;
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${accept}${chosen}\r\n`;
}

export interface ResponseHead {
  readonly status: number;
  /** By lower-case name; of several the last. */
  readonly headers: ReadonlyMap<string, string>;
}

/** A response head without its empty line; undefined when it is none. https://www.rfc-editor.org/rfc/rfc9112#section-4 */
export function parseResponseHead(text: string): ResponseHead | undefined {
  const [first = '', ...lines] = text.split('\r\n');
  const status = /^HTTP\/1\.1 ([1-5][0-9]{2})(?: .*)?$/.exec(first)?.[1];
  if (status === undefined) return undefined;
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return { status: Number(status), headers: new Map(headers) };
}
