import { createServer, type Server } from 'node:net';

/**
 * Pod addresses on the loopback network, 127.77.0.1 … 127.77.15.160. Linux answers for all of 127.0.0.0/8 without any set-up;
 * macOS only for 127.0.0.1, unless each address is made first (`ifconfig lo0 alias 127.77.0.1`).
 */
export const addressCount = 4000;

const network = [127, 77] as const;
/** The first address is the network's .0.1. */
const firstHost = 1;

/** Nothing is ever said on it: that a process listens there is what makes the address taken, on the whole machine. */
export const pausePort = 7699;

export function toAddress(index: number): string {
  if (!Number.isInteger(index) || index < 0 || index >= addressCount) {
    throw new RangeError(`address index ${index} is not within 0 … ${addressCount - 1}`);
  }
  const host = index + firstHost;
  return [...network, host >> 8, host & 0xff].join('.');
}

/** The reverse of {@link toAddress}; undefined for any other address. */
export function toAddressIndex(address: string): number | undefined {
  const [a, b, high, low, ...rest] = address.split('.').map(Number);
  if (a !== network[0] || b !== network[1] || high === undefined || low === undefined || rest.length > 0)
    return undefined;
  const index = high * 256 + low - firstHost;
  return index >= 0 && index < addressCount && toAddress(index) === address ? index : undefined;
}

/** An address that is ours until disposed. The kernel takes it back from a process that was killed. */
export interface AddressLease extends AsyncDisposable {
  readonly address: string;
  readonly index: number;
}

export interface AddressPool {
  /** A free address of the machine. Throws when there is none, or when the system does not answer for these addresses. */
  acquire(): Promise<AddressLease>;
  /** That one, unless somebody on this machine holds it. */
  tryAcquire(index: number): Promise<AddressLease | undefined>;
}

export interface AddressPoolOptions {
  /** Where the search starts, in [0, 1): spreads instances, and so puts off the reuse of an address. Default Math.random. */
  readonly random?: () => number;
}

function listen(address: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => void socket.destroy());
    server.once('error', reject);
    server.listen({ host: address, port: pausePort, exclusive: true, backlog: 1 }, () => resolve(server));
  });
}

function toLease(index: number, server: Server): AddressLease {
  // A held address alone keeps no process alive.
  server.unref();
  const close = (): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
  return { index, address: toAddress(index), [Symbol.asyncDispose]: close };
}

/** Addresses are unique among all pools of all processes on the machine (of one network namespace). */
export function createAddressPool({ random = Math.random }: AddressPoolOptions = {}): AddressPool {
  let next = Math.floor(random() * addressCount);
  const tryAcquire = async (index: number): Promise<AddressLease | undefined> => {
    try {
      return toLease(index, await listen(toAddress(index)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined;
      throw new Error(`cannot use ${toAddress(index)} as a pod address`, { cause: error });
    }
  };
  const acquire = async (): Promise<AddressLease> => {
    for (let tries = 0; tries < addressCount; tries++) {
      const index = next;
      next = (next + 1) % addressCount;
      const lease = await tryAcquire(index);
      if (lease) return lease;
    }
    throw new Error(`no pod address is free: is port ${pausePort} in use on all addresses?`);
  };
  return { acquire, tryAcquire };
}
