/** An HTTP answer instead of what was asked for. Plain text on purpose: chromedp panics on a JSON error. */
export interface Refusal {
  readonly kind: 'refused';
  readonly status: number;
  readonly message: string;
  /** For metrics: a closed set. */
  readonly because: RefusalReason;
  readonly headers?: Readonly<Record<string, string>>;
}

export type RefusalReason =
  | 'bad_request'
  | 'unauthorized'
  | 'not_found'
  | 'method'
  | 'not_websocket'
  | 'starting'
  | 'too_many_connections'
  | 'browser_unreachable'
  | 'draining';

const refuse = (
  status: number,
  because: RefusalReason,
  rest: { message: string; headers?: Readonly<Record<string, string>> },
): Refusal => ({ kind: 'refused', status, because, ...rest });

/** A session that is over, one that never was, and one of somebody else get the same words. */
export const refusals = {
  badHandshake: refuse(400, 'bad_request', { message: 'Not a valid WebSocket handshake (RFC 6455, section 4.1).' }),
  badRequest: refuse(400, 'bad_request', { message: 'Not a valid HTTP request.' }),
  unauthorized: refuse(401, 'unauthorized', {
    message: 'Use the cdpUrl with its token, or send an API key: Authorization: Bearer <key>.',
    headers: { 'www-authenticate': 'Bearer realm="porthole"' },
  }),
  noSession: refuse(404, 'not_found', { message: 'There is no such session.' }),
  noPage: refuse(404, 'not_found', { message: 'There is no such page in this session.' }),
  noPath: refuse(404, 'not_found', { message: 'Nothing is here.' }),
  method: refuse(405, 'method', { message: 'Use GET or PUT.', headers: { allow: 'GET, PUT' } }),
  notWebSocket: refuse(426, 'not_websocket', {
    message: 'This address speaks WebSocket: give it to a CDP client.',
    headers: { upgrade: 'websocket', connection: 'upgrade' },
  }),
  wrongVersion: refuse(426, 'bad_request', {
    message: 'Only version 13 of the WebSocket protocol is spoken here.',
    headers: { 'sec-websocket-version': '13' },
  }),
  tooManyConnections: refuse(429, 'too_many_connections', {
    message: 'This session has too many connections: close some.',
    headers: { 'retry-after': '1' },
  }),
  browserUnreachable: refuse(502, 'browser_unreachable', { message: 'The browser of this session does not answer.' }),
  starting: refuse(503, 'starting', {
    message: 'This session is still starting: try again.',
    headers: { 'retry-after': '1' },
  }),
  draining: refuse(503, 'draining', {
    message: 'The gateway restarts: connect again.',
    headers: { 'retry-after': '1' },
  }),
} as const satisfies Record<string, Refusal>;

const reasonPhrases: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  404: 'Not Found',
  408: 'Request Timeout',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
};

/** The whole answer, for a socket that no HTTP server looks after any more. */
export function toHttpAnswer({ status, message, headers }: Pick<Refusal, 'status' | 'message' | 'headers'>): string {
  const body = `${message}\n`;
  const all = {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    ...headers,
    connection: 'close',
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${reasonPhrases[status] ?? 'Refused'}\r\n${lines.join('')}\r\n${body}`;
}
