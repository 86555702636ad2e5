import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { STATUS_CODES } from '../lib/http.ts';
import { egressProblems, type EgressCode } from './egress-error.ts';

/** Says why, for programs: a code of `egressProblems`. */
const reasonHeader = 'x-porthole-egress';

interface Refusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A page that says why, without anything of the request in it: it is shown in the origin that was asked for. */
function buildRefusal(code: EgressCode): Refusal {
  const { status, message } = egressProblems[code];
  const title = `${status} ${STATUS_CODES[status] ?? ''}`;
  const body = `<!doctype html><meta charset="utf-8"><title>${title}</title><h1>${title}</h1><p>${message} (${code})</p>\n`;
  const headers = {
    'content-type': 'text/html; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
    'cache-control': 'no-store',
    [reasonHeader]: code,
  };
  return { status, headers, body };
}

/** Answers a request. Its connection lives on unless the client is told otherwise. */
export function refuse(response: ServerResponse, code: EgressCode): void {
  const { status, headers, body } = buildRefusal(code);
  response.writeHead(status, headers).end(body);
}

/** Answers where there is a bare connection only (CONNECT, upgrades), and ends it. */
export function refuseOn(socket: Duplex, code: EgressCode): void {
  const { status, headers, body } = buildRefusal(code);
  const lines = Object.entries({ ...headers, connection: 'close' }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${body}`);
}
