import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { startFakeNode } from '../../../test/support/fakes.ts';
import { Bench, named } from '../../../test/support/operator-bench.ts';
import { stretch } from '../../../test/support/patience.ts';
import { browserSessions, type BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import { annotations, apiVersion } from '../../api/v1alpha1/group.ts';
import type { NewObject } from '../../lib/object-meta.ts';
import { SandboxError } from '../../sandbox/port.ts';

let bench: Bench;
beforeEach(async () => {
  bench = new Bench();
  startFakeNode(bench.store, { signal: bench.stop.signal });
  await bench.account({ maxConcurrentSessions: 1 });
  await bench.pool({ warm: { min: 0, max: 0 } });
});
afterEach(() => bench[Symbol.asyncDispose]());

const useWithinMs = 300;

/** As a facade makes it. */
const create = (name: string): Promise<BrowserSession> =>
  bench.store.create(browserSessions, {
    apiVersion,
    kind: 'BrowserSession',
    metadata: { ...named(name), annotations: { [annotations.useWithinMs]: String(useWithinMs) } },
    spec: { accountRef: { name: 'a' }, onQuotaExceeded: 'Reject' },
  } as unknown as NewObject<BrowserSession>);

const nothingIsLeft = (): Promise<void> =>
  vi.waitFor(async () => {
    expect(await bench.sessions()).toEqual([]);
    expect(await bench.pods()).toEqual([]);
  }, 5_000);

it('of a session whose maker died before it could answer nothing is left, and its slot is free', async () => {
  await create('s');
  await bench.phase('s', 'Ready');
  await nothingIsLeft();
  await create('next');
  await bench.phase('next', 'Ready');
});

it('a session that was answered stays, though its maker dies then', async () => {
  const { metadata } = await create('s');
  bench.agents.used.add(metadata.uid);
  await bench.phase('s', 'Ready');
  const endIfUnused = vi.spyOn(bench.agents, 'endIfUnused');
  await stretch(3 * useWithinMs);
  await bench.phase('s', 'Ready');
  expect(endIfUnused.mock.calls.length).toBeLessThanOrEqual(1);
});

it('a session whose agent cannot be asked for a while is not ended for that', async () => {
  const { metadata } = await create('s');
  bench.agents.used.add(metadata.uid);
  vi.spyOn(bench.agents, 'endIfUnused').mockRejectedValueOnce(new SandboxError('unreachable', 'no'));
  await bench.phase('s', 'Ready');
  await stretch(useWithinMs + 1_500);
  await bench.phase('s', 'Ready');
});

it('an operator that begins to lead later asks as well', async () => {
  const { metadata } = await create('s');
  bench.agents.used.add(metadata.uid);
  await bench.phase('s', 'Ready');
  await bench.operator[Symbol.asyncDispose]();
  bench.agents.used.clear();
  bench.operator = bench.startOperator();
  await nothingIsLeft();
});
