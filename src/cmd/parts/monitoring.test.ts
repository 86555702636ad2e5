import { once } from 'node:events';
import { connect } from 'node:net';
import { Counter, Gauge, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../test/support/fakes.ts';
import { startMonitoring, type Monitoring, type MonitoringOptions } from './monitoring.ts';

const start = (over: Partial<MonitoringOptions> = {}): Promise<Monitoring> =>
  startMonitoring({
    host: '127.0.0.1',
    port: 0,
    registry: new Registry(),
    notReadyBecause: () => undefined,
    refusePeer: () => false,
    logger: silentLogger,
    ...over,
  });
const get = async ({ port }: Monitoring, path: string): Promise<readonly [number, string, string]> => {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`);
  return [answer.status, await answer.text(), answer.headers.get('content-type') ?? ''];
};

describe('monitoring', () => {
  it('gives metrics in the format of Prometheus', async () => {
    const registry = new Registry();
    new Counter({ name: 'things_total', help: 'Things.', registers: [registry] }).inc(3);
    await using monitoring = await start({ registry });
    const [status, body, type] = await get(monitoring, '/metrics?name=x');
    expect([status, type]).toEqual([200, registry.contentType]);
    expect(body).toContain('things_total 3');
  });

  it('is alive at once, and ready when nothing speaks against it', async () => {
    let because: string | undefined = 'The operator is starting.';
    await using monitoring = await start({ notReadyBecause: () => because });
    expect((await get(monitoring, '/healthz'))[0]).toBe(200);
    expect((await get(monitoring, '/readyz')).slice(0, 2)).toEqual([503, 'The operator is starting.\n']);
    because = undefined;
    expect((await get(monitoring, '/readyz')).slice(0, 2)).toEqual([200, 'ok\n']);
  });

  it.each(['/', '/metricsx', '/constructor', '/__proto__', '//metrics'])('knows no %s', async (path) => {
    await using monitoring = await start();
    expect((await get(monitoring, path))[0]).toBe(404);
  });

  it('answers 500 when a metric cannot be read, and goes on', async () => {
    const registry = new Registry();
    const collect = (): never => {
      throw new Error('secret detail');
    };
    new Gauge({ name: 'broken', help: 'Broken.', registers: [registry], collect });
    await using monitoring = await start({ registry });
    const [status, body] = await get(monitoring, '/metrics');
    expect(status).toBe(500);
    expect(body).not.toContain('secret');
    expect((await get(monitoring, '/healthz'))[0]).toBe(200);
  });

  it('hangs up on peers that may not ask', async () => {
    await using monitoring = await start({ refusePeer: (address) => address === '127.0.0.1' });
    await expect(get(monitoring, '/healthz')).rejects.toThrow();
  });

  it('says so when its port is taken', async () => {
    await using monitoring = await start();
    await expect(start({ port: monitoring.port })).rejects.toThrow(/EADDRINUSE/);
  });

  it('ends though a client stays connected', async () => {
    const monitoring = await start();
    const client = connect(monitoring.port, '127.0.0.1');
    await once(client, 'connect');
    client.write('GET /healthz HTTP/1.1\r\n');
    await monitoring[Symbol.asyncDispose]();
    client.destroy();
  });
});
