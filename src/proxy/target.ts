import { EgressError } from './egress-error.ts';

/** Where a client wants to go. */
export interface Target {
  /** Name or address as the URL standard spells it: lower case, punycode, IPv4 in four decimals, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/** A target with what an origin server is to be asked there. */
export interface HttpTarget extends Target {
  /** Value of the Host header: RFC 9112 section 3.2.2 has a proxy make it from the URL, whatever the client sent. */
  readonly authority: string;
  /** Origin-form: path and query as the client spelt them. */
  readonly path: string;
}

function parseUrl(text: string): URL {
  try {
    return new URL(text);
  } catch (cause) {
    throw new EgressError('bad_request', { cause });
  }
}

function toTarget(hostname: string, port: number): Target {
  if (hostname === '' || port < 1 || port > 65_535) throw new EgressError('bad_request');
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port };
}

/** The `host:port` of a CONNECT (RFC 9110 section 9.3.6). Numeric forms of an address (`2130706433`, `0x7f.1`) are read as browsers do. */
export function parseAuthority(text: string): Target {
  const [, host = '', port = ''] = /^(\[[\da-fA-F:.]+\]|[^\s[\]/?#@\\:]+):(\d{1,5})$/.exec(text) ?? [];
  if (host === '') throw new EgressError('bad_request');
  return toTarget(parseUrl(`http://${host}`).hostname, Number(port));
}

/** The absolute-form of any other request (RFC 9112 section 3.2.2). Throws `bad_request` for other schemes than http and ws. */
export function parseAbsoluteForm(text: string): HttpTarget {
  const url = parseUrl(text);
  if (url.protocol !== 'http:' && url.protocol !== 'ws:') throw new EgressError('bad_request');
  const rest = text.replace(/^[a-z]+:\/\/[^/?#\\]*/i, '').replace(/#.*$/, '');
  return {
    ...toTarget(url.hostname, url.port === '' ? 80 : Number(url.port)),
    authority: url.host,
    path: rest.startsWith('/') ? rest : `/${rest}`,
  };
}
