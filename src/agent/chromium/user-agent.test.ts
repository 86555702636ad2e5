import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { askVersion, buildUserAgent } from './user-agent.ts';

it.each([
  [
    '156.0.8078.79',
    [
      { brand: 'Not:A-Brand', version: '8' },
      { brand: 'Chromium', version: '156' },
    ],
  ],
  [
    '139.0.7258.5',
    [
      { brand: 'Chromium', version: '139' },
      { brand: 'Not;A=Brand', version: '99' },
    ],
  ],
  [
    '124.0.6367.60',
    [
      { brand: 'Not-A.Brand', version: '99' },
      { brand: 'Chromium', version: '124' },
    ],
  ],
])('%s has the brands that this version of Chromium has', (version, brands) => {
  expect(buildUserAgent(version, 'x64').userAgentMetadata.brands).toEqual(brands);
});

it('says all that the high entropy hints ask, and nothing of having no window', () => {
  const override = buildUserAgent('156.0.8078.79', 'arm64');
  expect(override.userAgent).toContain(' Chrome/156.0.0.0 ');
  expect(JSON.stringify(override)).not.toMatch(/headless/i);
  expect(override.userAgentMetadata).toMatchObject({
    fullVersionList: [
      { brand: 'Not:A-Brand', version: '8.0.0.0' },
      { brand: 'Chromium', version: '156.0.8078.79' },
    ],
    platform: 'Linux',
    architecture: 'arm',
    bitness: '64',
  });
});

let folder: string;
beforeEach(() => void (folder = mkdtempSync(path.join(tmpdir(), 'porthole-ua-'))));
afterEach(() => rmSync(folder, { recursive: true }));

function program(script: string): string {
  const file = path.join(folder, 'chromium');
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  return file;
}

it.each([
  ['says its version', '[ "$1" = --version ] && echo "Chromium 156.0.8078.79 built on Debian"', '156.0.8078.79'],
  ['says nothing of the kind', 'echo "no version here"', undefined],
  ['fails', 'exit 1', undefined],
])('of a browser that %s', async (_, script, expected) => {
  expect(await askVersion(program(script), { owner: undefined, home: folder })).toBe(expected);
});
