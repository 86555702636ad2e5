import { createServer as createNetServer, type Server, type Socket } from 'node:net';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { paths, ports } from '../../../src/api/agent/contract.ts';
import type {
  Activity,
  AgentStatus,
  BindRequest,
  EndIfIdleAnswer,
  EndIfUnusedAnswer,
} from '../../../src/api/agent/wire.ts';
import { createServer } from '../../../src/lib/http.ts';

/** Agents without a browser: they take a session and answer at once, and check no ticket. */
export interface FakeAgents extends AsyncDisposable {
  /** Resolves once an agent listens on this address; rejects when somebody else does. */
  start(podIp: string): Promise<void>;
  stop(podIp: string): void;
}

const activity: Activity = { attachedClients: 0, idleForMs: 0 };

const statusOf = (sessionUid: string | undefined): AgentStatus => ({
  phase: sessionUid === undefined ? 'ready' : 'bound',
  ...(sessionUid !== undefined && { sessionUid }),
  browser: { alive: true, product: 'Chrome/0.0.0.0', sandboxed: true, display: 'headless', bootMs: 0 },
  isolation: 'LocalProcess',
  activity,
});

/** Addresses of the agents whose session somebody has touched. */
type Used = Set<string>;

interface Question {
  readonly podIp: string;
  readonly path: string;
  readonly body: string;
}

function answerTo(
  { podIp, path, body }: Question,
  used: Used,
): AgentStatus | Activity | EndIfIdleAnswer | EndIfUnusedAnswer {
  switch (path) {
    case paths.bind:
      used.delete(podIp);
      return statusOf((JSON.parse(body) as BindRequest).sessionUid);
    case paths.touch:
      used.add(podIp);
      return activity;
    case paths.endIfIdle:
      return { ...activity, ended: false };
    case paths.endIfUnused:
      return { ended: !used.has(podIp) };
    default:
      return statusOf(undefined);
  }
}

function serve(request: IncomingMessage, response: ServerResponse, used: Used): void {
  const podIp = request.socket.localAddress ?? '';
  let body = '';
  request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
  request.on('end', () => {
    const text = JSON.stringify(answerTo({ podIp, path: request.url ?? '', body }, used));
    response
      .writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
      .end(text);
  });
}

interface Listening {
  readonly listener: Server;
  readonly sockets: Set<Socket>;
}

/** One listener an address, as with real pods, but one program behind all of them. */
export function createFakeAgents(): FakeAgents {
  const used: Used = new Set();
  const http = createServer({ keepAliveTimeout: 120_000 }, (request, response) => serve(request, response, used));
  const all = new Map<string, Listening>();
  const stop = (podIp: string): void => {
    const { listener, sockets } = all.get(podIp) ?? {};
    listener?.close();
    for (const socket of sockets ?? []) socket.destroy();
    all.delete(podIp);
  };
  return {
    start: (podIp) =>
      new Promise((resolve, reject) => {
        const sockets = new Set<Socket>();
        const listener = createNetServer({ noDelay: true }, (socket) => {
          sockets.add(socket);
          socket.on('close', () => void sockets.delete(socket)).on('error', () => undefined);
          http.emit('connection', socket);
        });
        listener.once('error', reject).listen({ host: podIp, port: ports.agent, backlog: 16 }, () => {
          all.set(podIp, { listener, sockets });
          resolve();
        });
      }),
    stop,
    [Symbol.asyncDispose]: () => {
      for (const podIp of all.keys()) stop(podIp);
      return Promise.resolve();
    },
  };
}
