import path from 'node:path';
import { Registry, collectDefaultMetrics } from 'prom-client';
import { browserAccounts } from '../../api/v1alpha1/browser-account.ts';
import { browserExtensions } from '../../api/v1alpha1/browser-extension.ts';
import { browserPools } from '../../api/v1alpha1/browser-pool.ts';
import { proxyProviders } from '../../api/v1alpha1/proxy-provider.ts';
import { localPodCidr } from '../../api/agent/contract.ts';
import type { BlobStore } from '../../blobs/blob-store.ts';
import { startFacade } from '../../facade/start-facade.ts';
import { startGateway } from '../../gateway/start-gateway.ts';
import { createMemoryStore, type MemoryStore } from '../../kube/memory/memory-store.ts';
import type { Store } from '../../kube/store.ts';
import { startLocalNode } from '../../localnode/node.ts';
import { systemClock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { createAddressSet } from '../../lib/net-address.ts';
import { createAgentClient } from '../../sandbox/agent-client.ts';
import type { AgentClient } from '../../sandbox/port.ts';
import { createTicketIssuer, type TicketIssuer } from '../../sandbox/ticket-issuer.ts';
import type { EmbeddedConfig } from '../config/parse-config.ts';
import type { DataFolder } from '../data-folder.ts';
import { readVersion } from '../version.ts';
import { openBlobs } from '../parts/blobs.ts';
import { startControllers } from '../parts/controllers.ts';
import { localSandboxes } from '../parts/local-sandboxes.ts';
import { startMonitoring } from '../parts/monitoring.ts';
import { createObjectMetrics } from '../parts/object-metrics.ts';
import { createOperatorMetrics } from '../parts/operator-metrics.ts';
import { urlHost } from '../parts/url-host.ts';
import { watchObjects } from '../parts/watched-objects.ts';
import { watchProviders } from '../parts/watched-providers.ts';
import { applyProviders } from './providers-file.ts';
import { applyManifests, namespace, seedDefaults } from './seed.ts';

export interface InstanceOptions {
  readonly config: EmbeddedConfig;
  readonly folder: DataFolder;
  /** Path of the browser. */
  readonly chromium: string;
  readonly logger: Logger;
}

export interface Instance extends AsyncDisposable {
  readonly apiUrl: string;
  readonly gatewayUrl: string;
  readonly metricsUrl: string;
}

/** Kinds that a restart keeps. Sessions end with the process: their browsers do. */
const kept = [browserAccounts, browserPools, browserExtensions, proxyProviders];

/** A POST waits a little longer than a sandbox may take to start, so that the operator's answer arrives. */
const answerMarginMs = 5_000;
const clock = systemClock;

/** Store, local node, gateway, facade and operator, wired together: the composition root of embedded mode. */
export async function startInstance(options: InstanceOptions): Promise<Instance> {
  const { config, folder, logger } = options;
  await using starting = new AsyncDisposableStack();
  const store = starting.use(openStore(options));
  await seedDefaults(store, config, folder.apiKey);
  await applyManifests(store, path.join(folder.path, 'objects'));
  if (config.providers !== undefined) await applyProviders(store, namespace, config.providers);
  const tickets = createTicketIssuer({ key: folder.keys.ticketKey, clock });
  const agents = starting.use(createAgentClient({ tickets, clock }));
  const blobs = starting.use(await openBlobs({ ...config, blobs: config.blobs ?? path.join(folder.path, 'blobs') }));
  starting.use(await startNode(options, store));
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const watching = new AbortController();
  starting.defer(() => watching.abort());
  createObjectMetrics(registry, store, { namespace, clock, logger, signal: watching.signal });
  const edges = starting.use(await startEdges(options, { store, agents, blobs, tickets, registry }));
  const operator = starting.use(
    startControllers({
      store,
      namespace,
      agents,
      blobs,
      urls: edges.urls,
      keys: folder.keys,
      settings: { egressDenyPorts: edges.ports, systemNamespace: namespace },
      clock,
      logger: logger.child({ part: 'operator' }),
      hooks: createOperatorMetrics(registry, clock),
    }),
  );
  await operator.started;
  edges.setReady();
  const running = starting.move();
  return {
    ...edges,
    [Symbol.asyncDispose]: async () => {
      // Nobody is promised anything any more, and POSTs that wait are answered while the operator still works.
      await edges[Symbol.asyncDispose]();
      await running.disposeAsync();
    },
  };
}

function openStore({ folder, logger }: InstanceOptions): MemoryStore {
  const plurals = kept.map((resource) => resource.plural);
  const file = path.join(folder.path, 'state.json');
  return createMemoryStore({ clock, resources: kept, snapshot: { file, plurals, logger } });
}

function startNode({ config, folder, chromium, logger }: InstanceOptions, store: Store): Promise<AsyncDisposable> {
  return startLocalNode({
    store,
    nodeName: 'local',
    namespace,
    schedules: true,
    ...localSandboxes({ folder, chromium, logLevel: config.logLevel }),
    clock,
    logger: logger.child({ part: 'node' }),
  });
}

interface EdgeParts {
  readonly store: Store;
  readonly agents: AgentClient;
  readonly blobs: BlobStore;
  readonly tickets: TicketIssuer;
  readonly registry: Registry;
}

interface Edges extends Instance {
  readonly urls: { readonly cdp: string; readonly live: string };
  /** TCP ports that no sandbox may reach. */
  readonly ports: readonly number[];
  setReady(): void;
}

/** What listens for callers: gateway, facade, metrics. They end first, so that nobody is promised anything any more. */
async function startEdges(
  { config, folder, logger }: InstanceOptions,
  { store, agents, blobs, tickets, registry }: EdgeParts,
): Promise<Edges> {
  await using starting = new AsyncDisposableStack();
  const stop = new AbortController();
  starting.defer(() => stop.abort());
  const sandboxes = createAddressSet([localPodCidr]);
  const shared = {
    host: config.host,
    clock,
    registry,
    refusePeer: (address: string): boolean => sandboxes.has(address),
    namespace,
    store,
    ...watchObjects(store, { namespace, clock, logger, signal: stop.signal }),
    providers: watchProviders(store, { namespace, clock, logger, signal: stop.signal }),
    tokenKey: folder.keys.tokenKey,
  };
  const gateway = starting.use(
    await startGateway({
      ...shared,
      port: config.gatewayPort,
      frameAncestors: config.frameAncestors,
      tickets,
      logger: logger.child({ part: 'gateway' }),
    }),
  );
  const at = (scheme: string, port: number): string => `${scheme}://${urlHost(config.host)}:${port}`;
  const urls = { cdp: at('ws', gateway.port), live: `${at('http', gateway.port)}/live` };
  const facade = starting.use(
    await startFacade({
      ...shared,
      port: config.apiPort,
      agents,
      blobs,
      publicCdpUrl: urls.cdp,
      publicLiveUrl: urls.live,
      createDeadlineMs: config.startupDeadlineMs + answerMarginMs,
      logger: logger.child({ part: 'facade' }),
      version: readVersion(),
    }),
  );
  let notReadyBecause: string | undefined = 'The operator is starting.';
  const monitoring = starting.use(
    await startMonitoring({ ...shared, port: config.metricsPort, logger, notReadyBecause: () => notReadyBecause }),
  );
  const running = starting.move();
  return {
    urls,
    ports: [facade.port, gateway.port, monitoring.port],
    apiUrl: at('http', facade.port),
    gatewayUrl: at('http', gateway.port),
    metricsUrl: at('http', monitoring.port),
    setReady: () => (notReadyBecause = undefined),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
