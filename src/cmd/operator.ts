import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { group } from '../api/v1alpha1/group.ts';
import { createEventRecorder } from '../kube/controller/event-recorder.ts';
import { startLeaderElection, type LeaderElection } from '../kube/controller/leader-election.ts';
import { createAgentClient } from '../sandbox/agent-client.ts';
import { createTicketIssuer } from '../sandbox/ticket-issuer.ts';
import type { OperatorConfig } from './config/parse-process-config.ts';
import { ProcessFailure } from './exit-codes.ts';
import type { Keys } from './keys.ts';
import { openBlobs } from './parts/blobs.ts';
import { startControllers } from './parts/controllers.ts';
import { createLeaderMetrics } from './parts/leader-metrics.ts';
import { createObjectMetrics } from './parts/object-metrics.ts';
import { createOperatorMetrics } from './parts/operator-metrics.ts';
import { ensureKeys } from './process/keys-secret.ts';
import { runProcess, type Surroundings } from './process/run-process.ts';
import { orAbort, untilAborted } from './process/stopping.ts';

/** Name of the Lease in the system namespace; Roles name it. */
const leaseName = 'porthole-operator';

/** `porthole operator`: stands by until it is elected, then decides until it is told to end or loses its lease. */
export function runOperator(config: OperatorConfig): Promise<number> {
  return runProcess({ name: 'operator', config, serve: (around) => serve(config, around) });
}

async function serve(config: OperatorConfig, around: Surroundings): Promise<void> {
  const { store, registry, readiness, clock, logger, stop } = around;
  const { systemNamespace: namespace } = config;
  const keys = await ensureKeys({ store, namespace, clock, logger, signal: stop });
  // Disposed of last: the lease is given up when nothing that only a leader may do can happen any more.
  const identity = `${hostname()}_${randomUUID()}`;
  const lease = { namespace, name: leaseName };
  await using election = startLeaderElection({ store, lease, identity, clock, logger });
  createLeaderMetrics(registry, leaseName, election);
  readiness.follow({ lease: election });
  readiness.set(undefined);
  await lead(config, { ...around, keys, election, identity });
}

interface Candidacy extends Surroundings {
  readonly keys: Keys;
  readonly election: LeaderElection;
  readonly identity: string;
}

async function lead(config: OperatorConfig, candidacy: Candidacy): Promise<void> {
  const { store, registry, readiness, clock, logger, stop, keys, election } = candidacy;
  const term = await orAbort(election.elected, stop);
  readiness.set('It begins to lead.');
  term.lost.addEventListener('abort', () =>
    candidacy.fail(new ProcessFailure('leaseLost', 'The lease is lost: another operator leads, or soon will.')),
  );
  await using agents = createAgentClient({ tickets: createTicketIssuer({ key: keys.ticketKey, clock }), clock });
  await using blobs = await openBlobs(config);
  await using events = createEventRecorder({
    ...{ store, clock, logger },
    reportingController: `${group}/operator`,
    reportingInstance: candidacy.identity,
  });
  await using operator = startControllers({
    store,
    namespace: config.namespace,
    agents,
    blobs,
    urls: { cdp: withoutSlash(config.publicCdpUrl), live: withoutSlash(config.publicLiveUrl) },
    keys,
    settings: { egressDenyPorts: config.egressDenyPorts, systemNamespace: config.systemNamespace },
    clock,
    logger,
    hooks: createOperatorMetrics(registry, clock),
    events,
    mayGrant: () => term.holds(),
  });
  await orAbort(operator.started, stop);
  createObjectMetrics(registry, store, { namespace: config.namespace, clock, logger, signal: stop });
  readiness.set(undefined);
  logger.info({ transitions: term.transitions }, 'the operator leads');
  await untilAborted(stop);
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}
