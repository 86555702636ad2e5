import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { paths } from '../../api/agent/contract.ts';
import type { AgentProblem } from '../../api/agent/wire.ts';
import { createServer } from '../../lib/http.ts';
import type { Shelf } from '../extensions/shelf.ts';
import { createLiveSockets } from '../live/live-sockets.ts';
import type { Log } from '../log.ts';
import type { Recorder } from '../recorder/recorder.ts';
import {
  parseBindRequest,
  parseEndIfIdleRequest,
  parseStartRecordingRequest,
  parseStopRecordingRequest,
  readBody,
} from './body.ts';
import { relayDevtoolsHttp } from './devtools-http.ts';
import { createDevtoolsSockets } from './devtools-socket.ts';
import type { Egress } from './egress.ts';
import { listPages } from './pages.ts';
import { answerRecording } from './recordings.ts';
import { Refusal, statusOf, toProblem } from './refusal.ts';
import type { Sandbox } from './sandbox.ts';
import type { TicketGate } from './ticket-gate.ts';

export interface AgentServerOptions {
  readonly host: string;
  readonly port: number;
  readonly sandbox: Sandbox;
  readonly gate: TicketGate;
  readonly recorder: Recorder;
  readonly egress: Egress;
  readonly shelf: Shelf;
  /** UNIX socket of the display; undefined: there is none. */
  readonly rfbSocket: string | undefined;
  readonly log: Log;
}

/** Longer than the callers keep a connection: then it is always they who close it, never in the midst of a call. */
const keepAliveTimeoutMs = 65_000;

type Handler = (request: IncomingMessage) => unknown;

/** The control API: method and path → what is answered. Each handler lets in whom it may. */
function createHandlers(options: AgentServerOptions): Readonly<Record<string, Handler>> {
  const { sandbox, gate, egress } = options;
  /** For the session that has this sandbox. */
  const forTenant =
    (handler: Handler): Handler =>
    (request) => {
      sandbox.tenancy.check(gate(request.headers, 'control'));
      return handler(request);
    };
  return {
    [`GET ${paths.live}`]: () => ({}),
    [`GET ${paths.ready}`]: () => {
      if (!sandbox.isUsable) throw new Refusal('not_ready', 'There is no usable browser here.');
      return {};
    },
    [`POST ${paths.bind}`]: async (request) => {
      const caller = gate(request.headers, 'bind');
      const wish = parseBindRequest(await readBody(request));
      if (wish.sessionUid !== caller) throw new Refusal('unauthorized', 'The ticket is for another session.');
      await sandbox.bind(wish);
      return sandbox.status();
    },
    [`GET ${paths.status}`]: forTenant(async () => {
      const report = await egress.report();
      return { ...sandbox.status(), ...report };
    }),
    [`GET ${paths.activity}`]: forTenant(() => sandbox.activity.read()),
    [`POST ${paths.touch}`]: forTenant(() => {
      sandbox.activity.touch();
      return sandbox.activity.read();
    }),
    [`POST ${paths.endIfIdle}`]: forTenant(async (request) => {
      const { idleForMs } = parseEndIfIdleRequest(await readBody(request));
      const { traffic } = await egress.report();
      return { ...sandbox.endIfIdle(idleForMs), ...(traffic && { traffic }) };
    }),
    [`POST ${paths.endIfUnused}`]: forTenant(() => sandbox.endIfUnused()),
    [`GET ${paths.pages}`]: forTenant(() => listPages(sandbox.requireBrowser())),
    ...createRecordingHandlers(options),
  };
}

/** Recordings may be asked for when their session has ended, but for a new one. */
function createRecordingHandlers(options: AgentServerOptions): Readonly<Record<string, Handler>> {
  const { sandbox, gate, recorder } = options;
  const forOwner =
    (handler: Handler): Handler =>
    (request) => {
      sandbox.tenancy.checkOwner(gate(request.headers, 'control'));
      recorder.noteReader();
      return handler(request);
    };
  return {
    [`GET ${paths.recordings}`]: forOwner(() => recorder.list()),
    [`POST ${paths.recordings}`]: async (request) => {
      sandbox.tenancy.check(gate(request.headers, 'control'));
      const { recordingId } = parseStartRecordingRequest(await readBody(request));
      sandbox.requireBrowser();
      sandbox.activity.touch();
      return recorder.begin(recordingId);
    },
    [`POST ${paths.stopRecording}`]: forOwner(async (request) => {
      const { reason } = parseStopRecordingRequest(await readBody(request));
      sandbox.activity.touch();
      return recorder.stop(reason);
    }),
  };
}

/** Whoever brings an extension takes the sandbox for its session, as by a bind. */
async function receiveExtension(
  { sandbox, gate, shelf }: AgentServerOptions,
  request: IncomingMessage,
  sha256: string,
): Promise<object> {
  sandbox.tenancy.take(gate(request.headers, 'bind'));
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw new Refusal('bad_request', 'The path must end in a SHA-256.');
  await shelf.receive(sha256, request);
  return {};
}

function writeJson(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response
    .writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
    .end(text);
}

function writeFailure(response: ServerResponse, error: unknown, log: Log): void {
  if (error instanceof Refusal) {
    if (!response.headersSent) writeJson(response, statusOf[error.code], toProblem(error));
    else response.destroy();
    return;
  }
  log(50, 'a request failed', { error: error instanceof Error ? error.stack : String(error) });
  const problem: AgentProblem = { code: 'not_ready', message: 'The agent failed; its log says how.' };
  if (!response.headersSent) writeJson(response, 500, problem);
}

function createRequestListener(options: AgentServerOptions) {
  const { sandbox, gate, recorder, log } = options;
  const handlers = createHandlers(options);
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    if (path.startsWith(`${paths.cdp}/`)) {
      sandbox.tenancy.check(gate(request.headers, 'cdp'));
      await relayDevtoolsHttp(request, response, sandbox.requireBrowser().endpoint);
      return;
    }
    if (path.startsWith(`${paths.recordings}/`)) {
      sandbox.tenancy.checkOwner(gate(request.headers, 'control'));
      await answerRecording(request, response, recorder);
      return;
    }
    if (request.method === 'PUT' && path.startsWith(`${paths.extensions}/`)) {
      writeJson(response, 200, await receiveExtension(options, request, path.slice(paths.extensions.length + 1)));
      return;
    }
    const name = `${request.method ?? ''} ${path}`;
    const handler = Object.hasOwn(handlers, name) ? handlers[name] : undefined;
    if (!handler) throw new Refusal('not_found', `There is no ${name}.`);
    writeJson(response, 200, await handler(request));
  };
  return (request: IncomingMessage, response: ServerResponse): void => {
    answer(request, response).catch((error: unknown) => writeFailure(response, error, log));
  };
}

function listen(server: Server, { host, port }: AgentServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(port, host, () => resolve());
  });
}

/** Listens on the pod's address; disposing drops all connections. */
export async function startAgentServer(options: AgentServerOptions): Promise<Disposable> {
  const server = createServer({ keepAliveTimeout: keepAliveTimeoutMs, noDelay: true }, createRequestListener(options));
  const sockets = createDevtoolsSockets(options.sandbox, options.gate);
  const liveSockets = createLiveSockets(options);
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    (liveSockets.isFor(request) ? liveSockets : sockets).onUpgrade(request, socket, head);
  });
  await listen(server, options);
  return {
    [Symbol.dispose]: () => {
      sockets[Symbol.dispose]();
      liveSockets[Symbol.dispose]();
      server.close();
      server.closeAllConnections();
    },
  };
}
