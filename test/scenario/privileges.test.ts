import { statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { attach } from '../support/cdp-client.ts';
import { browsersAmong, type ProcessEntry } from '../support/process-table.ts';
import { isLocal, startWorld, type World } from '../support/world.ts';

const asRoot = process.getuid?.() === 0;

describe('on this machine', () => {
  let world: World;
  let processes: ProcessEntry[];
  beforeAll(async () => {
    world = await startWorld({ warm: { min: 0, max: 0 } });
    for (const { cdpUrl } of [await world.api.create(), await world.api.create()]) {
      await using client = await attach(cdpUrl);
      await client.call('Target.createTarget', { url: 'about:blank' });
    }
    processes = world.sandboxProcesses();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  test('no browser runs without its sandbox', () => {
    expect(browsersAmong(processes)).toHaveLength(2);
    expect(processes.filter((p) => p.command.includes('--no-sandbox'))).toEqual([]);
    expect(processes.filter((p) => p.command.includes('--disable-setuid-sandbox'))).toEqual([]);
  });

  test.runIf(asRoot)('nothing below Porthole runs as root', () => {
    expect(processes.filter((p) => p.uid === 0 && p.state !== 'Z')).toEqual([]);
  });

  // Pods are kept apart by namespaces: all have the user of their image.
  test.runIf(asRoot && isLocal)('each sandbox runs as a user of its own', () => {
    const users = browsersAmong(processes).map((p) => p.uid);
    expect(new Set(users).size).toBe(users.length);
  });

  test('no secret stands in a command line', () => {
    const commands = processes.map((p) => p.command).join('\n');
    expect(commands).not.toContain(world.api.apiKey);
  });

  test('files with secrets are for their owner only', () => {
    for (const file of world.secretFiles()) expect(statSync(file).mode & 0o077, file).toBe(0);
  });
});
