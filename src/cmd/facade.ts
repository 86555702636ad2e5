import { startFacade } from '../facade/start-facade.ts';
import { createAgentClient } from '../sandbox/agent-client.ts';
import { createTicketIssuer } from '../sandbox/ticket-issuer.ts';
import type { FacadeConfig } from './config/parse-process-config.ts';
import { openBlobs } from './parts/blobs.ts';
import { watchObjects, whenSynced } from './parts/watched-objects.ts';
import { watchProviders } from './parts/watched-providers.ts';
import { awaitKeys } from './process/keys-secret.ts';
import { runProcess, type Surroundings } from './process/run-process.ts';
import { orAbort, untilAborted } from './process/stopping.ts';
import { readVersion } from './version.ts';

/** `porthole facade`: the REST API. Told to end, it takes nobody new and answers what waits. */
export function runFacade(config: FacadeConfig): Promise<number> {
  return runProcess({ name: 'facade', config, serve: (around) => serve(config, around) });
}

async function serve(config: FacadeConfig, around: Surroundings): Promise<void> {
  const { store, readiness, clock, logger, stop } = around;
  const { namespace, host, systemNamespace } = config;
  const keys = await awaitKeys({ store, namespace: systemNamespace, clock, logger, signal: stop });
  await using agents = createAgentClient({ tickets: createTicketIssuer({ key: keys.ticketKey, clock }), clock });
  await using blobs = await openBlobs(config);
  const watching = new AbortController();
  using _ = { [Symbol.dispose]: () => watching.abort() };
  const watched = watchObjects(store, { namespace, clock, logger, signal: watching.signal });
  const providers = watchProviders(store, { namespace, clock, logger, signal: watching.signal });
  readiness.follow({ ...watched, providers });
  await orAbort(Promise.all([whenSynced(watched), providers.synced]), stop);
  await using facade = await startFacade({
    ...around,
    ...watched,
    providers,
    host,
    port: config.apiPort,
    namespace,
    agents,
    blobs,
    tokenKey: keys.tokenKey,
    publicCdpUrl: config.publicCdpUrl,
    publicLiveUrl: config.publicLiveUrl,
    createDeadlineMs: config.createDeadlineMs,
    version: readVersion(),
  });
  readiness.set(undefined);
  logger.info({ host, port: facade.port }, 'the facade listens');
  await untilAborted(stop);
}
