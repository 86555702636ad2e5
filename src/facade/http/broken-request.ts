import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { headers } from '../../api/rest/paths.ts';
import { Problem, problems, type ProblemCode } from '../../api/rest/problem.ts';
import { STATUS_CODES } from '../../lib/http.ts';
import { toProblemBody } from './respond.ts';

const codes: Readonly<Record<string, readonly [ProblemCode, string]>> = {
  HPE_HEADER_OVERFLOW: ['headers_too_large', 'Request line and headers may have at most 16 KiB.'],
  ERR_HTTP_REQUEST_TIMEOUT: ['request_timeout', 'The request took too long to arrive.'],
};

/** What the HTTP parser refuses never reaches the router; it gets the same error body all the same. */
export function refuseBrokenRequest(error: Error & { readonly code?: string }, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const [code, message] = codes[error.code ?? ''] ?? ['invalid_request', 'This is not a valid HTTP/1.1 request.'];
  const { status } = problems[code];
  const requestId = randomUUID();
  const body = JSON.stringify(toProblemBody(new Problem(code, message), requestId));
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    `${headers.requestId}: ${requestId}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
