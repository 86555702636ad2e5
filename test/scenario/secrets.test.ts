import { expect, test } from 'vitest';
import { attach, refusalOf } from '../support/cdp-client.ts';
import { patience } from '../support/patience.ts';
import { startWorld } from '../support/world.ts';

const otherKey = 'key-of-another-account-that-nobody-may-read';

test('no key, token or password gets into the log, not even at its most talkative', async () => {
  await using world = await startWorld({
    warm: { min: 1, max: 1 },
    logLevel: 'trace',
    accounts: [{ name: 'other', apiKey: otherKey }],
  });
  const session = await world.api.create();
  const other = await world.as(otherKey).create();
  const tokenOf = (url: string): string => new URL(url).searchParams.get('token') ?? '';
  const link = await world.api.call('GET', `/browser/sessions/${session.id}/live-view?readOnly=true`);
  const tokens = [session.cdpUrl, session.liveViewUrl, other.cdpUrl, (link.json() as { url: string }).url].map(tokenOf);

  await using client = await attach(session.cdpUrl);
  await client.call('Browser.getVersion');
  await fetch(session.cdpUrl.replace(/^ws/, 'http').replace('?', '/json/version?'));
  await fetch(session.liveViewUrl);
  const keyless = new URL(session.cdpUrl);
  keyless.searchParams.delete('token');
  await using byKey = await attach(keyless.href, { authorization: `Bearer ${world.api.apiKey}` });
  await byKey.call('Browser.getVersion');
  const wrongToken = `${session.id}.cdp.zzzzzz.a-forged-signature-that-is-still-a-secret-of-somebody`;
  keyless.searchParams.set('token', wrongToken);
  await refusalOf(keyless.href);
  await world.as('wrong-key-that-may-be-right-elsewhere').call('GET', '/browser/sessions');
  const proxied = await world.api.call('POST', `/browser/sessions?token=${tokens[0] ?? ''}`, {
    proxyUrl: 'http://user:hunter2@h:1',
  });
  expect(proxied.status, proxied.text).toBe(201);
  await world.api.end(proxied.session().id);
  await world.api.call('POST', '/browser/sessions', undefined, {
    rawBody: `{"proxyUrl": "http://user:hunter2@h:1`,
    headers: { 'content-type': 'application/json' },
  });
  await world.api.end(session.id);
  await client.closed;

  // The greeting shows the key to whoever started it: people's text. The log is lines of JSON.
  await expect.poll(() => world.log(), patience).toContain(session.id);
  const log = world
    .log()
    .split('\n')
    .filter((line) => line.startsWith('{'));
  expect(log.length).toBeGreaterThan(10);
  for (const secret of [
    world.api.apiKey,
    otherKey,
    ...tokens,
    wrongToken,
    'wrong-key-that-may-be-right-elsewhere',
    'hunter2',
  ]) {
    expect(log.filter((line) => line.includes(secret))).toEqual([]);
  }
});
