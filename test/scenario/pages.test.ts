import { afterAll, expect, test, vi } from 'vitest';
import { attach } from '../support/cdp-client.ts';
import { startPageServer } from '../support/page-server.ts';
import { patience } from '../support/patience.ts';
import { startWorld } from '../support/world.ts';

const world = await startWorld();
const server = await startPageServer(world.pageHost);
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

test('a session tells the truth about its pages', async () => {
  const { id, cdpUrl } = await world.api.create();
  const pages = async () => (await world.api.read(id)).pages;
  const untilPagesAre = (expected: object[]) =>
    vi.waitFor(async () => {
      const seen = [...(await pages())].sort((a, b) => a.url.localeCompare(b.url));
      expect(seen).toEqual(expected);
    }, patience);

  // A sandbox that is too busy to answer in time is read without its pages.
  const [blank, ...none] = await vi.waitFor(async () => {
    const seen = await pages();
    expect(seen).not.toEqual([]);
    return seen;
  }, patience);
  expect(none).toEqual([]);
  expect(blank).toMatchObject({ active: true });

  await using client = await attach(cdpUrl);
  const open = async (path: string): Promise<string> =>
    (await client.call<{ targetId: string }>('Target.createTarget', { url: `${server.url}${path}` })).targetId;
  const entry = (pageId: string, path: string, active: boolean) => ({
    pageId,
    url: `${server.url}${path}`,
    title: `Page /${path}`,
    active,
  });
  await client.call('Target.closeTarget', { targetId: blank?.pageId }).catch(() => undefined);
  const first = await open('a');
  await untilPagesAre([entry(first, 'a', true)]);
  const second = await open('b');
  await untilPagesAre([entry(first, 'a', false), entry(second, 'b', true)]);
  await client.call('Target.activateTarget', { targetId: first });
  await untilPagesAre([entry(first, 'a', true), entry(second, 'b', false)]);
  await client.call('Target.closeTarget', { targetId: first });
  await untilPagesAre([entry(second, 'b', true)]);
  await world.api.end(id);
});

test('popups, tabs behind, crashed tabs and closed ones are listed as what they are', async () => {
  const { id, cdpUrl } = await world.api.create();
  const seen = async (): Promise<Record<string, boolean>> =>
    Object.fromEntries((await world.api.read(id)).pages.map(({ pageId, active }) => [pageId, active]));
  const until = (expected: Record<string, boolean>) =>
    vi.waitFor(async () => expect(await seen()).toEqual(expected), patience);
  await using client = await attach(cdpUrl);
  const create = async (options: object): Promise<string> =>
    (await client.call<{ targetId: string }>('Target.createTarget', { url: `${server.url}tab`, ...options })).targetId;
  const targets = async (): Promise<string[]> => {
    const { targetInfos } = await client.call<{ targetInfos: { targetId: string; type: string }[] }>(
      'Target.getTargets',
    );
    return targetInfos.filter(({ type }) => type === 'page').map(({ targetId }) => targetId);
  };

  // An agent that does not answer in time has no pages to tell of.
  const first = await vi.waitUntil(async () => Object.keys(await seen())[0], patience);
  const behind = await create({ background: true });
  await until({ [first]: true, [behind]: false });

  const { sessionId } = await client.call<{ sessionId: string }>('Target.attachToTarget', {
    targetId: first,
    flatten: true,
  });
  const expression = `void (window.popup = open('${server.url}popup', '_blank', 'width=300,height=200'))`;
  await client.call('Runtime.evaluate', { expression, userGesture: true }, sessionId);
  const popup = await vi.waitUntil(
    async () => (await targets()).find((targetId) => ![first, behind].includes(targetId)),
    patience,
  );
  await until({ [first]: false, [behind]: false, [popup]: true });
  await client.call('Runtime.evaluate', { expression: 'popup.close()' }, sessionId);
  await until({ [first]: true, [behind]: false });

  // A crashed tab is an open one, with nothing in it.
  const crashing = await client.call<{ sessionId: string }>('Target.attachToTarget', {
    targetId: behind,
    flatten: true,
  });
  client.call('Page.crash', {}, crashing.sessionId).catch(() => undefined);
  await until({ [first]: true, [behind]: false });
  await client.call('Target.closeTarget', { targetId: behind });
  await until({ [first]: true });
  await world.api.end(id);
});
