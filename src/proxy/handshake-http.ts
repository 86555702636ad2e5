import type { Socket } from 'node:net';
import { EgressError, type EgressCode } from './egress-error.ts';
import { readMessage } from './read-message.ts';
import type { Target } from './target.ts';
import { basicAuthorization, type Credentials } from './upstream-address.ts';

/** `host:port` as an authority has it. */
export function toAuthority({ host, port }: Target): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

const headEnd = Buffer.from('\r\n\r\n');

function measureHead(bytes: Buffer): number | undefined {
  const end = bytes.indexOf(headEnd);
  return end < 0 ? undefined : end + headEnd.length;
}

/** What a proxy's answer to CONNECT means; undefined: the tunnel stands. 502 … 504 are about the host, not about us. */
export function toProblem(status: number): EgressCode | undefined {
  if (status >= 200 && status < 300) return undefined;
  if (status === 407) return 'upstream_authentication_failed';
  return status >= 502 && status <= 504 ? 'upstream_cannot_reach' : 'upstream_refused';
}

/** Asks an HTTP proxy for a tunnel (RFC 9110 section 9.3.6), by name where the target has one; gives the status of its answer. */
export async function askForTunnel(socket: Socket, target: Target, credentials?: Credentials): Promise<number> {
  const authority = toAuthority(target);
  const login = credentials ? `Proxy-Authorization: ${basicAuthorization(credentials)}\r\n` : '';
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${login}\r\n`);
  const head = await readMessage(socket, measureHead);
  const [, status] = /^HTTP\/1\.[01] (\d{3})/.exec(head.toString('latin1')) ?? [];
  if (status === undefined) throw new EgressError('upstream_refused', { message: 'its answer is not HTTP' });
  return Number(status);
}

/** The same, and nothing but a tunnel will do. */
export async function shakeHandsHttp(socket: Socket, target: Target, credentials?: Credentials): Promise<void> {
  const status = await askForTunnel(socket, target, credentials);
  const problem = toProblem(status);
  if (problem) throw new EgressError(problem, { message: `the upstream answered ${status}` });
}
