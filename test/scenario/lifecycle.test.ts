import { readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { attach } from '../support/cdp-client.ts';
import { createPlace, startEmbeddedWorld, type EmbeddedWorld } from '../support/embedded-world.ts';
import { patience } from '../support/patience.ts';
import { stillRunning } from '../support/process-table.ts';
import { isEmbedded } from '../support/world.ts';

function isListening(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

async function listeningOf({ apiUrl, gatewayUrl, metricsUrl }: EmbeddedWorld): Promise<boolean[]> {
  return Promise.all([apiUrl, gatewayUrl, metricsUrl].map(isListening));
}

/** Everything below the data folder and the temporary folder but what is meant to stay. */
function filesLeft({ place }: Pick<EmbeddedWorld, 'place'>): string[] {
  const meantToStay = /^(api-key|token\.key|ticket\.key|state\.json|compile-cache(\/.*)?|node|blobs)$/;
  const below = (folder: string): string[] => readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return [...below(place.dataDir).filter((name) => !meantToStay.test(name)), ...below(place.tempDir)];
}

/** One session in use, one idle, and whatever is warm. */
async function keepBusy(world: EmbeddedWorld): Promise<void> {
  const [used] = [await world.api.create(), await world.api.create()];
  const client = await attach(used.cdpUrl);
  await client.call('Target.createTarget', { url: 'about:blank' });
}

describe.runIf(isEmbedded)('Porthole on this machine', () => {
  test.each(['Ctrl-C', 'SIGINT', 'SIGTERM'] as const)(
    '%s ends everything: no process, port or folder is left',
    async (signal) => {
      await using world = await startEmbeddedWorld();
      await keepBusy(world);
      const family = world.processes();
      expect(family.length).toBeGreaterThan(5);
      expect(await listeningOf(world)).toEqual([true, true, true]);
      await world.stop(signal);
      expect(stillRunning(family)).toEqual([]);
      expect(await listeningOf(world)).toEqual([false, false, false]);
      expect(filesLeft(world)).toEqual([]);
    },
  );

  test('killed with -9, the next start clears away what was left', async () => {
    await using place = await createPlace();
    const first = await startEmbeddedWorld({ place });
    await keepBusy(first);
    const family = first.processes();
    await first.stop('SIGKILL');
    await using second = await startEmbeddedWorld({ place, warm: { min: 0, max: 0 } });
    await vi.waitFor(() => expect(stillRunning(family)).toEqual([]), patience);
    expect(await second.api.list()).toEqual([]);
    expect(await second.countSandboxes()).toBe(0);
    await second.stop('SIGINT');
    expect(filesLeft(second)).toEqual([]);
  });

  test('a restart keeps the API key and the accounts', async () => {
    await using place = await createPlace();
    const otherKey = 'key-of-an-account-that-stays';
    const accounts = [{ name: 'staying', apiKey: otherKey, maxConcurrentSessions: 1 }];
    const first = await startEmbeddedWorld({ place, accounts });
    const { apiKey } = first.api;
    const gone = await first.api.create();
    await first.stop('SIGINT');
    rmSync(join(place.dataDir, 'objects'), { recursive: true });

    await using second = await startEmbeddedWorld({ place });
    expect(second.api.apiKey).toBe(apiKey);
    expect(await second.api.list()).toEqual([]);
    expect(await second.api.statusOf(gone.id)).toBe(404);
    const other = second.as(otherKey);
    await other.create();
    expect((await other.call('POST', '/api/v1/browser/sessions')).problem()).toMatchObject({ limit: 1, current: 1 });
  });
});
