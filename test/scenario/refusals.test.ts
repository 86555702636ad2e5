import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { patience } from '../support/patience.ts';
import { stillRunning } from '../support/process-table.ts';
import { isLocal, startWorld, type World } from '../support/world.ts';

const sessions = '/api/v1/browser/sessions';

async function expectNothingLeft(world: World): Promise<void> {
  expect(await world.api.list()).toEqual([]);
  await vi.waitFor(async () => expect(await world.countSandboxes()).toBe(0), patience);
}

test('a full pool refuses with pool_exhausted, leaves nothing behind, and serves again after a DELETE', async () => {
  await using world = await startWorld({ warm: { min: 0, max: 0 }, maxSandboxes: 1, maxConcurrentSessions: 1 });
  const held = await world.api.create();
  await world.api.end(held.id);
  // The account's slot is free at once; the pool's place when the sandbox is gone. Until then the pool says so.
  const next = await vi.waitFor(async () => {
    const answer = await world.api.call('POST', sessions);
    if (answer.status !== 201) expect(answer.problem().code).toBe('pool_exhausted');
    expect(answer.status).toBe(201);
    return answer.session();
  }, patience);
  await world.api.end(next.id);
  await expectNothingLeft(world);
});

test('pool_exhausted names its code, says when to come back and holds no quota', async () => {
  await using world = await startWorld({ warm: { min: 0, max: 0 }, maxSandboxes: 1, maxConcurrentSessions: 2 });
  const held = await world.api.create();
  for (let i = 0; i < 4; i += 1) {
    const answer = await world.api.call('POST', sessions);
    expect(answer.status, answer.text).toBe(503);
    expect(answer.problem().code).toBe('pool_exhausted');
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  }
  expect((await world.api.list()).map((s) => s.id)).toEqual([held.id]);
  await world.api.end(held.id);
  await expectNothingLeft(world);
});

// In a Pod the browser is that of the image; test/node has images that do not work.
describe.runIf(isLocal)('a Chromium that does not work', () => {
  let folder: string;
  const program = async (name: string, script: string): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, `#!/bin/sh\n${script}\n`);
    await chmod(path, 0o755);
    return path;
  };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'porthole-no-chromium-'));
    await chmod(folder, 0o755);
  });
  afterAll(() => rm(folder, { recursive: true }));

  test.each([
    ['exits at once', 'exit 3'],
    ['hangs', 'exec sleep 600'],
  ])('because it %s is answered sandbox_failed and leaves nothing behind', async (behaviour, script) => {
    const chromium = await program(behaviour.replaceAll(' ', '-'), script);
    const nothingWarm = { min: 0, max: 0 };
    await using world = await startWorld({ chromium, warm: nothingWarm, startupDeadlineMs: 3_000 });
    const answer = await world.api.call('POST', sessions);
    expect(answer.status, answer.text).toBe(503);
    expect(answer.problem().code).toBe('sandbox_failed');
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await world.api.list()).toEqual([]);
    await vi.waitFor(() => expect(stillRunning(world.sandboxProcesses())).toEqual([]), patience);
  });
});
