import { randomBytes, randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  buildCrx2,
  buildCrx3,
  buildZip,
  field,
  makeCrxKey,
  manifestOf,
  packFiles,
  type ZipFile,
} from '../../test/support/packed-extension.ts';
import { limits } from './entry-names.ts';
import { extensionIdOf } from './extension-id.ts';
import { inspectPackage, type Inspection } from './inspect.ts';
import { PackageError } from './package-error.ts';

const rsa = makeCrxKey('rsa');
const ec = makeCrxKey('ec');

async function refusal(attempt: Promise<unknown>): Promise<string> {
  const outcome: unknown = await attempt.then(
    (value) => new Error(`was accepted: ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
  if (outcome instanceof PackageError) return `${outcome.trouble}: ${outcome.message}`;
  throw outcome instanceof Error ? outcome : new Error(String(outcome));
}
const refused = (files: readonly ZipFile[]): Promise<string> => refusal(inspectPackage(buildZip(files)));
const withManifest = (manifest: object, files: readonly ZipFile[] = []): Promise<Inspection> =>
  inspectPackage(buildZip([manifestOf(manifest), ...files]));

describe('a packed extension', () => {
  it('is read without being unpacked anywhere', async () => {
    const worker = { name: 'sw.js', content: '1' };
    const script = { name: 'js/c.js', content: '2' };
    const found = await withManifest(
      {
        background: { service_worker: './sw.js' },
        permissions: ['storage', 'tabs', 'storage'],
        host_permissions: ['https://a.example/*'],
        optional_permissions: ['downloads'],
        content_scripts: [{ matches: ['<all_urls>'], js: ['/js/c.js'] }],
      },
      [worker, { name: 'js/' }, script],
    );
    expect(found).toMatchObject({
      format: 'zip',
      name: 'Example',
      version: '1.0',
      manifestVersion: 3,
      permissions: ['storage', 'tabs'],
      hostPermissions: ['https://a.example/*', '<all_urls>'],
      optionalPermissions: ['downloads'],
    });
    expect(found.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(found.chromiumId).toMatch(/^[a-p]{32}$/);
  });

  it('of version 2 lists sites apart from permissions', async () => {
    const found = await withManifest({ manifest_version: 2, permissions: ['tabs', 'http://*/*', { usbDevices: [] }] });
    expect(found).toMatchObject({
      manifestVersion: 2,
      permissions: ['tabs', 'usbDevices'],
      hostPermissions: ['http://*/*'],
    });
  });

  it('may have comments and a byte order mark in its manifest', async () => {
    const content = '\uFEFF// hello\n{"manifest_version": 3, /* v */ "name": "a // b", "version": "1"}';
    expect((await inspectPackage(packFiles({ 'manifest.json': content }))).name).toBe('a // b');
  });

  it('has the same id whenever it has the same bytes', async () => {
    const zip = buildZip([manifestOf()]);
    const [one, other] = [await inspectPackage(zip), await inspectPackage(Buffer.from(zip))];
    expect(one).toEqual(other);
    expect((await withManifest({ version: '1.1' })).chromiumId).not.toBe(one.chromiumId);
  });

  it('has the id of the key in its manifest, whatever else it holds', async () => {
    const key = rsa.publicKey.toString('base64');
    const pem = `-----BEGIN PUBLIC KEY-----\n${key.replace(/.{64}/g, '$&\n')}\n-----END PUBLIC KEY-----`;
    for (const manifest of [{ key }, { key, version: '2' }, { key: pem }])
      expect((await withManifest(manifest)).chromiumId).toBe(extensionIdOf(rsa.publicKey));
  });

  it('knows the id that Chromium gives to a key', () => {
    expect(extensionIdOf(Buffer.from('q83vASNFZ4k=', 'base64'))).toBe('oljlplahgakocikpnniaockfdfehfgle');
  });

  it.each([
    ['__MSG_title__', 'Titel'],
    ['__MSG_TITLE__ 2', 'Titel 2'],
  ])('gives its name %s in its default locale: %s', async (name, expected) => {
    const messages = { name: '_locales/de/messages.json', content: '{"Title": {"message": "Titel"}} // x' };
    expect((await withManifest({ name, default_locale: 'de' }, [messages])).name).toBe(expected);
  });

  it.each<[string, object, readonly ZipFile[], RegExp]>([
    ['no default_locale beside _locales', {}, [{ name: '_locales/de/messages.json', content: '{}' }], /default_locale/],
    ['a message for its name, and no locale', { name: '__MSG_a__' }, [], /default_locale/],
    ['a default_locale that is not there', { default_locale: 'de' }, [], /_locales\/de\/messages\.json/],
    ['a default_locale that leads elsewhere', { default_locale: '../..' }, [], /no _locales/],
    [
      'a name that no message has',
      { name: '__MSG_a__', default_locale: 'de' },
      [{ name: '_locales/de/messages.json', content: '{}' }],
      /no message a/,
    ],
    ['no name', { name: undefined }, [], /name is missing/],
    ['a name that is no text', { name: 7 }, [], /name must be a string/],
    ['a name that is too long', { name: 'x'.repeat(257) }, [], /256/],
    ['no version', { version: undefined }, [], /version is missing/],
    ['a version of letters', { version: '1.x' }, [], /version/],
    ['a version of five numbers', { version: '1.2.3.4.5' }, [], /version/],
    ['a version of large numbers', { version: '1.65536' }, [], /version/],
    ['manifest_version 1', { manifest_version: 1 }, [], /manifest_version/],
    ['manifest_version as text', { manifest_version: '3' }, [], /manifest_version/],
    ['a background page of version 2', { background: { scripts: ['a.js'] } }, [], /service_worker/],
    ['permissions that are no list', { permissions: 'tabs' }, [], /permissions must be a list/],
    ['a service worker that is not there', { background: { service_worker: 'sw.js' } }, [], /"sw\.js", which is not/],
    ['a content script that is not there', { content_scripts: [{ js: ['c.js'] }] }, [], /"c\.js", which is not/],
    ['a key that is none', { key: '%%%' }, [], /key must be base64/],
  ])('is refused with %s', async (_, manifest, files, why) => {
    const said = await refusal(withManifest(manifest, files));
    expect(said).toMatch(/^BadManifest: /);
    expect(said).toMatch(why);
  });

  it.each(['', '[]', '{', 'null', '"x"'])('is refused with %j for a manifest', async (content) => {
    expect(await refused([{ name: 'manifest.json', content }])).toMatch(/^BadManifest/);
  });

  it('is refused without a manifest, and told where one is', async () => {
    expect(await refused([{ name: 'a.js' }])).toMatch(/^NoManifest: .*manifest\.json/);
    expect(await refused([{ name: 'my/manifest.json', content: '{}' }])).toMatch(
      /"my\/manifest\.json": pack what is in/,
    );
    expect(await refused([])).toMatch(/^NoManifest/);
  });
});

describe('an archive', () => {
  it.each([
    '../evil.js',
    'a/../../evil.js',
    '/etc/passwd',
    'C:/evil.js',
    'a\\..\\evil.js',
    '..',
    '.',
    './a.js',
    'a//b.js',
    'a/./b.js',
    'a\0.js',
    'a\n.js',
    '',
    `${'x'.repeat(256)}.js`,
    `${'x/'.repeat(600)}y`,
  ])('with a file that is named %j is refused', async (name) => {
    expect(await refused([manifestOf(), { name }])).toMatch(/^UnsafePath/);
  });

  it.each([
    ['a symbolic link', 0o120_777, 'SymbolicLink'],
    ['a device', 0o060_666, 'UnsafePath'],
    ['a pipe', 0o010_666, 'UnsafePath'],
    ['a socket', 0o140_666, 'UnsafePath'],
  ])('with %s is refused', async (_, mode, trouble) => {
    expect(await refused([manifestOf(), { name: 'x', content: '/etc/passwd', mode }])).toMatch(trouble);
  });

  it.each([
    ['the same file twice', [{ name: 'a' }, { name: 'a' }]],
    ['a file that is a folder too', [{ name: 'a' }, { name: 'a/b' }]],
    ['a folder that is a file too', [{ name: 'a/' }, { name: 'a' }]],
    ['two manifests', [manifestOf({ name: 'Other' })]],
  ])('with %s is refused', async (_, files) => {
    expect(await refused([manifestOf(), ...files])).toMatch(/^DuplicateName/);
  });

  it('with too many files is refused', async () => {
    const files = Array.from({ length: limits.members }, (_, i) => ({ name: `f${i}`, method: 0 }));
    expect(await refused([manifestOf(), ...files])).toMatch(/^Bomb: .*10000/);
  });

  it('that grows out of all proportion is refused before it is unpacked', async () => {
    const content = Buffer.alloc(64 * 2 ** 20);
    expect(await refused([manifestOf(), { name: 'zeros', content }])).toMatch(/^Bomb: .*100 times/);
    expect(await refused([manifestOf(), { name: 'x', claims: { unpacked: 2 ** 31 } }])).toMatch(/^Bomb/);
  });

  it.each([
    [0, 5_000],
    [1, 5_000],
    [11, 5_000],
    [400_000, 500_000],
  ])('that holds more than the %d bytes it admits is refused', async (unpacked, size) => {
    const content = 'a'.repeat(size);
    expect(await refused([manifestOf(), { name: 'x', content, claims: { unpacked } }])).toMatch(/^Bomb: "x"/);
  });

  it.each([9, 400_000])('that holds less than the %d bytes it says is refused', async (unpacked) => {
    expect(await refused([manifestOf(), { name: 'x', content: 'a', claims: { unpacked } }])).toMatch(/^Bomb: "x"/);
  });

  it('is refused over the caps', async () => {
    const most = { ...limits, packed: 2_000, unpacked: 9_000 };
    const large = { name: 'large', content: randomBytes(3_000) };
    expect(await refusal(inspectPackage(buildZip([manifestOf(), large]), most))).toMatch(/^TooLarge: .*2000/);
    const long = { name: 'long', content: Buffer.alloc(10_000, 'abc') };
    expect(await refusal(inspectPackage(buildZip([manifestOf(), long]), most))).toMatch(/^TooLarge: Unpacked.*9000/);
  });

  it.each([
    ['encrypted', { flags: 0x801 }],
    ['compressed by something else', { method: 12 }],
    ['of a wrong checksum', { claims: { crc: 1 } }],
  ])('with a file that is %s is refused', async (_, how) => {
    expect(await refused([manifestOf(), { name: 'x', content: 'content', ...how }])).toMatch(/^NotAnArchive/);
  });

  it.each(['', 'x', 'PK', 'PK\x03\x04', 'PK\x05\x06', '<html>', 'Rar!\x1a\x07'])('is not %j', async (text) => {
    expect(await refusal(inspectPackage(Buffer.from(text, 'latin1')))).toMatch(/^NotAnArchive/);
  });

  it('that was damaged anywhere is refused or the same, and never anything else', async () => {
    const whole = buildZip([manifestOf({ permissions: ['tabs'] }), { name: 'a/b.js', content: 'let x = 1;' }]);
    for (let round = 0; round < 600; round += 1) {
      const damaged = Buffer.from(whole.subarray(0, randomInt(4) === 0 ? randomInt(whole.length) : whole.length));
      for (let i = randomInt(3) + 1; i > 0 && damaged.length > 0; i -= 1)
        damaged[randomInt(damaged.length)] = randomInt(256);
      await inspectPackage(damaged).catch((error: unknown) => {
        if (!(error instanceof PackageError)) throw error;
      });
    }
  });
});

describe('a CRX', () => {
  const zip = buildZip([manifestOf()]);

  it('of version 3 has the id of the key that it was signed with', async () => {
    for (const key of [rsa, ec]) {
      const found = await inspectPackage(buildCrx3(zip, { keys: [key] }));
      expect(found).toMatchObject({ format: 'crx3', name: 'Example', chromiumId: extensionIdOf(key.publicKey) });
    }
    const both = await inspectPackage(buildCrx3(zip, { keys: [ec, rsa] }));
    expect(both.chromiumId).toBe(extensionIdOf(ec.publicKey));
  });

  it('of version 2 has the id of the key that it was signed with', async () => {
    const found = await inspectPackage(buildCrx2(zip, rsa));
    expect(found).toMatchObject({ format: 'crx2', chromiumId: extensionIdOf(rsa.publicKey) });
  });

  it.each([
    ['version 2', buildCrx2(zip, rsa)],
    ['version 3, RSA', buildCrx3(zip, { keys: [rsa] })],
    ['version 3, ECDSA', buildCrx3(zip, { keys: [ec] })],
  ])('of %s whose archive was changed is refused', async (_, crx) => {
    const changed = Buffer.from(crx);
    const at = changed.length - zip.length + 8;
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(await refusal(inspectPackage(changed))).toMatch(/^BadSignature: .*does not fit/);
  });

  it('that claims the id of another is refused', async () => {
    expect(await refusal(inspectPackage(buildCrx3(zip, { keys: [rsa], id: Buffer.alloc(16, 7) })))).toMatch(
      /^BadSignature: .*none of its signatures/,
    );
    expect(await refusal(inspectPackage(buildCrx3(zip, { keys: [] })))).toMatch(/^BadSignature/);
  });

  it('of which one signature of two is wrong is refused', async () => {
    const good = buildCrx3(zip, { keys: [rsa, ec] });
    const second = good.indexOf(ec.publicKey) + ec.publicKey.length + 10;
    good[second] = (good[second] ?? 0) ^ 1;
    expect(await refusal(inspectPackage(good))).toMatch(/^BadSignature/);
  });

  it('whose header is cut off or nonsense is refused', async () => {
    const header = (version: number, length: number, rest: Buffer): Buffer => {
      const bytes = Buffer.alloc(12);
      bytes.write('Cr24');
      bytes.writeUInt32LE(version, 4);
      bytes.writeUInt32LE(length, 8);
      return Buffer.concat([bytes, rest, zip]);
    };
    expect(await refusal(inspectPackage(header(3, 0xffff_ffff, zip)))).toMatch(/^BadSignature: .*cut off/);
    expect(await refusal(inspectPackage(header(2, 0xffff_ffff, zip)))).toMatch(/^BadSignature: .*cut off/);
    expect(await refusal(inspectPackage(header(3, 9, Buffer.alloc(9, 0xff))))).toMatch(
      /^BadSignature: .*cannot be read/,
    );
    const twice = Buffer.concat([field(10_000, Buffer.alloc(0)), field(10_000, Buffer.alloc(0))]);
    expect(await refusal(inspectPackage(header(3, twice.length, twice)))).toMatch(/^BadSignature/);
    expect(await refusal(inspectPackage(header(4, 0, Buffer.alloc(0))))).toMatch(/^NotAnArchive: .*version 4/);
    expect(await refusal(inspectPackage(Buffer.from('Cr24\x03\0\0\0', 'latin1')))).toMatch(/^NotAnArchive/);
  });
});
