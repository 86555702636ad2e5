import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSteppedClock } from '../../lib/clock.ts';
import { loadKubeAccess } from './access.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'porthole-access-'));
});
afterEach(() => rm(folder, { recursive: true }));

interface Written {
  readonly user?: object;
  readonly cluster?: object;
  readonly name?: string;
}

async function write({ user = {}, cluster = {}, name = 'one' }: Written): Promise<string> {
  const file = path.join(folder, name);
  const config = {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': name },
    contexts: [{ name, context: { cluster: name, user: name, namespace: `ns-${name}` } }],
    clusters: [{ name, cluster: { server: `https://${name}.example.com:6443/`, ...cluster } }],
    users: [{ name, user }],
  };
  await writeFile(file, JSON.stringify(config));
  return file;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('access to an API server', () => {
  it('is what the kubeconfig says', async () => {
    const cluster = { 'certificate-authority-data': base64('the CA'), 'tls-server-name': 'kubernetes' };
    const user = {
      ...{ token: 'secret\n' },
      ...{ 'client-certificate-data': base64('a certificate'), 'client-key-data': base64('a key') },
    };
    const access = loadKubeAccess({ kubeconfig: await write({ user, cluster }) });
    expect([access.server, access.namespace]).toEqual(['https://one.example.com:6443', 'ns-one']);
    expect(await access.headers()).toEqual({ authorization: 'Bearer secret' });
    expect(await access.tls()).toEqual({
      ...{ ca: Buffer.from('the CA'), cert: Buffer.from('a certificate'), key: Buffer.from('a key') },
      servername: 'kubernetes',
    });
  });

  it('is that of the chosen context, in whichever file it stands', async () => {
    const one = await write({ name: 'one', user: { token: '1' } });
    const two = await write({ name: 'two', user: { token: '2' } });
    const kubeconfig = [one, two].join(path.delimiter);
    expect(loadKubeAccess({ kubeconfig }).server).toContain('one');
    const access = loadKubeAccess({ kubeconfig, context: 'two' });
    expect(access.server).toContain('two');
    expect(await access.headers()).toEqual({ authorization: 'Bearer 2' });
    expect(() => loadKubeAccess({ kubeconfig, context: 'three' })).toThrow('no context "three"');
  });

  it('gives the same headers for as long as they say the same, and reads all again when they are refused', async () => {
    const clock = createSteppedClock();
    const kubeconfig = await write({ user: { token: 'old' } });
    const access = loadKubeAccess({ kubeconfig, clock });
    const [headers, tls] = [await access.headers(), await access.tls()];
    await clock.step(60_000);
    expect(await access.headers()).toBe(headers);
    expect(await access.tls()).toBe(tls);
    await write({ user: { token: 'new' } });
    expect(await access.headers()).toBe(headers);
    expect(await access.headers(true)).toEqual({ authorization: 'Bearer new' });
    expect(await access.headers()).toEqual({ authorization: 'Bearer new' });
  });

  it('asks a command for the token, and again when that has run out', async () => {
    const clock = createSteppedClock();
    const counter = path.join(folder, 'count');
    const script = `
      const fs = require('node:fs');
      fs.appendFileSync(process.argv[1], 'x');
      const token = 'token-' + fs.readFileSync(process.argv[1]).length;
      const status = { token, expirationTimestamp: new Date(Date.now() - 1).toISOString() };
      console.log(JSON.stringify({ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status }));`;
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: process.execPath };
    const user = { exec: { ...exec, args: ['-e', script, counter] } };
    const access = loadKubeAccess({ kubeconfig: await write({ user }), clock });
    expect(await access.headers()).toEqual({ authorization: 'Bearer token-1' });
    expect(await access.headers()).toEqual({ authorization: 'Bearer token-1' });
    await clock.step(10_001);
    expect(await access.headers()).toEqual({ authorization: 'Bearer token-2' });
  });

  it('can be had again after it could not be read', async () => {
    const kubeconfig = await write({ cluster: { 'certificate-authority': 'ca.pem' }, user: { token: 'x' } });
    const access = loadKubeAccess({ kubeconfig });
    await expect(access.headers()).rejects.toThrow('ca.pem');
    await writeFile(path.join(folder, 'ca.pem'), 'the CA');
    expect(await access.headers()).toEqual({ authorization: 'Bearer x' });
    expect(await access.tls()).toEqual({ ca: Buffer.from('the CA') });
  });

  it('is refused where there is none, and through a proxy', async () => {
    expect(() => loadKubeAccess({ kubeconfig: path.join(folder, 'none') })).toThrow('ENOENT');
    expect(() => loadKubeAccess()).toThrow('set KUBECONFIG');
    const kubeconfig = await write({ cluster: { 'proxy-url': 'http://proxy' } });
    expect(() => loadKubeAccess({ kubeconfig })).toThrow('proxy-url');
  });
});
