import { chmodSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { patience } from '../../../test/support/patience.ts';
import { watchBrowserVersion } from './browser-version.ts';

let folder: string;
beforeEach(() => void (folder = mkdtempSync(path.join(tmpdir(), 'porthole-version-'))));
afterEach(() => rmSync(folder, { recursive: true }));

function install(version: string, changedAtSeconds: number): string {
  const file = path.join(folder, 'browser');
  writeFileSync(file, `#!/bin/sh\necho "Chromium ${version}"\n`);
  chmodSync(file, 0o755);
  utimesSync(file, changedAtSeconds, changedAtSeconds);
  return file;
}

it('a browser is asked for its version, and again when another one is in its place', async () => {
  const version = watchBrowserVersion(install('156.0.8078.79', 1_000));
  await vi.waitFor(() => expect(version()).toBe('156.0.8078.79'), patience);
  install('157.0.1.2', 2_000);
  expect(version()).toBeUndefined();
  await vi.waitFor(() => expect(version()).toBe('157.0.1.2'), patience);
});

it('where there is no browser, nothing is known of it', () => {
  expect(watchBrowserVersion(path.join(folder, 'none'))()).toBeUndefined();
});
