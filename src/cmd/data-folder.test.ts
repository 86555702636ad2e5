import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { importPublicKey, openTicket, signTicket } from '../lib/ticket.ts';
import { createPublicKey } from 'node:crypto';
import { DataFolderInUse, openDataFolder } from './data-folder.ts';
import { openSandboxRoot } from './sandbox-root.ts';

let base = '';
beforeEach(() => {
  base = mkdtempSync(path.join(tmpdir(), 'porthole-data-'));
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

const modeOf = (file: string): number => statSync(file).mode & 0o777;
const dataFolderModule = fileURLToPath(new URL('./data-folder.ts', import.meta.url));

describe('openDataFolder', () => {
  it('makes the folder, and secrets for the owner only', async () => {
    const dataDir = path.join(base, 'a', 'b');
    await using folder = await openDataFolder({ dataDir });
    expect(folder.path).toBe(dataDir);
    expect(modeOf(dataDir) & 0o066).toBe(0);
    for (const name of ['api-key', 'token.key', 'ticket.key', 'pid'])
      expect(modeOf(path.join(dataDir, name))).toBe(0o600);
    expect(folder.apiKey).toMatch(/^ph_[0-9A-Za-z]{32,}$/);
    expect(folder.keys.tokenKey).toHaveLength(32);
    const publicKey = createPublicKey(folder.keys.ticketKey)
      .export({ type: 'spki', format: 'der' })
      .toString('base64url');
    const ticket = signTicket(folder.keys.ticketKey, { a: 1 });
    expect(openTicket(importPublicKey(publicKey), ticket)).toEqual({ a: 1 });
  });

  it('gives the same secrets at the next start, other ones in another folder', async () => {
    const secrets = async (name: string): Promise<readonly unknown[]> => {
      await using folder = await openDataFolder({ dataDir: path.join(base, name) });
      const { apiKey, keys } = folder;
      return [apiKey, keys.tokenKey, keys.ticketKey.export({ type: 'pkcs8', format: 'der' })];
    };
    const first = await secrets('one');
    expect(await secrets('one')).toEqual(first);
    const other = await secrets('two');
    for (const [i, secret] of other.entries()) expect(secret).not.toEqual(first[i]);
  });

  it('takes the key that was set and writes it nowhere', async () => {
    await using folder = await openDataFolder({ dataDir: base, apiKey: 'given' });
    expect(folder.apiKey).toBe('given');
    expect(existsSync(path.join(base, 'api-key'))).toBe(false);
  });

  it('tightens the mode of a secret that others could read', async () => {
    await (await openDataFolder({ dataDir: base }))[Symbol.asyncDispose]();
    chmodSync(path.join(base, 'api-key'), 0o644);
    await using _folder = await openDataFolder({ dataDir: base });
    expect(modeOf(path.join(base, 'api-key'))).toBe(0o600);
  });

  it('refuses a second user of the folder by whatever path, naming folder and process', async () => {
    await using _first = await openDataFolder({ dataDir: base });
    const alias = `${base}-alias`;
    symlinkSync(base, alias);
    try {
      const second = openDataFolder({ dataDir: alias });
      await expect(second).rejects.toThrow(DataFolderInUse);
      await expect(second).rejects.toThrow(`${base} is in use by another Porthole (process ${process.pid})`);
    } finally {
      rmSync(alias);
    }
  });

  it('lets go when disposed', async () => {
    await (await openDataFolder({ dataDir: base }))[Symbol.asyncDispose]();
    await using again = await openDataFolder({ dataDir: base });
    expect(again.path).toBe(base);
  });

  it('is free again after its process was killed with -9', async () => {
    const script = `
      const { openDataFolder } = await import(process.argv[1]);
      const folder = await openDataFolder({ dataDir: process.argv[2] });
      console.log('open');
      setInterval(() => folder.path, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, dataFolderModule, base]);
    await once(child.stdout, 'data');
    await expect(openDataFolder({ dataDir: base })).rejects.toThrow(`process ${child.pid}`);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await using folder = await openDataFolder({ dataDir: base });
    expect(folder.path).toBe(base);
  });
});

describe('openSandboxRoot', () => {
  const open = (mode: number, isRoot: boolean): ReturnType<typeof openSandboxRoot> => {
    chmodSync(base, 0o711);
    const dataFolder = path.join(base, 'data');
    const temporary = path.join(base, 'tmp');
    mkdirSync(dataFolder, { recursive: true });
    mkdirSync(temporary, { recursive: true });
    chmodSync(dataFolder, mode);
    return openSandboxRoot(dataFolder, { isRoot, temporary });
  };

  it.each([
    [0o700, false, 'data/sandboxes'],
    [0o711, true, 'data/sandboxes'],
    [0o700, true, 'tmp/porthole-'],
  ])('with a data folder of mode %o and root %s it lies in %s', (mode, isRoot, expected) => {
    using root = open(mode, isRoot);
    expect(path.relative(base, root.path)).toContain(expected);
    expect(modeOf(root.path)).toBe(0o711);
  });

  it('is gone after disposal, with all that was in it', () => {
    const root = open(0o700, true);
    mkdirSync(path.join(root.path, 'pod', 'profile'), { recursive: true });
    root[Symbol.dispose]();
    expect(existsSync(root.path)).toBe(false);
    expect(existsSync(path.join(base, 'data', 'sandbox-root'))).toBe(false);
  });

  it('is found again after a kill, with what was left', () => {
    const killed = open(0o700, true);
    mkdirSync(path.join(killed.path, 'left'));
    using root = open(0o700, true);
    expect(root.path).toBe(killed.path);
    expect(existsSync(path.join(root.path, 'left'))).toBe(true);
  });

  it('removes the one before when it chooses another place', () => {
    const killed = open(0o700, true);
    using root = open(0o711, true);
    expect(existsSync(killed.path)).toBe(false);
    expect(readFileSync(path.join(base, 'data', 'sandbox-root'), 'utf8').trim()).toBe(root.path);
  });

  it('trusts no folder that is not one of its own', () => {
    const { path: folder, [Symbol.dispose]: remove } = open(0o700, true);
    remove();
    symlinkSync(base, folder);
    expect(() => open(0o700, true)).toThrow(`${folder} is not a folder of this user`);
  });
});
