import { isIP } from 'node:net';
import type { UpstreamOrder } from '../api/agent/wire.ts';

export const upstreamSchemes = ['http', 'https', 'socks4', 'socks5'] as const;
export type UpstreamScheme = (typeof upstreamSchemes)[number];

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** Where an upstream proxy is, and who logs in there. */
export interface UpstreamAddress {
  readonly scheme: UpstreamScheme;
  /** As in `Target`. */
  readonly host: string;
  readonly port: number;
  readonly credentials: Credentials | undefined;
}

const defaultPorts: Readonly<Record<UpstreamScheme, number>> = { http: 80, https: 443, socks4: 1080, socks5: 1080 };

function toScheme(text: string): UpstreamScheme {
  const scheme = upstreamSchemes.find((known) => known === text.toLowerCase());
  if (!scheme) throw new Error('the upstream is no http, https, socks4 or socks5 URL');
  return scheme;
}

/** Never with the text in its message: it holds a password. */
function parseAsHttp(rest: string): URL {
  const url = URL.parse(`http://${rest}`);
  if (!url) throw new Error('the upstream is no URL');
  return url;
}

/**
 * The upstream that `url` names. The host is read as that of an http URL whatever the scheme is, so that an address is an address in
 * each of its spellings: https://url.spec.whatwg.org/#host-parsing
 */
export function parseUpstreamUrl(url: string): UpstreamAddress {
  const [, name = '', rest = ''] = /^([a-z0-9]+):\/\/(.*)$/is.exec(url) ?? [];
  const scheme = toScheme(name);
  const { hostname, username, password } = parseAsHttp(rest);
  const [, port] = /:(\d+)$/.exec(rest.replace(/[/?#].*$/, '').replace(/^.*@/, '')) ?? [];
  const isAnonymous = username === '' && password === '';
  return {
    scheme,
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === undefined ? defaultPorts[scheme] : Number(port),
    credentials: isAnonymous
      ? undefined
      : { username: decodeURIComponent(username), password: decodeURIComponent(password) },
  };
}

/** The upstream of an order, as one identity uses it. */
export function toUpstreamAddress({ template }: UpstreamOrder, identity: string): UpstreamAddress {
  return parseUpstreamUrl(template.replaceAll('{session}', encodeURIComponent(identity)));
}

export const isLiteral = (host: string): boolean => isIP(host) !== 0;

/** https://www.rfc-editor.org/rfc/rfc7617#section-2 */
export function basicAuthorization({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
