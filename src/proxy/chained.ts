import { randomBytes } from 'node:crypto';
import type { OnReadOpts, Socket } from 'node:net';
import type { UpstreamOrder } from '../api/agent/wire.ts';
import type { Clock } from '../lib/clock.ts';
import { decideTarget } from './decide-target.ts';
import type { EgressPolicy } from './decide-egress.ts';
import { EgressError, toEgressError } from './egress-error.ts';
import { askForTunnel, shakeHandsHttp } from './handshake-http.ts';
import { greetSocks5, shakeHandsSocks4, shakeHandsSocks5 } from './handshake-socks.ts';
import type { Target } from './target.ts';
import { basicAuthorization, isLiteral, toUpstreamAddress, type UpstreamAddress } from './upstream-address.ts';
import type { UpstreamHealth } from './upstream-health.ts';
import type { Carriage, OpenOptions, Upstream } from './upstream.ts';

export interface ChainedOptions {
  readonly order: UpstreamOrder;
  /** Connects to the upstream itself, by the rule for upstreams. */
  readonly reach: Upstream['open'];
  /** Of what may be named to the upstream; asked for each connection. */
  readonly policy: () => EgressPolicy;
  readonly health: UpstreamHealth;
  readonly clock: Clock;
  /** From the connection to the upstream until the one to the target stands. */
  readonly handshakeTimeoutMs: number;
}

export interface Chained extends Upstream {
  /** Finds out whether the upstream is there and lets us in, as far as that can be had without visiting anything. Never rejects. */
  probe(signal: AbortSignal): Promise<void>;
}

/** RFC 6761 section 6.4: no resolver has an address for it. Proxies ask for the password before they ask for the name. */
const nowhere: Target = { host: 'probe.invalid', port: 443 };
/** Of what a proxy may say to that, what is about us: it does not know our address, or wants no such thing as a tunnel. */
const refusals: ReadonlySet<number> = new Set([401, 403, 405]);

const shakeHands = {
  http: shakeHandsHttp,
  https: shakeHandsHttp,
  socks4: shakeHandsSocks4,
  socks5: shakeHandsSocks5,
} as const;

const isHttp = ({ scheme }: UpstreamAddress): boolean => scheme === 'http' || scheme === 'https';

/**
 * By way of another proxy:
 *
 * ```
 * browser -> proxy -> upstream -> web
 * browser <- proxy <- upstream <- web
 * ```
 *
 * Names go to the upstream as names: nothing here resolves where the browser goes. HTTP in the clear goes to an HTTP proxy in
 * absolute form, since many let tunnels through to port 443 only; everything else goes through a tunnel.
 */
export function createChained(options: ChainedOptions): Chained {
  const { order, health } = options;
  const nextAddress = (): UpstreamAddress => toUpstreamAddress(order, order.identity ?? randomBytes(6).toString('hex'));
  return {
    open: (target, how) => Promise.try(() => openTunnel(options, { address: nextAddress(), target, how })),
    carry: () => {
      const address = nextAddress();
      return isHttp(address) ? carryAsProxied(options, address) : carryInTunnels(options, address);
    },
    probe: async (signal) => {
      try {
        const address = nextAddress();
        const socket = await connectAnd(options, { address, signal }, (made) => knock(made, address));
        socket.destroy();
        health.succeeded();
      } catch (error) {
        const { code } = toEgressError(error);
        health.failed(code === 'timeout' ? 'upstream_unreachable' : code);
      }
    },
  };
}

function check({ policy }: ChainedOptions, target: Target): void {
  const denied = decideTarget(target, policy());
  if (denied) throw new EgressError(denied);
}

async function told<T>({ health }: ChainedOptions, attempt: Promise<T>): Promise<T> {
  try {
    return await attempt;
  } catch (error) {
    health.failed(toEgressError(error).code);
    throw error;
  }
}

interface Journey {
  readonly address: UpstreamAddress;
  readonly target: Target;
  readonly how: OpenOptions;
}

async function openTunnel(options: ChainedOptions, { address, target, how }: Journey): Promise<Socket> {
  check(options, target);
  const { scheme, credentials } = address;
  const connecting = connectAnd(options, { address, signal: how.signal }, (made) =>
    shakeHands[scheme](made, target, credentials),
  );
  const socket = await told(options, connecting);
  options.health.succeeded();
  if (how.onread) deliver(socket, how.onread);
  return socket;
}

function carryInTunnels(options: ChainedOptions, address: UpstreamAddress): Carriage {
  const open: Carriage['open'] = (target, how) => openTunnel(options, { address, target, how });
  return { open, isProxied: false, headers: [], judge: () => undefined };
}

function carryAsProxied(options: ChainedOptions, address: UpstreamAddress): Carriage {
  const { credentials } = address;
  const { health } = options;
  return {
    open: async (target, { signal }) => {
      check(options, target);
      return await told(
        options,
        connectAnd(options, { address, signal }, () => Promise.resolve()),
      );
    },
    isProxied: true,
    headers: credentials ? ['Proxy-Authorization', basicAuthorization(credentials)] : [],
    judge: (status) => {
      const problem = status === 407 ? 'upstream_authentication_failed' : undefined;
      if (problem) health.failed(problem);
      else health.succeeded();
      return problem;
    },
  };
}

async function knock(socket: Socket, { scheme, credentials }: UpstreamAddress): Promise<void> {
  // SOCKS 4 has no word before the host's name: that it accepts a connection is all there is.
  if (scheme === 'socks4') return;
  if (scheme === 'socks5') return greetSocks5(socket, credentials);
  const status = await askForTunnel(socket, nowhere, credentials);
  if (status === 407) throw new EgressError('upstream_authentication_failed');
  if (refusals.has(status)) throw new EgressError('upstream_refused', { message: `the upstream answered ${status}` });
}

interface Way {
  readonly address: UpstreamAddress;
  readonly signal: AbortSignal;
}

type Talk = (socket: Socket) => Promise<void>;

/** A connection to the upstream on which `talk` has said what there is to say. Nothing is left open when that fails. */
async function connectAnd(
  { reach, clock, handshakeTimeoutMs, order }: ChainedOptions,
  { address, signal }: Way,
  talk: Talk,
): Promise<Socket> {
  const tcp = await reach(address, { signal });
  const late = new EgressError('timeout');
  const gone = Promise.withResolvers<never>();
  const giveUp = (): void => gone.reject(late);
  using _timer = clock.schedule(handshakeTimeoutMs, giveUp);
  signal.addEventListener('abort', giveUp);
  try {
    const talking = (async () => {
      const socket = address.scheme === 'https' ? await encrypt(tcp, address, order.ca) : tcp;
      await talk(socket);
      return socket;
    })();
    return await Promise.race([talking, gone.promise]);
  } catch (error) {
    tcp.destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

async function encrypt(tcp: Socket, { host }: UpstreamAddress, ca: string | undefined): Promise<Socket> {
  // Loaded by those who want it: it costs a sandbox some MB.
  const { connect } = await import('node:tls');
  const socket = connect({ socket: tcp, host, ...(isLiteral(host) ? {} : { servername: host }), ...(ca && { ca }) });
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const onClose = (): void => reject(new EgressError('upstream_unreachable', { message: 'no TLS' }));
  socket.once('close', onClose).once('secureConnect', () => {
    socket.off('close', onClose);
    resolve(socket);
  });
  // Whoever takes it over listens for itself; after that too, an error must not end the process.
  socket.on('error', (cause) => reject(new EgressError('upstream_unreachable', { cause })));
  return promise;
}

/** What a connection that was made with `onread` would have done by itself. */
function deliver(socket: Socket, onread: OnReadOpts): void {
  const { buffer } = onread;
  const room = typeof buffer === 'function' ? buffer() : buffer;
  socket.on('data', (chunk: Buffer) => {
    const part = chunk.subarray(0, room.length);
    room.set(part);
    const isFree = onread.callback(part.length, room);
    if (isFree && part.length === chunk.length) return;
    socket.pause();
    if (part.length < chunk.length) socket.unshift(chunk.subarray(part.length));
    if (isFree) socket.resume();
  });
}
