import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { prepareWorkFolder } from './work-folder.ts';

it.each([
  ['short', 'w', true],
  ['longer than a socket’s address', 'w'.repeat(90), false],
])('makes private folders, and a TMPDIR that Chromium can use, in one that is %s', (_, name, isAbsolute) => {
  const root = mkdtempSync(path.join(tmpdir(), 'pw-'));
  try {
    const folder = prepareWorkFolder(path.join(root, name), undefined);
    expect(path.isAbsolute(folder.tmp)).toBe(isAbsolute);
    for (const made of [folder.path, folder.home, folder.profile, path.resolve(folder.path, folder.tmp)]) {
      expect(statSync(made).mode & 0o777).toBe(0o700);
    }
  } finally {
    rmSync(root, { recursive: true });
  }
});
