import { describe, expect, it } from 'vitest';
import { createSteppedClock } from '../lib/clock.ts';
import { createResolver, lookupBySystem, type Lookup } from './resolve.ts';

const clock = createSteppedClock();
const refuseToLookUp: Lookup = (host) => Promise.reject(new Error(`asked for ${host}`));

describe('createResolver', () => {
  it.each([
    ['127.0.0.1', ['127.0.0.1']],
    ['::1', ['::1']],
    ['localhost', ['127.0.0.1', '::1']],
    ['localhost.', ['127.0.0.1', '::1']],
    ['app.localhost', ['127.0.0.1', '::1']],
  ])('knows %s without asking', async (host, addresses) => {
    const resolve = createResolver({ lookup: refuseToLookUp, clock, timeoutMs: 100 });
    expect(await resolve(host)).toEqual(addresses);
  });
  it('asks for any other name, those that only look local included', async () => {
    const resolve = createResolver({ lookup: (host) => Promise.resolve([host]), clock, timeoutMs: 100 });
    expect(await resolve('notlocalhost')).toEqual(['notlocalhost']);
    expect(await resolve('localhost.example')).toEqual(['localhost.example']);
  });
  it('asks once for those who ask at the same time, and again for who asks later', async () => {
    const answers = [['1.1.1.1'], ['2.2.2.2']];
    let asked = 0;
    const resolve = createResolver({ lookup: () => Promise.resolve(answers[asked++] ?? []), clock, timeoutMs: 100 });
    expect(await Promise.all([resolve('a.example'), resolve('a.example')])).toEqual([['1.1.1.1'], ['1.1.1.1']]);
    expect(await resolve('a.example')).toEqual(['2.2.2.2']);
  });
  it('says dns_failure for an error and for no address, and forgets both', async () => {
    const answers = [
      () => Promise.reject(new Error('ENOTFOUND')),
      () => Promise.resolve([]),
      () => Promise.resolve(['1.1.1.1']),
    ];
    const resolve = createResolver({ lookup: () => answers.shift()?.() ?? Promise.resolve([]), clock, timeoutMs: 100 });
    await expect(resolve('a.example')).rejects.toMatchObject({ code: 'dns_failure' });
    await expect(resolve('a.example')).rejects.toMatchObject({ code: 'dns_failure' });
    expect(await resolve('a.example')).toEqual(['1.1.1.1']);
  });
  it('says timeout when the answer does not come', async () => {
    const resolve = createResolver({ lookup: () => new Promise(() => undefined), clock, timeoutMs: 100 });
    const asked = expect(resolve('a.example')).rejects.toMatchObject({ code: 'timeout' });
    await clock.step(100);
    await asked;
  });
});

describe('lookupBySystem', () => {
  it('reads the hosts file', async () => {
    expect(await lookupBySystem('localhost')).toContain('127.0.0.1');
  });
});
