import { Gauge, type Registry } from 'prom-client';
import { browserAccounts, type BrowserAccount } from '../../api/v1alpha1/browser-account.ts';
import { browserPools, type BrowserPool, type BrowserPoolStatus } from '../../api/v1alpha1/browser-pool.ts';
import { createInformer } from '../../kube/controller/informer.ts';
import type { Informer } from '../../kube/controller/port.ts';
import type { Store } from '../../kube/store.ts';
import type { WatchingOptions } from './watched-objects.ts';

type Pools = Pick<Informer<BrowserPool>, 'list'>;
type Accounts = Pick<Informer<BrowserAccount>, 'list'>;

/**
 * Pools and accounts as their own status shows them (at most a second old). From copies: whoever scrapes costs the store nothing, and
 * figures go on when it is away.
 */
export function createObjectMetrics(registry: Registry, store: Store, watching: WatchingOptions): void {
  const pools = createInformer(store, browserPools, watching);
  poolGauge(registry, pools, {
    name: 'porthole_pool_hit_ratio',
    help: 'Share of the recent sessions that found a warm sandbox.',
    of: (status) => status.hitRatio,
  });
  poolGauge(registry, pools, {
    name: 'porthole_pool_boot_seconds',
    help: 'Recent time from creating a sandbox to its being usable.',
    of: (status) => (status.bootTimeMs ?? 0) / 1000,
  });
  poolGauge(registry, pools, {
    name: 'porthole_pool_desired_warm',
    help: 'How many warm sandboxes the pool wants.',
    of: (status) => status.desiredWarm,
  });
  sandboxGauge(registry, pools);
  accountGauge(registry, createInformer(store, browserAccounts, watching));
}

interface PoolGauge {
  readonly name: string;
  readonly help: string;
  readonly of: (status: BrowserPoolStatus) => number | undefined;
}

function poolGauge(registry: Registry, pools: Pools, { name, help, of }: PoolGauge): void {
  new Gauge({
    name,
    help,
    labelNames: ['pool'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { metadata, status } of pools.list()) this.set({ pool: metadata.name }, (status && of(status)) ?? 0);
    },
  });
}

function sandboxGauge(registry: Registry, pools: Pools): void {
  new Gauge({
    name: 'porthole_pool_sandboxes',
    help: 'Sandboxes by pool and state.',
    labelNames: ['pool', 'state'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { metadata, status } of pools.list()) {
        for (const state of ['warm', 'starting', 'claimed'] as const) {
          this.set({ pool: metadata.name, state }, status?.[state] ?? 0);
        }
      }
    },
  });
}

function accountGauge(registry: Registry, accounts: Accounts): void {
  new Gauge({
    name: 'porthole_account_sessions',
    help: 'Sessions by account and whether they hold a slot or wait for one.',
    labelNames: ['account', 'state'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { metadata, status } of accounts.list()) {
        this.set({ account: metadata.name, state: 'active' }, status?.activeSessions ?? 0);
        this.set({ account: metadata.name, state: 'queued' }, status?.queuedSessions ?? 0);
      }
    },
  });
}
