import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startTestAgent, type TestAgent } from '../../test/support/test-agent.ts';
import { agentExitCodes } from '../api/agent/contract.ts';
import { locateChromium } from './chromium/locate.ts';
import { leaveLastWords } from './last-words.ts';

const headless = { PORTHOLE_DISPLAY: 'headless' };
const patience = { timeout: 25_000 };
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'porthole-readiness-'));
  await chmod(folder, 0o755);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A Chromium with one more flag, as a program of its own. */
async function chromiumWith(flag: string): Promise<string> {
  const file = join(folder, 'browser');
  await writeFile(file, `#!/bin/sh\nexec ${locateChromium('/usr/bin/chromium')} ${flag} "$@"\n`, { mode: 0o755 });
  return file;
}

const answersDevtools = (agent: TestAgent): Promise<void> =>
  vi.waitFor(async () => {
    const version = await fetch(`http://127.0.0.1:${agent.devtoolsPort}/json/version`);
    expect(version.status).toBe(200);
  }, patience);
const readiness = async (agent: TestAgent): Promise<number> => (await agent.fetch('/readyz')).status;

describe('a sandbox is not ready', () => {
  it('while DevTools answer and no renderer can start', async () => {
    const browser = await chromiumWith('--renderer-cmd-prefix=/bin/false');
    await using agent = await startTestAgent({ index: 21, environment: { ...headless, PORTHOLE_CHROMIUM: browser } });
    await answersDevtools(agent);
    // As long as it is there: it may find out by itself that it will never be usable.
    for (let look = 0; look < 20 && agent.process.exitCode === null; look++) {
      expect(await readiness(agent).catch(() => 503)).toBe(503);
      await delay(100);
    }
  });

  it('while its egress proxy is not', async () => {
    await using agent = await startTestAgent({ index: 22, environment: headless, hasProxy: false });
    await answersDevtools(agent);
    await delay(2_000);
    expect(await readiness(agent)).toBe(503);
  });
});

describe('a sandbox that is weaker than its pool demands', () => {
  it.each([
    [
      'which kernel it has',
      { PORTHOLE_REQUIRE_ISOLATION: 'SeparateKernel' },
      /process of this machine.*SeparateKernel/,
    ],
    [
      "whether Chromium's own sandbox is on",
      { PORTHOLE_REQUIRE_BROWSER_SANDBOX: 'true', PORTHOLE_CHROMIUM: '' },
      /own sandbox is off/,
    ],
  ])('ends itself, having looked %s', async (_, demand, says) => {
    const PORTHOLE_CHROMIUM = await chromiumWith('--no-sandbox');
    await using agent = await startTestAgent({ index: 23, environment: { ...headless, ...demand, PORTHOLE_CHROMIUM } });
    expect(await agent.exited).toBe(agentExitCodes.tooWeak);
    expect(agent.output()).toMatch(says);
    expect(agent.output()).not.toContain('the browser is usable');
  });

  it('is none that meets what is demanded', async () => {
    const environment = { ...headless, PORTHOLE_REQUIRE_BROWSER_SANDBOX: 'true' };
    await using agent = await startTestAgent({ index: 24, environment });
    await agent.waitUntilReady();
  });
});

it('last words are written where somebody reads them, and make no file where nobody does', async () => {
  const file = join(folder, 'termination-log');
  leaveLastWords('It ended.', file);
  await expect(readFile(file)).rejects.toThrow(/ENOENT/);
  await writeFile(file, '');
  leaveLastWords('It ended.', file);
  expect(await readFile(file, 'utf8')).toBe('It ended.');
});
