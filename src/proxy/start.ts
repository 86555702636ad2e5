import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { ports } from '../api/agent/contract.ts';
import type { UpstreamOrder } from '../api/agent/wire.ts';
import { systemClock, type Clock } from '../lib/clock.ts';
import { createAddressSet, type AddressSet } from '../lib/net-address.ts';
import { createChained, type Chained } from './chained.ts';
import type { EgressPolicy } from './decide-egress.ts';
import { createDirect } from './direct.ts';
import { EgressError, toEgressError } from './egress-error.ts';
import { createHealthServer } from './health.ts';
import { createProblemLog, type Log } from './log.ts';
import { createResolver, lookupBySystem, type Lookup } from './resolve.ts';
import { createProxyServer, isClientOfPod } from './server.ts';
import type { ProxySettings } from './settings.ts';
import { createSwitch } from './switch.ts';
import { createTraffic, type TrafficReport } from './traffic.ts';
import { createUpstreamDoor } from './upstream-door.ts';
import { createUpstreamHealth, type UpstreamHealth } from './upstream-health.ts';
import type { Upstream } from './upstream.ts';

export interface ProxyOptions {
  readonly settings: Omit<ProxySettings, 'runAs'>;
  readonly log: Log;
  /** Default: the contract's; 0 is any free one. */
  readonly listen?: { readonly proxy: number; readonly health: number };
  /** Default: the system's resolver. */
  readonly lookup?: Lookup;
  /** Default: the system's time. */
  readonly clock?: Clock;
}

export interface RunningProxy extends AsyncDisposable {
  /** Where it listens, on the pod's address. */
  readonly ports: { readonly proxy: number; readonly health: number };
  report(): TrafficReport;
}

/** Chromium waits for a connection of its own for 4 min, people do not. */
const connectTimeoutMs = 30_000;
const lookupTimeoutMs = 10_000;

/** Interfaces come and go seldom, connections come in bursts, and reading the one costs as much as judging ten of the other. */
const machineAddressesForMs = 1000;

function createMachineAddresses(clock: Clock): () => AddressSet {
  let known: { readonly addresses: AddressSet; readonly untilMs: number } | undefined;
  return () => {
    if (known && known.untilMs > clock.monotonic()) return known.addresses;
    const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
    const addresses = createAddressSet(all.map(({ address }) => address.replace(/%.*$/, '')));
    known = { addresses, untilMs: clock.monotonic() + machineAddressesForMs };
    return addresses;
  };
}

interface Listening extends AsyncDisposable {
  readonly port: number;
  dropConnections(): void;
}

/** A listening server whose connections all end with it, those that HTTP let go of included. */
async function listen(server: Server, host: string, port: number): Promise<Listening> {
  const open = new Set<Socket>();
  server.on('connection', (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  const dropConnections = (): void => {
    for (const socket of open) socket.destroy();
  };
  server.listen({ host, port });
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    dropConnections,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close');
      server.close();
      dropConnections();
      await closed;
    },
  };
}

interface Ways {
  readonly direct: Upstream;
  chained(order: UpstreamOrder, health: UpstreamHealth): Chained;
}

const everything = createAddressSet(['0.0.0.0/0', '::/0']);

/** All that goes out, goes out by one of these; what they connect to is counted. */
function createWays(options: ProxyOptions, add: (socket: Socket) => void): Ways {
  const { settings, lookup = lookupBySystem, clock = systemClock } = options;
  const { podIp, egressAllow, upstreamAllow, egressDenyPorts: deniedPorts } = settings;
  const gatherMachineAddresses = createMachineAddresses(clock);
  const policyOf = (allowed: AddressSet) => (): EgressPolicy => ({
    ...{ allowed, deniedPorts },
    machine: gatherMachineAddresses(),
  });
  const resolve = createResolver({ lookup, clock, timeoutMs: lookupTimeoutMs });
  const directTo = (allowed: AddressSet): Upstream =>
    counted(createDirect({ podIp, resolve, policy: policyOf(allowed), clock, connectTimeoutMs }), add);
  const allowedUpstreams: AddressSet = { has: (address) => egressAllow.has(address) || upstreamAllow.has(address) };
  return {
    direct: directTo(egressAllow),
    chained: (order, health) => {
      const reach = directTo(order.isInternalAllowed ? everything : allowedUpstreams);
      return createChained({
        ...{ order, health, clock, policy: policyOf(egressAllow), handshakeTimeoutMs: connectTimeoutMs },
        reach: (address, how) =>
          reach.open(address, how).catch((error: unknown) => Promise.reject(aboutUpstream(error))),
      });
    },
  };
}

function counted({ open, carry }: Upstream, add: (socket: Socket) => void): Upstream {
  const openCounted: Upstream['open'] = async (target, how) => {
    const socket = await open(target, how);
    add(socket);
    return socket;
  };
  return { open: openCounted, carry: () => ({ ...carry(), open: openCounted }) };
}

/** The same trouble, of an upstream instead of a host. */
function aboutUpstream(cause: unknown): EgressError {
  const { status, message } = toEgressError(cause);
  return new EgressError(status === 403 ? 'upstream_not_allowed' : 'upstream_unreachable', { message, cause });
}

/** Starts the proxy and its health server on the pod's address. Rejects when a port is taken. */
export async function startProxy(options: ProxyOptions): Promise<RunningProxy> {
  const { settings, log, listen: at = { proxy: ports.proxy, health: ports.proxyHealth } } = options;
  const { podIp } = settings;
  await using stack = new AsyncDisposableStack();
  const traffic = createTraffic();
  const tell = createProblemLog(log, settings.isVerbose);
  const isOwnClient = (address: string): boolean => isClientOfPod(podIp, address);
  const ways = createWays(options, (socket) => traffic.add(socket));
  const upstream = createSwitch(ways.direct);
  const server = createProxyServer({
    ...{ upstream, isOwnClient },
    onProblem: (error, target) => {
      traffic.addProblem(error.code);
      tell(error, target);
    },
  });
  let health: UpstreamHealth | undefined;
  const report = (): TrafficReport => ({ ...traffic.report(), ...(health && { upstream: health.report() }) });
  const proxy = stack.use(await listen(server, podIp, at.proxy));
  const ending = new AbortController();
  stack.defer(() => ending.abort());
  const bind = createUpstreamDoor({
    ...settings,
    now: Date.now,
    onOrder: (order) => {
      health = createUpstreamHealth();
      const chained = ways.chained(order, health);
      upstream.to(chained);
      // What the browser had before goes on nowhere.
      proxy.dropConnections();
      // After the answer, for which a session waits.
      setImmediate(() => void chained.probe(ending.signal));
      log(30, 'the session has an upstream');
    },
  });
  const side = createHealthServer({ isReady: () => server.listening, report, bind, isOwnClient });
  const sidePort = stack.use(await listen(side, podIp, at.health)).port;
  const owned = stack.move();
  return {
    ports: { proxy: proxy.port, health: sidePort },
    report,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
