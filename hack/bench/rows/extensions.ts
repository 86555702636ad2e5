import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buildZip, manifestOf, type ZipFile } from '../../../test/support/packed-extension.ts';
import { openApi } from '../api.ts';
import { knobsFor, measureCapabilities, type Capability } from '../capabilities.ts';
import { connectCdp } from '../cdp-connection.ts';
import { startPorthole, type Porthole } from '../porthole.ts';
import type { Run } from '../run.ts';
import { findSandboxOf, readBrowserVersion } from '../session-browser.ts';

const rounds = 10;
const pairs = 6;

/** Extensions in a session. */
const counts = [1, 5];

/** A content script and a service worker; `index` makes its bytes its own. */
const filesOf = (index: number): readonly ZipFile[] => [
  manifestOf({
    name: `Bench ${index}`,
    background: { service_worker: 'sw.js' },
    content_scripts: [{ matches: ['<all_urls>'], js: ['c.js'] }],
  }),
  { name: 'sw.js', content: 'self.x = 1;' },
  { name: 'c.js', content: 'document.documentElement.dataset.bench = "1";' },
];

/** The same as folders, which every user may read: for the browser alone to load. */
async function unpackBare(folder: string): Promise<readonly string[]> {
  await chmod(folder, 0o755);
  return Promise.all(
    Array.from({ length: Math.max(...counts) }, async (_, index) => {
      const at = path.join(folder, String(index));
      await mkdir(at, { mode: 0o755 });
      for (const { name, content = '' } of filesOf(index))
        await writeFile(path.join(at, name), content, { mode: 0o644 });
      return at;
    }),
  );
}

/** What the browser itself takes to load them, one after the other. */
async function loadBare(porthole: Porthole, cdpUrl: string, folders: readonly string[]): Promise<number> {
  const sandbox = await findSandboxOf(porthole, cdpUrl);
  const { browserPath } = await readBrowserVersion(sandbox);
  await using cdp = await connectCdp(`ws://127.0.0.1:${sandbox.devtoolsPort}${browserPath}`);
  const startedAt = performance.now();
  for (const folder of folders) await cdp.call('Extensions.loadUnpacked', { path: folder });
  return performance.now() - startedAt;
}

async function upload(porthole: Porthole): Promise<readonly string[]> {
  const api = await openApi(porthole);
  const ids: string[] = [];
  while (ids.length < Math.max(...counts)) {
    const body = await api.call('POST', 'extensions', { file: buildZip(filesOf(ids.length)).toString('base64') });
    ids.push((body as { id: string }).id);
  }
  return ids;
}

/** Warm sessions with extensions beside warm sessions without, and what the browser itself takes to load them. */
export async function measureExtensions(run: Run): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(path.join(tmpdir(), 'porthole-bench-extensions-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const folders = await unpackBare(folder);
  const porthole = stack.use(await startPorthole(run, knobsFor(pairs)));
  const ids = await upload(porthole);
  const capabilities = counts.map((count): Capability => ({
    name: `${count} extension${count === 1 ? '' : 's'}`,
    plain: {},
    wish: { extensions: ids.slice(0, count) },
    bareName: 'loading them',
    bare: ({ cdpUrl }) => loadBare(porthole, cdpUrl, folders.slice(0, count)),
  }));
  await measureCapabilities(run, { section: 'extensions', porthole, capabilities, rounds, pairs });
}
