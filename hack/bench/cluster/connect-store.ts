import { loadKubeAccess } from '../../../src/kube/apiserver/access.ts';
import { createApiServerStore, type ApiServerStore } from '../../../src/kube/apiserver/api-server-store.ts';
import { systemClock, type Clock } from '../../../src/lib/clock.ts';
import { createLogger, type Logger } from '../../../src/lib/logger.ts';

export interface Connected {
  readonly store: ApiServerStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Here it never aborts: programs that are nothing but a client end with their process. */
  readonly signal: AbortSignal;
}

/** The product's own client, as its processes have it, for a program of the bench. */
export function connectStore(kubeconfig: string, fieldManager: string): Connected {
  const logger = createLogger({ name: fieldManager, level: 'warn' });
  const access = loadKubeAccess({ kubeconfig });
  const store = createApiServerStore({ access, fieldManager, clock: systemClock, logger });
  return { store, clock: systemClock, logger, signal: new AbortController().signal };
}
