import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { silentLogger } from '../../../test/support/fakes.ts';
import { account, pool } from '../../../test/support/objects.ts';
import { browserAccounts } from '../../api/v1alpha1/browser-account.ts';
import { browserPools } from '../../api/v1alpha1/browser-pool.ts';
import { createMemoryStore } from '../../kube/memory/memory-store.ts';
import { systemClock } from '../../lib/clock.ts';
import { createObjectMetrics } from './object-metrics.ts';

function stopAtEnd(): Disposable & { readonly signal: AbortSignal } {
  const stop = new AbortController();
  return { signal: stop.signal, [Symbol.dispose]: () => stop.abort() };
}

it('shows what the statuses of pools and accounts say, and forgets what is gone', async () => {
  await using store = createMemoryStore({ clock: systemClock });
  const registry = new Registry();
  using stop = stopAtEnd();
  const { namespace } = pool().metadata;
  createObjectMetrics(registry, store, { namespace, clock: systemClock, logger: silentLogger, signal: stop.signal });
  const { metadata } = await store.create(browserPools, pool());
  await store.patchStatus(browserPools, metadata, { warm: 2, hitRatio: 0.5, bootTimeMs: 450 });
  await store.create(browserAccounts, account());
  const shows = (line: string) => expect.poll(() => registry.metrics()).toContain(line);
  await shows('porthole_pool_sandboxes{pool="default",state="warm"} 2');
  await shows('porthole_pool_hit_ratio{pool="default"} 0.5');
  await shows('porthole_pool_boot_seconds{pool="default"} 0.45');
  await shows('porthole_account_sessions{account="a",state="active"} 0');
  await store.delete(browserPools, metadata);
  await expect.poll(() => registry.metrics()).not.toContain('pool="default"');
});
