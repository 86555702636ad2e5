import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { locateChromium } from './locate.ts';

const root = mkdtempSync(path.join(tmpdir(), 'porthole-locate-'));
afterAll(() => rmSync(root, { recursive: true }));
const at = (...parts: string[]): string => path.join(root, ...parts);
mkdirSync(at('lib', 'chromium'), { recursive: true });
writeFileSync(at('lib', 'chromium', 'chromium'), '\x7fELF');
writeFileSync(at('chromium'), '#!/bin/sh\n');
writeFileSync(at('other'), '#!/bin/sh\n');
writeFileSync(at('chrome'), '\x7fELF');
symlinkSync(at('chromium'), at('browser'));

it.each([
  ['a start script stands for the program behind it', 'chromium', ['lib', 'chromium', 'chromium']],
  ['a link to it too', 'browser', ['lib', 'chromium', 'chromium']],
  ['a script with nothing behind it is what is started', 'other', ['other']],
  ['a program is what is started', 'chrome', ['chrome']],
])('%s', (_, name, found) => {
  expect(locateChromium(at(name), at('lib'))).toBe(at(...found));
});

it('fails when there is none', () => {
  expect(() => locateChromium(at('none'))).toThrow('ENOENT');
});
