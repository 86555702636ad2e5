import { Gauge, type Registry } from 'prom-client';
import type { LeaderElection } from '../../kube/controller/leader-election.ts';

/** Whether this process leads, under the name of client-go. */
export function createLeaderMetrics(registry: Registry, name: string, election: Pick<LeaderElection, 'state'>): void {
  new Gauge({
    name: 'leader_election_master_status',
    help: '1: this process leads. 0: it stands by.',
    labelNames: ['name'],
    registers: [registry],
    collect() {
      this.set({ name }, election.state === 'leading' ? 1 : 0);
    },
  });
}
