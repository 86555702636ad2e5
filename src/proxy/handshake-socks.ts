import { isIPv4, isIPv6, type Socket } from 'node:net';
import { toIpv6Groups } from '../lib/net-address.ts';
import { EgressError, type EgressCode } from './egress-error.ts';
import { readMessage, type Measure } from './read-message.ts';
import type { Target } from './target.ts';
import type { Credentials } from './upstream-address.ts';

const methods = { none: 0, password: 2 } as const;
const addressTypes = { ipv4: 1, name: 3, ipv6: 4 } as const;

const exactly =
  (length: number): Measure =>
  (bytes) =>
    bytes.length >= length ? length : undefined;

function fail(code: EgressCode, message: string): never {
  throw new EgressError(code, { message });
}

/** A length in one byte, and what is so long. */
function counted(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length > 255) fail('upstream_refused', 'SOCKS takes at most 255 bytes for a name');
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}

function portBytes(port: number): Buffer {
  return Buffer.of(port >> 8, port & 255);
}

function ipv4Bytes(host: string): Buffer {
  return Buffer.from(host.split('.').map(Number));
}

/** RFC 1929: 1 byte for a name at least, so an upstream that wants a password but no name gets an empty one all the same. */
async function logIn(socket: Socket, { username, password }: Credentials): Promise<void> {
  socket.write(Buffer.concat([Buffer.of(1), counted(username), counted(password)]));
  const [, status] = await readMessage(socket, exactly(2));
  if (status !== 0) fail('upstream_authentication_failed', 'the upstream refuses the user or the password');
}

/** Method and login of SOCKS 5 (RFC 1928 section 3, RFC 1929): all that can be said without naming a host. */
export async function greetSocks5(socket: Socket, credentials: Credentials | undefined): Promise<void> {
  const offered = credentials ? [methods.none, methods.password] : [methods.none];
  socket.write(Buffer.of(5, offered.length, ...offered));
  const [version, method] = await readMessage(socket, exactly(2));
  if (version !== 5) fail('upstream_refused', 'its answer is not SOCKS 5');
  if (method === methods.password && credentials) return logIn(socket, credentials);
  if (method !== methods.none) fail('upstream_authentication_failed', 'the upstream wants another login');
}

function socks5Address(host: string): Buffer {
  if (isIPv4(host)) return Buffer.concat([Buffer.of(addressTypes.ipv4), ipv4Bytes(host)]);
  if (isIPv6(host)) {
    const bytes = toIpv6Groups(host).flatMap((group) => [group >> 8, group & 255]);
    return Buffer.concat([Buffer.of(addressTypes.ipv6), Buffer.from(bytes)]);
  }
  return Buffer.concat([Buffer.of(addressTypes.name), counted(host)]);
}

/** Version, reply, reserved, type, address, port. */
function measureSocks5Reply(bytes: Buffer): number | undefined {
  if (bytes.length < 5) return undefined;
  const [version, , , type, length = 0] = bytes;
  if (version !== 5) fail('upstream_refused', 'its answer is not SOCKS 5');
  const addressLength = type === addressTypes.ipv4 ? 4 : type === addressTypes.ipv6 ? 16 : 1 + length;
  return exactly(4 + addressLength + 2)(bytes);
}

/** RFC 1928 section 6; 2 is "not allowed by ruleset", 7 and 8 are what it cannot do at all; the others are about the host. */
const refusals5: ReadonlySet<number> = new Set([2, 7, 8]);

/** A connection by SOCKS 5; a name goes as a name. */
export async function shakeHandsSocks5(socket: Socket, target: Target, credentials?: Credentials): Promise<void> {
  await greetSocks5(socket, credentials);
  socket.write(Buffer.concat([Buffer.of(5, 1, 0), socks5Address(target.host), portBytes(target.port)]));
  const [, reply = 1] = await readMessage(socket, measureSocks5Reply);
  if (reply === 0) return;
  fail(refusals5.has(reply) ? 'upstream_refused' : 'upstream_cannot_reach', `the upstream answered ${reply}`);
}

/** https://www.openssh.org/txt/socks4.protocol: 91 is rejected or failed; 92 and 93 are about the user. */
const logins4: ReadonlySet<number> = new Set([92, 93]);
const granted4 = 90;
/** An address that cannot be says that a name follows: https://www.openssh.org/txt/socks4a.protocol */
const nameFollows = Buffer.of(0, 0, 0, 1);
const zero = Buffer.of(0);

/** A connection by SOCKS 4, or 4a for a name. The user's name is all that it knows of a login, and IPv4 all that it knows of addresses. */
export async function shakeHandsSocks4(socket: Socket, target: Target, credentials?: Credentials): Promise<void> {
  if (isIPv6(target.host)) fail('upstream_cannot_reach', 'SOCKS 4 knows no IPv6');
  const isAddress = isIPv4(target.host);
  const address = isAddress ? ipv4Bytes(target.host) : nameFollows;
  const user = Buffer.from(credentials?.username ?? '');
  const name = isAddress ? Buffer.alloc(0) : Buffer.concat([Buffer.from(target.host), zero]);
  socket.write(Buffer.concat([Buffer.of(4, 1), portBytes(target.port), address, user, zero, name]));
  const [version, reply = 91] = await readMessage(socket, exactly(8));
  if (version !== 0) fail('upstream_refused', 'its answer is not SOCKS 4');
  if (reply === granted4) return;
  fail(
    logins4.has(reply) ? 'upstream_authentication_failed' : 'upstream_cannot_reach',
    `the upstream answered ${reply}`,
  );
}
