import { connect, isIPv6, type Socket } from 'node:net';
import type { Clock } from '../lib/clock.ts';
import { EgressError } from './egress-error.ts';
import type { OpenOptions } from './upstream.ts';

export interface DialOptions extends OpenOptions {
  /** IP addresses, best first; at least one. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** The local address to connect to `address` from; undefined leaves it to the system. */
  readonly localAddressFor: (address: string) => string | undefined;
  readonly clock: Clock;
  /** For all attempts together. */
  readonly timeoutMs: number;
}

/** RFC 8305 section 8, "Connection Attempt Delay". */
const attemptDelayMs = 250;
const keepAliveDelayMs = 15_000;

/** RFC 8305 section 4: families in turns, beginning with that of the first address. */
export function interleaveFamilies(addresses: readonly string[]): string[] {
  const isFirstKind = (address: string): boolean => isIPv6(address) === isIPv6(addresses[0] ?? '');
  const first = addresses.filter(isFirstKind);
  const second = addresses.filter((address) => !isFirstKind(address));
  return Array.from({ length: Math.max(first.length, second.length) }, (_, i) => [first[i], second[i]])
    .flat()
    .filter((address) => address !== undefined);
}

/**
 * Happy Eyeballs (RFC 8305): connects to the addresses one after the other, the next as soon as one failed or has taken 250 ms,
 * and gives the first connection that stands. Node's own (`autoSelectFamily`) gives up an attempt before it tries the next, so
 * that hosts further away than 250 ms are not reached, and ignores the local address.
 */
export function dial(options: DialOptions): Promise<Socket> {
  const { addresses, clock, timeoutMs, signal } = options;
  const waiting = interleaveFamilies(addresses);
  const attempts = new Set<Socket>();
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  let next: Disposable | undefined;

  const end = (winner?: Socket): void => {
    next?.[Symbol.dispose]();
    deadline[Symbol.dispose]();
    signal.removeEventListener('abort', abort);
    waiting.length = 0;
    if (winner) attempts.delete(winner);
    for (const socket of attempts) socket.destroy();
  };
  const fail = (error: EgressError): void => {
    end();
    reject(error);
  };
  const abort = (): void => fail(new EgressError('unreachable', { message: 'nobody waits for it any more' }));

  const tryNext = (): void => {
    next?.[Symbol.dispose]();
    const address = waiting.shift();
    if (address === undefined) return;
    const socket = startAttempt(address, options);
    attempts.add(socket);
    socket.once('connect', () => {
      end(socket);
      resolve(socket);
    });
    socket.once('error', (cause) => {
      attempts.delete(socket);
      if (waiting.length > 0) tryNext();
      else if (attempts.size === 0) fail(new EgressError('unreachable', { cause }));
    });
    next = clock.schedule(attemptDelayMs, tryNext);
  };

  const deadline = clock.schedule(timeoutMs, () => fail(new EgressError('timeout')));
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  else tryNext();
  return promise;
}

function startAttempt(address: string, { port, localAddressFor, onread }: DialOptions): Socket {
  const localAddress = localAddressFor(address);
  const socket = connect({
    host: address,
    port,
    ...(localAddress === undefined ? {} : { localAddress }),
    ...(onread ? { onread } : {}),
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveDelayMs,
  });
  // Whoever takes it over listens for itself; until then, and after it let go, an error must not end the process.
  socket.on('error', () => undefined);
  return socket;
}
