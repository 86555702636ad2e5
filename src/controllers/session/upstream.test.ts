import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startFakeNode } from '../../../test/support/fakes.ts';
import { Bench, named } from '../../../test/support/operator-bench.ts';
import { patience } from '../../../test/support/patience.ts';
import { browserSessions } from '../../api/v1alpha1/browser-session.ts';
import { apiVersion } from '../../api/v1alpha1/group.ts';
import { proxyProviders, type ProxyProvider } from '../../api/v1alpha1/proxy-provider.ts';
import { secrets } from '../../kube/builtins.ts';
import type { NewObject } from '../../lib/object-meta.ts';
import type { BindWish } from '../../sandbox/port.ts';
import type { TrafficFacts } from './traffic.ts';

const url = 'http://u:hunter2@proxy.example.com:1';
const told: (BindWish['upstream'] | undefined)[] = [];
const counted: TrafficFacts[] = [];
let bench: Bench;
beforeEach(async () => {
  bench = new Bench({ hooks: { traffic: (facts) => void counted.push(facts) } });
  startFakeNode(bench.store, { signal: bench.stop.signal });
  const bind = bench.agents.bind.bind(bench.agents);
  bench.agents.bind = (sandbox, wish, signal) => {
    told.push(wish.upstream);
    return bind(sandbox, wish, signal);
  };
  await bench.account();
  await bench.pool({ warm: { min: 1, max: 1 } });
});
afterEach(async () => {
  told.length = 0;
  counted.length = 0;
  await bench[Symbol.asyncDispose]();
});

const secret = (name: string, data: Record<string, string>) =>
  bench.store.create(secrets, {
    ...{ apiVersion: 'v1', kind: 'Secret', metadata: named(name) },
    data: Object.fromEntries(Object.entries(data).map(([key, text]) => [key, btoa(text)])),
  });
const raw = { proxyUrlSecretRef: { name: 'mine', key: 'url' } };
const conditionOf = async (name: string, type: string): Promise<string | undefined> => {
  const session = (await bench.sessions()).find(({ metadata }) => metadata.name === name);
  const found = session?.status?.conditions?.find((condition) => condition.type === type);
  return found && `${found.status} ${found.reason}: ${found.message}`;
};

describe('a session with a proxy', () => {
  it('has its sandbox told of the URL in its Secret, which may come after it, and of nothing in its status', async () => {
    await bench.session('s', raw);
    await secret('mine', { url: `${url}\n` });
    const ready = await bench.phase('s', 'Ready');
    expect(told).toEqual([{ template: url, isInternalAllowed: false }]);
    expect(JSON.stringify(ready)).not.toContain('hunter2');
    expect(await conditionOf('s', 'ProxyReady')).toMatch(/^Unknown Probing/);
  });

  it('has a managed one filled in from the Secret of the provider', async () => {
    const spec = {
      locations: { de: 'http://{username}-{session}:{password}@p.example.com:1' },
      credentialsSecretRef: { name: 'acme' },
    };
    const provider = { apiVersion, kind: 'ProxyProvider', metadata: named('acme'), spec };
    await bench.store.create(proxyProviders, provider as unknown as NewObject<ProxyProvider>);
    await secret('acme', { username: 'me', password: 'a/b' });
    await bench.session('s', { proxy: { location: 'de', sticky: true } });
    const { metadata } = await bench.phase('s', 'Ready');
    const identity = metadata.uid.replaceAll('-', '').slice(0, 12);
    const template = 'http://me-{session}:a%2Fb@p.example.com:1';
    expect(told).toEqual([{ template, identity, isInternalAllowed: false }]);
  });

  it.each([
    [raw, 'Secret mine, which the proxy needs, has no key url.', { other: 'x' }],
    [raw, 'Key url of Secret mine holds no http, https, socks4 or socks5 URL.', { url: 'ws://x/?token=hunter2' }],
    [{ proxy: { location: 'fr' } }, 'spec.proxy: unknown location', undefined],
  ])('%j ends when that cannot be had, in words', async (spec, why, data) => {
    if (data) await secret('mine', data);
    await bench.session('s', spec);
    const ended = await bench.phase('s', 'Ended');
    expect(ended.status).toMatchObject({ endReason: 'CapabilityUnavailable' });
    expect(await conditionOf('s', 'Ended')).toContain(why.replace('unknown location', 'none is configured'));
    expect(JSON.stringify(ended)).not.toContain('hunter2');
    expect(told).toEqual([]);
  });

  it('ends when the Secret of the provider is missing, and names it', async () => {
    const spec = {
      locations: { de: 'http://{username}@p.example.com:1' },
      credentialsSecretRef: { name: 'nowhere' },
    };
    const provider = { apiVersion, kind: 'ProxyProvider', metadata: named('acme'), spec };
    await bench.store.create(proxyProviders, provider as unknown as NewObject<ProxyProvider>);
    await bench.session('s', { proxy: { location: 'de' } });
    const ended = await bench.phase('s', 'Ended');
    expect(ended.status).toMatchObject({ endReason: 'CapabilityUnavailable' });
    expect(await conditionOf('s', 'Ended')).toContain('Secret nowhere');
    expect(told).toEqual([]);
  });

  it('says how the proxy fares once its sandbox knows, and what went through; both are counted', async () => {
    await secret('mine', { url });
    await bench.session('s', raw);
    await bench.phase('s', 'Ready');
    bench.agents.self = {
      upstream: { state: 'failed', problem: 'authentication_failed' },
      traffic: { bytesIn: 100, bytesOut: 10 },
    };
    const failed = /^False UpstreamAuthenticationFailed/;
    await vi.waitFor(async () => expect(await conditionOf('s', 'ProxyReady')).toMatch(failed), patience);
    const [session] = await bench.sessions();
    expect(session?.status?.traffic).toEqual({ bytesIn: 100, bytesOut: 10 });
    bench.agents.self = { traffic: { bytesIn: 150, bytesOut: 10 } };
    await bench.store.delete(browserSessions, named('s'));
    const whose = { account: 'a', pool: 'default' };
    const all = [
      { ...whose, bytesIn: 100, bytesOut: 10 },
      { ...whose, bytesIn: 50, bytesOut: 0 },
    ];
    await vi.waitFor(() => expect(counted).toEqual(all), patience);
  });
});

it('a session without a proxy is bound at once, and what it sent is counted when it ends', async () => {
  await bench.session('s');
  await bench.phase('s', 'Ready');
  expect(await conditionOf('s', 'ProxyReady')).toBeUndefined();
  bench.agents.self = { traffic: { bytesIn: 7, bytesOut: 3 } };
  await bench.store.delete(browserSessions, named('s'));
  await vi.waitFor(
    () => expect(counted).toEqual([{ account: 'a', pool: 'default', bytesIn: 7, bytesOut: 3 }]),
    patience,
  );
});
