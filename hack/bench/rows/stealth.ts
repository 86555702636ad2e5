import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Server as ChainServer } from 'proxy-chain';
import { connectControl } from '../../../src/agent/chromium/control.ts';
import { assumePersona } from '../../../src/agent/chromium/persona.ts';
import { buildUserAgent } from '../../../src/agent/chromium/user-agent.ts';
import { placeOf } from '../../../src/core/session/locations.ts';
import { knobsFor, measureCapabilities, type Capability } from '../capabilities.ts';
import { startPorthole, type Porthole } from '../porthole.ts';
import type { Run } from '../run.ts';
import { findSandboxOf, readBrowserVersion } from '../session-browser.ts';

const rounds = 10;
const pairs = 6;

const location = 'de';

/** What the browser itself takes to be told: nothing where it has a window and stays where it is. */
async function tellBrowser(porthole: Porthole, cdpUrl: string, where?: string): Promise<number> {
  const sandbox = await findSandboxOf(porthole, cdpUrl);
  const { browserPath, version } = await readBrowserVersion(sandbox);
  using control = await connectControl({ port: sandbox.devtoolsPort, browserPath });
  const userAgent = sandbox.desktop ? undefined : buildUserAgent(version, process.arch);
  const startedAt = performance.now();
  await assumePersona(control, { userAgent, ...(where !== undefined && placeOf(where)) });
  return performance.now() - startedAt;
}

const capabilitiesOf = (porthole: Porthole): readonly Capability[] => [
  {
    name: 'stealth',
    plain: {},
    wish: { capabilities: ['stealth'] },
    bareName: 'telling the browser',
    bare: ({ cdpUrl }) => tellBrowser(porthole, cdpUrl),
  },
  {
    name: 'stealth and a proxy at a known place',
    plain: { proxy: { location } },
    wish: { capabilities: ['stealth'], proxy: { location } },
    bareName: 'telling the browser',
    bare: ({ cdpUrl }) => tellBrowser(porthole, cdpUrl, location),
  },
];

/** A provider with one place, whose upstream is this process. */
async function startProvider(stack: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'porthole-bench-stealth-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const upstream = new ChainServer({ host: '127.0.0.1', port: 0 });
  stack.defer(() => upstream.close(true));
  await upstream.listen();
  const spec = { locations: { [location]: `http://127.0.0.1:${upstream.port}` }, allowInternal: true };
  const provider = { apiVersion: 'porthole.dev/v1alpha1', kind: 'ProxyProvider', metadata: { name: 'bench' }, spec };
  const file = path.join(folder, 'providers.json');
  await writeFile(file, JSON.stringify(provider));
  return file;
}

/** Warm sessions with stealth beside warm sessions without. */
export async function measureStealth(run: Run): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const file = await startProvider(stack);
  const knobs = { PORTHOLE_PROVIDERS: file, ...knobsFor(pairs) };
  const porthole = stack.use(await startPorthole(run, knobs));
  await measureCapabilities(run, {
    section: 'stealth',
    porthole,
    capabilities: capabilitiesOf(porthole),
    rounds,
    pairs,
  });
}
