import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { afterEach, expect, it } from 'vitest';
import { createMemoryBlobs } from '../../test/support/memory-blobs.ts';
import { startFacadeWorld, type FacadeWorld } from '../../test/support/facade-world.ts';
import { buildZip, manifestOf } from '../../test/support/packed-extension.ts';
import { maxPackedExtensionBytes } from '../api/agent/contract.ts';
import { extensionList, extensionView, type ExtensionView } from '../api/rest/extension.ts';
import { browserExtensions } from '../api/v1alpha1/browser-extension.ts';
import { createNoBlobs } from '../blobs/no-blobs.ts';
import { extensionBlobKey } from '../core/extension/blob-key.ts';
import type { FacadeOptions } from './options.ts';

const path = '/api/v1/browser/extensions';
const zip = buildZip([manifestOf({ permissions: ['storage'], host_permissions: ['https://a.example/*'] })]);
const body = { file: zip.toString('base64') };

let world: FacadeWorld;
const start = async (options: Partial<FacadeOptions> = {}): Promise<void> =>
  void (world = await startFacadeWorld(options));
afterEach(() => world[Symbol.asyncDispose]());

it('an upload is kept by its hash, and its object says what was found', async () => {
  const blobs = createMemoryBlobs();
  await start({ blobs });
  const answer = await world.api.call('POST', path, body);
  expect(answer.status).toBe(201);
  const view = extensionView.parse(answer.json());
  expect(view).toMatchObject({ permissions: ['storage'], hostPermissions: ['https://a.example/*'] });
  expect(await blobs.head(extensionBlobKey(view.sha256))).toMatchObject({ size: zip.length });
  const object = await world.store.get(browserExtensions, { namespace: 'default', name: view.id });
  expect(object?.spec).toMatchObject({ sha256: view.sha256, size: zip.length, chromiumId: view.chromiumId });
});

it('of uploads of the same bytes at once one makes the extension, and all name it', async () => {
  await start();
  const answers = await Promise.all(Array.from({ length: 8 }, () => world.api.call('POST', path, body)));
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 200, 200, 200, 200, 200, 200, 201]);
  expect(new Set(answers.map((answer) => (answer.json() as ExtensionView).id)).size).toBe(1);
  const list = await world.api.call('GET', path);
  expect(extensionList.parse(list.json()).extensions).toHaveLength(1);
});

it('bytes that were lost are there again after another upload', async () => {
  const blobs = createMemoryBlobs();
  await start({ blobs });
  const { sha256 } = (await world.api.call('POST', path, body)).json() as ExtensionView;
  await blobs.delete(extensionBlobKey(sha256));
  expect((await world.api.call('POST', path, body)).status).toBe(200);
  expect(await blobs.head(extensionBlobKey(sha256))).toBeDefined();
});

it('bytes that are removed between the upload and its object are put again', async () => {
  const blobs = createMemoryBlobs();
  let puts = 0;
  const removing = {
    ...blobs,
    put: async (...args: Parameters<typeof blobs.put>) => {
      const info = await blobs.put(...args);
      // Somebody who has looked for names just before.
      if ((puts += 1) === 1) await blobs.delete(info.key);
      return info;
    },
  };
  await start({ blobs: removing });
  const { sha256 } = (await world.api.call('POST', path, body)).json() as ExtensionView;
  expect(await blobs.head(extensionBlobKey(sha256))).toBeDefined();
});

it('without a blob store an upload is a 503 that can be told from others, and leaves nothing', async () => {
  await start({ blobs: createNoBlobs('there is none') });
  const answer = await world.api.call('POST', path, body);
  expect(answer.status).toBe(503);
  expect(answer.problem().code).toBe('blobs_unavailable');
  expect(answer.headers.get('retry-after')).toBe('5');
  expect((await world.api.call('GET', path)).json()).toEqual({ extensions: [] });
});

it('while the blob store does not answer an upload is such a 503, and what is known is listed', async () => {
  const blobs = createMemoryBlobs();
  await start({ blobs });
  await world.api.call('POST', path, body);
  Object.assign(blobs, createNoBlobs('no answer'));
  const answer = await world.api.call('POST', path, { file: buildZip([manifestOf()]).toString('base64') });
  expect([answer.status, answer.problem().code]).toEqual([503, 'blobs_unavailable']);
  expect(extensionList.parse((await world.api.call('GET', path)).json()).extensions).toHaveLength(1);
});

it('an archive that unpacks to more than may be is a 413', async () => {
  await start();
  const noise = { name: 'noise', content: randomBytes(3 * 2 ** 20) };
  const file = buildZip([manifestOf(), noise, { name: 'zeros', content: Buffer.alloc(199 * 2 ** 20) }]);
  const answer = await world.api.call('POST', path, { file: file.toString('base64') });
  expect([answer.status, answer.problem().code]).toEqual([413, 'payload_too_large']);
  expect(answer.problem().message).toContain('Unpacked');
});

it('a form without end is given up with a 413', async () => {
  await start();
  const url = new URL(path, world.url);
  const headers = { authorization: `Bearer ${world.api.apiKey}`, 'content-type': 'multipart/form-data; boundary=x' };
  const asking = request(url, { method: 'POST', headers });
  const answered = once(asking, 'response') as Promise<[IncomingMessage]>;
  const send = async (bytes: string | Buffer): Promise<void> => {
    if (!asking.write(bytes)) await Promise.race([once(asking, 'drain'), answered]);
  };
  await send('--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n');
  // A little more than is listened to, so that nothing is under way when the answer comes: whoever writes on may not see it.
  const mebibyte = Buffer.alloc(2 ** 20);
  for (let sent = 0; sent < 2 * maxPackedExtensionBytes; sent += mebibyte.length) await send(mebibyte);
  await send(Buffer.alloc(1_024));
  expect((await answered)[0].statusCode).toBe(413);
  asking.destroy();
});

it.each(['ext-0', '..', 'A', 'a%2Fb', 'x'.repeat(300), '%00'])('%s is no extension', async (id) => {
  await start();
  for (const method of ['GET', 'DELETE'])
    expect((await world.api.call(method, `${path}/${id}`)).status, method).toBeGreaterThanOrEqual(404);
});
