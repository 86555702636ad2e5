import { startGateway } from '../gateway/start-gateway.ts';
import { createTicketIssuer } from '../sandbox/ticket-issuer.ts';
import type { GatewayConfig } from './config/parse-process-config.ts';
import { watchObjects, whenSynced } from './parts/watched-objects.ts';
import { awaitKeys } from './process/keys-secret.ts';
import { runProcess, type Surroundings } from './process/run-process.ts';
import { orAbort, untilAborted } from './process/stopping.ts';

/** `porthole gateway`: where CDP clients attach. Told to end, it takes nobody new and lets who is there stay for a while. */
export function runGateway(config: GatewayConfig): Promise<number> {
  return runProcess({ name: 'gateway', config, serve: (around) => serve(config, around) });
}

async function serve(config: GatewayConfig, around: Surroundings): Promise<void> {
  const { store, readiness, clock, logger, stop, hurry } = around;
  const { namespace, host, systemNamespace, drainMs } = config;
  const keys = await awaitKeys({ store, namespace: systemNamespace, clock, logger, signal: stop });
  const watching = new AbortController();
  using _ = { [Symbol.dispose]: () => watching.abort() };
  const watched = watchObjects(store, { namespace, clock, logger, signal: watching.signal });
  readiness.follow({ ...watched });
  await orAbort(whenSynced(watched), stop);
  await using gateway = await startGateway({
    ...around,
    ...watched,
    host,
    port: config.gatewayPort,
    publicCdpUrl: config.publicCdpUrl,
    namespace,
    frameAncestors: config.frameAncestors,
    tokenKey: keys.tokenKey,
    tickets: createTicketIssuer({ key: keys.ticketKey, clock }),
    drainMs,
  });
  readiness.set(undefined);
  await untilAborted(stop);
  logger.info({ drainMs }, 'the gateway drains; another signal ends it at once');
  await Promise.race([gateway.drain(), untilAborted(hurry)]);
}
