import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { attach, type CdpClient } from '../support/cdp-client.ts';
import { buildCrx3, buildZip, makeCrxKey, manifestOf, packFiles, type ZipFile } from '../support/packed-extension.ts';
import { startPageServer } from '../support/page-server.ts';
import { patience } from '../support/patience.ts';
import { startWorld } from '../support/world.ts';

interface Extension {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly manifestVersion: number;
  readonly size: number;
  readonly sha256: string;
  readonly chromiumId: string;
  readonly createdAt: number;
}

const world = await startWorld({
  warm: { min: 1, max: 2 },
  accounts: [{ name: 'other', apiKey: 'key-of-another' }],
});
const server = await startPageServer(world.pageHost);
const other = world.as('key-of-another');
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

/** Marks every page, and answers what its service worker is asked. */
const marking = (mark: string, more: object = {}): readonly ZipFile[] => [
  manifestOf({
    name: `Marks ${mark}`,
    background: { service_worker: 'sw.js' },
    content_scripts: [{ matches: ['http://*/*'], js: ['mark.js'], run_at: 'document_start' }],
    ...more,
  }),
  { name: 'sw.js', content: `self.mark = ${JSON.stringify(mark)}; self.two = 1 + 1;` },
  { name: 'mark.js', content: `document.documentElement.dataset[${JSON.stringify(mark)}] = chrome.runtime.id;` },
];
const zip = buildZip(marking('zip'));
const crx = buildCrx3(buildZip(marking('crx')), { keys: [makeCrxKey('rsa')] });

async function post(bytes: Buffer, apiKey = world.api.apiKey, headers: Record<string, string> = {}): Promise<Response> {
  const form = new FormData();
  form.set('file', new Blob([new Uint8Array(bytes)]), 'extension.zip');
  return fetch(`${world.apiUrl}/api/v1/browser/extensions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, ...headers },
    body: form,
  });
}
async function upload(bytes: Buffer): Promise<Extension> {
  const answer = await post(bytes);
  expect([200, 201]).toContain(answer.status);
  return (await answer.json()) as Extension;
}

/** What the marks of a fresh page say: mark → id of the extension that has set it. */
async function marksOf(client: CdpClient): Promise<Record<string, string>> {
  const { targetId } = await client.call<{ targetId: string }>('Target.createTarget', { url: `${server.url}marked` });
  const { sessionId } = await client.call<{ sessionId: string }>('Target.attachToTarget', { targetId, flatten: true });
  const expression =
    'document.readyState === "complete" && location.href !== "about:blank" && {...document.documentElement.dataset}';
  return vi.waitFor(async () => {
    const { result } = await client.call<{ result: { value: false | Record<string, string> } }>(
      'Runtime.evaluate',
      { expression, returnByValue: true },
      sessionId,
    );
    if (result.value === false) throw new Error('the page is loading');
    return result.value;
  }, patience);
}

/** What the service worker of an extension evaluates an expression to. */
async function askWorker(client: CdpClient, chromiumId: string, expression: string): Promise<unknown> {
  const url = `chrome-extension://${chromiumId}/sw.js`;
  // A browser starts the workers of what it has loaded a moment later.
  const targetId = await vi.waitFor(async () => {
    const { targetInfos } = await client.call<{ targetInfos: { targetId: string; url: string }[] }>(
      'Target.getTargets',
      { filter: [{ type: 'service_worker' }] },
    );
    const found = targetInfos.find((target) => target.url === url)?.targetId;
    expect(found, `a worker at ${url}`).toBeDefined();
    return found;
  }, patience);
  const { sessionId } = await client.call<{ sessionId: string }>('Target.attachToTarget', { targetId, flatten: true });
  // One that has only just been started has not run its script yet.
  return vi.waitFor(async () => {
    const { result } = await client.call<{ result: { value: unknown } }>('Runtime.evaluate', { expression }, sessionId);
    expect(result.value, `${expression} in the worker of ${chromiumId}`).toBeDefined();
    return result.value;
  }, patience);
}

describe('extensions', () => {
  test('are loaded into a session, their scripts and service workers run, and their ids are the same in the next one', async () => {
    const [first, second] = [await upload(zip), await upload(crx)];
    const expected = { zip: first.chromiumId, crx: second.chromiumId };
    for (const round of [1, 2]) {
      const session = await world.api.create({ extensions: [first.id, second.id, first.id] });
      expect(session.extensions, `round ${round}`).toEqual([first.id, second.id]);
      await using client = await attach(session.cdpUrl);
      expect(await marksOf(client)).toMatchObject(expected);
      expect(await askWorker(client, first.chromiumId, 'self.mark + self.two')).toBe('zip2');
      expect(await askWorker(client, second.chromiumId, 'self.mark + chrome.runtime.id')).toBe(
        `crx${second.chromiumId}`,
      );
      await world.api.end(session.id);
    }
  });

  test('of other sessions are not in one without any', async () => {
    await upload(zip);
    const session = await world.api.create();
    await using client = await attach(session.cdpUrl);
    expect(await marksOf(client)).not.toHaveProperty('zip');
    await world.api.end(session.id);
  });

  test('that are deleted stay in the sessions that run, and are unknown to the next', async () => {
    const extension = await upload(buildZip(marking('kept')));
    const session = await world.api.create({ extensions: [extension.id] });
    const deleted = await world.api.call('DELETE', `/browser/extensions/${extension.id}`);
    expect(deleted.status).toBe(204);
    expect((await world.api.call('GET', `/browser/extensions/${extension.id}`)).status).toBe(404);
    expect((await world.api.call('DELETE', `/browser/extensions/${extension.id}`)).status).toBe(404);
    await using client = await attach(session.cdpUrl);
    expect(await marksOf(client)).toHaveProperty('kept');
    await world.api.end(session.id);
    const refused = await world.api.call('POST', '/browser/sessions', { extensions: [extension.id] });
    expect(refused.status).toBe(400);
    expect(refused.problem().message).toContain(extension.id);
  });

  test.each<[string, object, RegExp]>([
    ['Thoroughly broken', { content_scripts: [{ matches: ['nonsense'], js: ['a.js'] }] }, /"Thoroughly broken"/],
    ['Of yesterday', { manifest_version: 2 }, /"Of yesterday".*manifest version/],
  ])('that the browser refuses fail the session by their name, and nothing is left: %s', async (name, more, why) => {
    const extension = await upload(buildZip([manifestOf({ name, ...more }), { name: 'a.js', content: '' }]));
    const good = await upload(zip);
    const answer = await world.api.call('POST', '/browser/sessions', { extensions: [good.id, extension.id] });
    expect(answer.status).toBe(503);
    expect(answer.problem()).toMatchObject({ code: 'sandbox_failed' });
    expect(answer.problem().message).toMatch(why);
    expect(await world.api.list()).toEqual([]);
    // Its sandbox goes, and the pool is as it was.
    await world.api.end((await world.api.create()).id);
  });

  test('are no more than twenty in a session', async () => {
    const answer = await world.api.call('POST', '/browser/sessions', {
      extensions: Array.from({ length: 21 }, (_, i) => `e${i}`),
    });
    expect(answer.status).toBe(400);
    expect(answer.problem().message).toContain('20');
  });

  test('can be twenty in a session, all of which run', async () => {
    const extensions: Extension[] = [];
    for (let i = 0; i < 20; i += 1) extensions.push(await upload(buildZip(marking(`n${i}`))));
    const session = await world.api.create({ extensions: extensions.map(({ id }) => id) });
    await using client = await attach(session.cdpUrl);
    const marks = await marksOf(client);
    expect(Object.keys(marks).toSorted()).toEqual(extensions.map((_, i) => `n${i}`).toSorted());
    await world.api.end(session.id);
  });
});

describe('an upload', () => {
  beforeAll(async () => {
    const { extensions } = (await world.api.call('GET', '/browser/extensions')).json() as { extensions: Extension[] };
    for (const { id } of extensions) await world.api.call('DELETE', `/browser/extensions/${id}`);
  });

  test('says what was found, and is the same extension again when it has the same bytes', async () => {
    const created = await post(zip);
    expect(created.status).toBe(201);
    const extension = (await created.json()) as Extension;
    expect(extension).toMatchObject({
      name: 'Marks zip',
      version: '1.0',
      manifestVersion: 3,
      size: zip.length,
      sha256: createHash('sha256').update(zip).digest('hex'),
    });
    expect(Math.abs(extension.createdAt - Date.now())).toBeLessThan(60_000);
    const again = await world.api.call('POST', '/browser/extensions', { file: zip.toString('base64') });
    expect(again.status).toBe(200);
    expect(again.json()).toEqual(extension);
    expect((await world.api.call('GET', `/browser/extensions/${extension.id}`)).json()).toEqual(extension);
    expect((await world.api.call('GET', '/browser/extensions')).json()).toEqual({ extensions: [extension] });
  });

  test('may give the extension another name', async () => {
    const file = buildZip(marking('named')).toString('base64');
    const answer = await world.api.call('POST', '/browser/extensions', { name: 'Mine', file });
    expect(answer.status).toBe(201);
    expect(answer.json()).toMatchObject({ name: 'Mine' });
  });

  test('with an Idempotency-Key gets the first answer again, and a conflict with another file', async () => {
    const headers = { 'idempotency-key': 'upload-1' };
    const file = buildZip(marking('keyed'));
    const first = await post(file, world.api.apiKey, headers);
    const second = await post(file, world.api.apiKey, headers);
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(await second.json()).toEqual(await first.json());
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    expect((await post(zip, world.api.apiKey, headers)).status).toBe(409);
  });

  test("is nobody else's", async () => {
    const { id } = await upload(zip);
    expect((await other.call('GET', `/browser/extensions/${id}`)).status).toBe(404);
    expect((await other.call('DELETE', `/browser/extensions/${id}`)).status).toBe(404);
    expect((await other.call('GET', '/browser/extensions')).json()).toEqual({ extensions: [] });
    const refused = await other.call('POST', '/browser/sessions', { extensions: [id] });
    expect(refused.status).toBe(400);
    expect(refused.problem().message).toContain(id);
    const theirs = await post(zip, 'key-of-another');
    expect(theirs.status).toBe(201);
    expect(((await theirs.json()) as Extension).id).not.toBe(id);
    expect((await world.api.call('GET', `/browser/extensions/${id}`)).status).toBe(200);
    expect((await post(zip, 'nobody')).status).toBe(401);
  });

  test.each<[string, Buffer, RegExp]>([
    ['no archive', Buffer.from('hello'), /neither a zip archive nor a CRX/],
    ['no manifest', packFiles({ 'a.js': '' }), /manifest\.json/],
    ['a path that leads out', buildZip([manifestOf(), { name: '../evil.js' }]), /evil\.js/],
    [
      'a symbolic link',
      buildZip([manifestOf(), { name: 'x', content: '/etc/passwd', mode: 0o120_777 }]),
      /symbolic link/,
    ],
    ['a bomb', buildZip([manifestOf(), { name: 'x', content: Buffer.alloc(40 * 2 ** 20) }]), /100 times/],
    ['a forged signature', Buffer.concat([crx.subarray(0, -1), Buffer.from([1])]), /not genuine/],
    ['nothing', Buffer.alloc(0), /empty/],
  ])('of %s is a 400 that says so', async (_, bytes, why) => {
    const answer = await post(bytes);
    expect(answer.status).toBe(400);
    expect(((await answer.json()) as { error: { message: string } }).error.message).toMatch(why);
  });

  test('of more than 50 MiB is a 413', async () => {
    expect((await post(Buffer.alloc(51 * 2 ** 20, 'PK'))).status).toBe(413);
  });

  test.each([
    ['text/plain', 'hello', 415],
    ['application/json', '{"file": 7}', 400],
    ['application/json', '{"file": "%%%"}', 400],
    ['application/json', '{"archive": "AAAA"}', 400],
    ['application/json', '{', 400],
    ['multipart/form-data', 'x', 415],
    ['multipart/form-data; boundary=x', 'x', 400],
    ['multipart/form-data; boundary=x', '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n', 400],
  ])('as %s of %j is answered %d', async (type, rawBody, status) => {
    const options = { rawBody, headers: { 'content-type': type } };
    expect((await world.api.call('POST', '/browser/extensions', undefined, options)).status).toBe(status);
  });
});
