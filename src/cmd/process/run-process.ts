import { Registry, collectDefaultMetrics } from 'prom-client';
import { loadKubeAccess, type KubeAccess } from '../../kube/apiserver/access.ts';
import { createApiServerStore } from '../../kube/apiserver/api-server-store.ts';
import type { Store } from '../../kube/store.ts';
import { systemClock, type Clock } from '../../lib/clock.ts';
import { createLogger, type Logger, type LogLevel } from '../../lib/logger.ts';
import { createAddressSet } from '../../lib/net-address.ts';
import { exitCodeOf, exitCodes, ProcessFailure } from '../exit-codes.ts';
import { startMonitoring } from '../parts/monitoring.ts';
import { createRestMetrics } from '../parts/rest-metrics.ts';
import { takeStopSignals } from '../parts/stop-signal.ts';
import { sentenceFor } from '../sentence-for.ts';
import { createReadiness, type Readiness } from './readiness.ts';
import { reportRefusals } from './report-refusals.ts';

/** Settings that every process over an API server has. */
export interface ProcessConfig {
  readonly kubeconfig?: string;
  readonly namespace: string;
  readonly host: string;
  readonly metricsPort: number;
  readonly logLevel: LogLevel;
  readonly refusePeers?: readonly string[];
}

/** What a role is given to serve with. */
export interface Surroundings {
  readonly store: Store;
  readonly registry: Registry;
  readonly readiness: Readiness;
  readonly refusePeer: (address: string) => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Aborts when the process is to end. */
  readonly stop: AbortSignal;
  /** Aborts when it is to end without waiting for anybody. */
  readonly hurry: AbortSignal;
  /** Ends the process, and with what exit code. */
  readonly fail: (failure: ProcessFailure) => void;
}

export interface ProcessRole {
  /** e.g. `facade`. */
  readonly name: string;
  readonly config: ProcessConfig;
  /** Serves until told to stop and leaves nothing behind. May reject with the stop signal's reason. */
  readonly serve: (around: Surroundings) => Promise<void>;
}

class ToldToEnd extends Error {
  override readonly name = 'ToldToEnd';
}

/** Whoever has lost the lease, or cannot end, is not to linger. */
const lastGraceMs = 3_000;

/** Runs one role over an API server until a signal or a failure ends it. Resolves with the exit code. */
export async function runProcess({ name, config, serve }: ProcessRole): Promise<number> {
  const logger = createLogger({ name: `porthole-${name}`, level: config.logLevel });
  const stop = new AbortController();
  const readiness = createReadiness(systemClock);
  const { first, hurry } = takeStopSignals();
  void first.then((signal) => {
    logger.info({ signal }, 'told to end');
    readiness.set('It is ending.');
    stop.abort(new ToldToEnd(signal));
  });
  const fail = (failure: ProcessFailure): void => {
    readiness.set(failure.message);
    stop.abort(failure);
    // Also should the loop run empty before all is disposed of.
    process.exitCode = exitCodeOf(failure);
    exitInTime(process.exitCode);
  };
  try {
    await using stack = new AsyncDisposableStack();
    const around = await surround({ name, config, logger, readiness, fail, stack });
    await serve({ ...around, stop: stop.signal, hurry });
  } catch (error) {
    if (error !== stop.signal.reason) stop.abort(error);
  }
  return conclude(name, stop.signal.reason, logger);
}

interface Beginning extends Pick<ProcessRole, 'name' | 'config'>, Pick<Surroundings, 'logger' | 'readiness' | 'fail'> {
  readonly stack: AsyncDisposableStack;
}

/** Metrics first, so that whoever waits for the rest can see what it waits for. */
async function surround(beginning: Beginning): Promise<Omit<Surroundings, 'stop' | 'hurry'>> {
  const { name, config, logger, readiness, fail, stack } = beginning;
  const clock = systemClock;
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const refused = createAddressSet(config.refusePeers ?? []);
  const refusePeer = (address: string): boolean => refused.has(address);
  const { host, metricsPort: port } = config;
  const notReadyBecause = (): string | undefined => readiness.because();
  const access = openAccess(config);
  const monitoring = stack.use(await startMonitoring({ host, port, registry, notReadyBecause, refusePeer, logger }));
  logger.info({ host, port: monitoring.port, server: access.server }, 'metrics listen');
  const hooks = createRestMetrics(registry);
  const direct = stack.use(createApiServerStore({ access, fieldManager: `porthole-${name}`, clock, logger, hooks }));
  // What is refused while it serves may be granted again; nobody who is being served is to suffer by it.
  const onFailure = (failure: ProcessFailure): void => {
    if (!readiness.isServing) fail(failure);
  };
  const store = reportRefusals(direct, { role: name, clock, logger, onFailure });
  return { store, registry, readiness, refusePeer, clock, logger, fail };
}

function openAccess({ kubeconfig }: ProcessConfig): KubeAccess {
  try {
    return loadKubeAccess({ kubeconfig: kubeconfig || undefined });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const where = 'In a Pod its ServiceAccount is used, elsewhere KUBECONFIG names the file.';
    throw new ProcessFailure('noCluster', `There is no way to an API server: ${why}. ${where}`, { cause });
  }
}

function conclude(name: string, reason: unknown, logger: Logger): number {
  const code = reason instanceof ToldToEnd ? exitCodes.ended : exitCodeOf(reason);
  if (code === exitCodes.ended) logger.info('ended');
  else process.stderr.write(`porthole ${name}: ${sentenceFor(reason)}\n`);
  exitInTime(code);
  return code;
}

/** Should something hold the event loop although all is disposed of, or should disposing itself not come to an end. */
function exitInTime(code: number): void {
  setTimeout(() => process.exit(code), lastGraceMs).unref();
}
