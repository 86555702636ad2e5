import type { Container, Probe } from 'kubernetes-types/core/v1.js';
import { paths, ports } from '../../api/agent/contract.ts';

const at = (path: string, port: number): Pick<Probe, 'httpGet'> => ({ httpGet: { path, port } });

/**
 * A minute of silence, however starved of CPU the machine is: killing the one ends somebody's session, killing the other cuts its
 * connections. A browser that died ends its container by itself, at once.
 */
const patient = { periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 } as const;

type Probes = Pick<Container, 'startupProbe' | 'readinessProbe' | 'livenessProbe'>;

/** Ready is what makes a sandbox warm. One whose browser does not come up by the pool's deadline ends by itself, too. */
export function browserProbes(startupDeadlineMs: number): Probes {
  return {
    startupProbe: {
      ...at(paths.ready, ports.agent),
      periodSeconds: 1,
      failureThreshold: Math.ceil(startupDeadlineMs / 1000),
    },
    readinessProbe: { ...at(paths.ready, ports.agent), periodSeconds: 5, failureThreshold: 2 },
    livenessProbe: { ...at(paths.live, ports.agent), ...patient },
  };
}

/**
 * No startup probe: the browser would not be started before that has passed, and takes far longer to come up. The pod is Ready
 * when both are.
 */
export const proxyProbes: Probes = {
  readinessProbe: { ...at(paths.ready, ports.proxyHealth), periodSeconds: 5, failureThreshold: 2 },
  livenessProbe: { ...at(paths.live, ports.proxyHealth), ...patient },
};
