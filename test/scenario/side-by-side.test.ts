import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { attach, refusalOf } from '../support/cdp-client.ts';
import { spawnEmbedded, startEmbeddedWorld } from '../support/embedded-world.ts';
import { isEmbedded } from '../support/world.ts';

describe.runIf(isEmbedded)('two instances on one machine', () => {
  test('with two data folders have sessions, keys and browsers of their own', async () => {
    const [a, b] = await Promise.all([startEmbeddedWorld(), startEmbeddedWorld()]);
    await using _a = a;
    await using _b = b;
    expect(a.api.apiKey).not.toBe(b.api.apiKey);
    expect(new Set([a.apiUrl, a.gatewayUrl, a.metricsUrl, b.apiUrl, b.gatewayUrl, b.metricsUrl]).size).toBe(6);

    const [inA, inB] = await Promise.all([a.api.create(), b.api.create()]);
    expect((await a.api.list()).map((s) => s.id)).toEqual([inA.id]);
    expect((await b.api.list()).map((s) => s.id)).toEqual([inB.id]);
    expect(await a.api.statusOf(inB.id)).toBe(404);
    expect((await a.as(b.api.apiKey).call('GET', '/api/v1/browser/sessions')).status).toBe(401);

    const elsewhere = new URL(inA.cdpUrl);
    elsewhere.host = new URL(inB.cdpUrl).host;
    expect([401, 404]).toContain(await refusalOf(elsewhere.toString()));

    await using clientA = await attach(inA.cdpUrl);
    await a.stop('SIGINT');
    expect([1001, 1012]).toContain((await clientA.closed).code);
    await using clientB = await attach(inB.cdpUrl);
    expect(await clientB.call('Browser.getVersion')).toHaveProperty('product');
  });

  test('do not share a data folder: the second says so and leaves the first alone', async () => {
    await using world = await startEmbeddedWorld();
    const second = spawnEmbedded(world.place, { PORTHOLE_API_PORT: '0' });
    let said = '';
    second.stderr?.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
    await once(second, 'close');
    expect(second.exitCode).not.toBe(0);
    expect(said).toContain(`${world.place.dataDir} is in use`);
    expect(said).not.toMatch(/\bat .*:\d+:\d+/);
    const session = await world.api.create();
    await world.api.end(session.id);
  });
});
