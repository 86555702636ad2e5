/**
 * Header fields that concern one connection only (RFC 9110 section 7.6.1), those that speak to a proxy, and our own, which an
 * origin server must not be able to send. `expect` is answered by the proxy itself.
 */
const dropped = new Set([
  'connection',
  'expect',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-porthole-egress',
]);

/** A sender that calls these its connection's own would leave a body behind whose end nobody knows: request smuggling. */
const framing = new Set(['content-length', 'host']);

/** What Node refuses to send in a field's value, though it may have let it in: https://datatracker.ietf.org/doc/html/rfc9110#section-5.5 */
const unsendable = /[^\t\x20-\x7e\x80-\xff]/;

/** A header list as Node gives and takes it: name, value, name, value … */
export type RawHeaders = readonly string[];

function toPairs(raw: RawHeaders): readonly (readonly [name: string, value: string])[] {
  return Array.from({ length: raw.length / 2 }, (_, i) => [raw[2 * i] ?? '', raw[2 * i + 1] ?? ''] as const);
}

/** The fields that go on to the other side, spelt and ordered as they came; `also` are further names to leave out, in lower case. */
export function toEndToEnd(raw: RawHeaders, also: readonly string[] = []): string[] {
  const pairs = toPairs(raw);
  const named = pairs
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.split(',').map((token) => token.trim().toLowerCase()))
    .filter((name) => !framing.has(name));
  const left = new Set([...dropped, ...named, ...also]);
  return pairs.filter(([name, value]) => !left.has(name.toLowerCase()) && !unsendable.test(value)).flat();
}
