import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { paths, ports, type TicketPurpose } from '../api/agent/contract.ts';
import type { TokenScope } from './access.ts';
import { endings, type Ending } from './close-codes.ts';
import type { Connection, Connections } from './connections.ts';
import { dial, type Dialled } from './dial.ts';
import type { AudienceNotes } from './live/audience.ts';
import { ViewerGuard } from './live/viewer-guard.ts';
import type { Admitted, Door } from './door.ts';
import { parseHandshake, toSwitchingProtocols, type Handshake } from './handshake.ts';
import type { ConnectionKind, GatewayMetrics } from './metrics.ts';
import { defaults, type GatewayOptions } from './options.ts';
import { refusals, toHttpAnswer, type Refusal } from './refusal.ts';
import { Relay, type EndedBy } from './relay.ts';
import { parseRoute, parseUrl, type Route } from './routes.ts';
import { adoptEnd, type SocketEnd } from './socket-end.ts';

export type UpgradeOptions = Pick<
  GatewayOptions,
  'tickets' | 'agentPort' | 'maxConnectionsPerSession' | 'clock' | 'logger'
> & {
  readonly door: Door;
  readonly connections: Connections;
  /** What the clients of a session are told when the connection to its browser breaks off. */
  readonly explainLoss: (sessionUid: string) => Promise<Ending>;
  /** Told of those who come to look on, and go. */
  readonly audience: Pick<AudienceNotes, 'changed'>;
  readonly metrics: GatewayMetrics;
  readonly isDraining: () => boolean;
};

/** Calls are small; an upload in pieces of this size costs nothing much. */
const readBufferSize = 32_768;
/** How long a refused client may take to read why. */
const refusedMs = 2_000;

type SocketRoute = Extract<Route, { kind: ConnectionKind }>;

/** What a token must be for. */
const scopesOf: Readonly<Record<ConnectionKind, readonly TokenScope[]>> = {
  browser: ['cdp'],
  page: ['cdp'],
  live: ['live', 'live-readonly'],
};

interface Attempt {
  readonly route: SocketRoute;
  readonly handshake: Handshake;
  readonly client: SocketEnd;
  /** What the client sent behind its request. */
  readonly head: Buffer;
  readonly startedMs: number;
}

/** Handles one `upgrade` event of the HTTP server: authenticate → find the sandbox → dial its agent → relay. */
export function createUpgrade(options: UpgradeOptions) {
  const { door, metrics, clock, logger } = options;
  return (request: IncomingMessage, socket: Socket, head: Buffer): void => {
    const client = adoptEnd(socket, readBufferSize);
    if (!client) return;
    const startedMs = clock.monotonic();
    const url = parseUrl(request.url ?? '/');
    const attempt = readAttempt(parseRoute(url.path), request);
    const refuse = (refusal: Refusal): void => {
      metrics.refused(refusal.because);
      turnAway(client, refusal, options);
    };
    if (attempt.kind === 'refused') {
      refuse(attempt);
      return;
    }
    const { route, handshake } = attempt;
    const { token } = url;
    const { authorization } = request.headers;
    const { sessionUid } = route;
    const isHint = route.kind === 'browser' && route.isHint;
    door({ token, authorization, sessionUid, isHint, scopes: scopesOf[route.kind] })
      .then((admitted) => {
        if (admitted.kind === 'refused') return admitted;
        return attach(options, admitted, { route, handshake, client, head, startedMs });
      })
      .then((refusal) => {
        if (refusal) refuse(refusal);
      })
      .catch((err: unknown) => {
        logger.error({ err }, 'an upgrade failed');
        refuse(refusals.browserUnreachable);
      });
  };
}

function readAttempt(
  route: Route | undefined,
  { headers }: IncomingMessage,
): { readonly kind: 'read'; readonly route: SocketRoute; readonly handshake: Handshake } | Refusal {
  if (route?.kind !== 'browser' && route?.kind !== 'page' && route?.kind !== 'live') return refusals.noPath;
  const handshake = parseHandshake(headers);
  return handshake.kind === 'refused' ? handshake : { kind: 'read', route, handshake };
}

/** Resolves with a refusal, or with nothing once the relay runs. */
async function attach(options: UpgradeOptions, admitted: Admitted, attempt: Attempt): Promise<Refusal | undefined> {
  const { connections, maxConnectionsPerSession = defaults.maxConnectionsPerSession } = options;
  const { sessionUid } = admitted;
  if (options.isDraining()) return refusals.draining;
  if (connections.countOf(sessionUid) >= maxConnectionsPerSession) return refusals.tooManyConnections;
  const attachment = new Attachment(admitted, attempt.route.kind);
  connections.add(attachment);
  const dialled = await dialAgent(options, admitted, { ...attempt, signal: attachment.aborted });
  const refusal = refusalOf(attachment, dialled, attempt);
  if (refusal || dialled.kind !== 'open') {
    if (dialled.kind === 'open') dialled.end.socket.destroy();
    connections.remove(attachment);
    logUnreachable(options, sessionUid, dialled);
    return refusal;
  }
  const onEnded = (by: EndedBy): void => {
    connections.remove(attachment);
    options.metrics.ended(attempt.route.kind, by);
    noteViewer(options, attempt.route, sessionUid);
    options.logger.info({ session: sessionUid, to: attempt.route.kind, by }, 'a client left');
  };
  attachment.relay = open(options, {
    attempt,
    dialled,
    onEnded,
    whyGone: () => options.explainLoss(sessionUid).then((ending) => forReader(ending, attempt.route.kind)),
  });
  noteViewer(options, attempt.route, sessionUid);
  options.logger.info({ session: sessionUid, to: attempt.route.kind }, 'a client attached');
  return undefined;
}

function noteViewer({ audience }: UpgradeOptions, { kind }: SocketRoute, sessionUid: string): void {
  if (kind === 'live') audience.changed(sessionUid);
}

/** A client that was let in: first an attempt to reach its browser, then a relay. Whatever ends its session ends either. */
class Attachment implements Connection {
  readonly sessionUid: string;
  readonly account: string;
  readonly keyHash: string | undefined;
  relay: Relay | undefined;
  /** Why the attempt was given up. */
  ending: Ending | undefined;
  readonly #abort = new AbortController();

  readonly #kind: ConnectionKind;

  constructor({ sessionUid, account, keyHash }: Admitted, kind: ConnectionKind) {
    this.#kind = kind;
    this.sessionUid = sessionUid;
    this.account = account;
    this.keyHash = keyHash;
  }

  get aborted(): AbortSignal {
    return this.#abort.signal;
  }

  end(ending: Ending): void {
    this.ending ??= ending;
    if (this.relay) this.relay.end(forReader(ending, this.#kind));
    else this.#abort.abort();
  }

  sweep(): void {
    this.relay?.sweep();
  }
}

/** Programs read the reason, people the sentence. */
function forReader(ending: Ending, kind: ConnectionKind): Ending {
  return kind === 'live' && ending.sentence !== undefined ? { ...ending, reason: ending.sentence } : ending;
}

interface Call {
  readonly path: string;
  readonly purpose: TicketPurpose;
}

/** Where at the agent a connection goes, and with which ticket. */
function callFor(route: SocketRoute, scope: TokenScope): Call {
  switch (route.kind) {
    case 'browser':
      return { path: paths.cdpBrowser, purpose: 'cdp' };
    case 'page':
      return { path: `${paths.cdp}/devtools/page/${route.targetId}`, purpose: 'cdp' };
    case 'live':
      return scope === 'live'
        ? { path: paths.rfb, purpose: 'live' }
        : { path: paths.rfbReadOnly, purpose: 'live-readonly' };
  }
}

function dialAgent(
  { tickets, clock, agentPort = ports.agent }: UpgradeOptions,
  { podIp, podUid, sessionUid, scope }: Admitted,
  { route, handshake, signal }: Attempt & { readonly signal: AbortSignal },
): Promise<Dialled> {
  const { path, purpose } = callFor(route, scope);
  const ticket = tickets.ticketFor({ podUid, sessionUid, purpose });
  return dial({ to: { host: podIp, port: agentPort }, path, ticket, handshake, clock, signal });
}

function refusalOf({ ending }: Attachment, dialled: Dialled, { client, route }: Attempt): Refusal | undefined {
  if (ending) return ending === endings.restarting ? refusals.draining : refusals.noSession;
  // Chromium answers 500 for a page that it does not have.
  const isNoPage = dialled.kind === 'refused' && route.kind === 'page' && [404, 500].includes(dialled.status);
  if (isNoPage) return refusals.noPage;
  return dialled.kind === 'open' && client.socket.writable ? undefined : refusals.browserUnreachable;
}

function logUnreachable({ logger }: UpgradeOptions, session: string, dialled: Dialled): void {
  if (dialled.kind === 'unreachable') logger.warn({ session, why: dialled.why }, 'a sandbox cannot be reached');
  if (dialled.kind === 'refused') logger.warn({ session, status: dialled.status }, 'an agent refused a client');
}

interface Opening {
  readonly attempt: Attempt;
  readonly dialled: Extract<Dialled, { kind: 'open' }>;
  readonly onEnded: (by: EndedBy) => void;
  readonly whyGone: () => Promise<Ending>;
}

function open({ clock, metrics }: UpgradeOptions, { attempt, dialled, ...ends }: Opening): Relay {
  const { client, handshake, head, route, startedMs } = attempt;
  client.socket.write(toSwitchingProtocols(handshake.key, dialled.protocol));
  metrics.opened(route.kind, clock.monotonic() - startedMs);
  const guard = route.kind === 'live' ? { guard: new ViewerGuard() } : {};
  const relay = new Relay({ client, upstream: dialled.end, ...guard, traffic: metrics.traffic, ...ends, clock });
  relay.start({ fromClient: head, fromUpstream: dialled.early });
  return relay;
}

/** Says why, and closes; a client that does not read it is cut off. */
function turnAway({ socket }: SocketEnd, refusal: Refusal, { clock }: UpgradeOptions): void {
  if (!socket.writable) return;
  const timer = clock.schedule(refusedMs, () => socket.destroy());
  socket.once('close', () => timer[Symbol.dispose]());
  socket.end(toHttpAnswer(refusal));
  socket.resume();
}
