/**
 * `node hack/stealth.ts [--headless] [--json]`: what a page can tell of a session without and with the capability stealth, as the table of
 * docs/stealth.md. It takes a Chromium, and TigerVNC unless headless; nothing leaves this machine.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Server as ChainServer } from 'proxy-chain';
import { findBrowserOnPath } from '../src/cmd/parts/find-browser.ts';
import { openApi, type Api } from './bench/api.ts';
import { startPorthole } from './bench/porthole.ts';
import { startDetectorSite, type DetectorSite } from './stealth/detector-site.ts';
import { allChecks, judgeReport, type Check } from './stealth/findings.ts';
import { drivers, visitDetectors } from './stealth/visit.ts';

/** As in `POST /browser/sessions`. */
const wishes = {
  plain: {},
  stealth: { capabilities: ['stealth'] },
  'stealth, from `de`': { capabilities: ['stealth'], proxy: { location: 'de' } },
} as const;

const env = process.env;
const isHeadless = process.argv.includes('--headless');
const asJson = process.argv.includes('--json');

interface Column {
  readonly name: string;
  readonly saw: ReadonlyMap<Check, string>;
}

async function look(api: Api, site: DetectorSite): Promise<Column[]> {
  const columns: Column[] = [];
  for (const [name, wish] of Object.entries(wishes)) {
    for (const driver of drivers) {
      console.error(`${name}, driven by ${driver}`);
      const { id, cdpUrl } = (await api.call('POST', 'sessions', wish)) as { id: string; cdpUrl: string };
      const { report } = await visitDetectors(site, cdpUrl, driver);
      await api.call('DELETE', `sessions/${id}`);
      const saw = new Map(judgeReport(report).map((finding) => [finding.check, finding.saw]));
      columns.push({ name: driver === 'nobody' ? name : `${name}, ${driver}`, saw });
    }
  }
  return columns;
}

/** `·`: nothing was seen. */
function toTable(columns: readonly Column[]): string {
  const cell = (saw: string | undefined): string => (saw === undefined ? '·' : saw.replaceAll('|', '/'));
  const rows = allChecks.map((check) => [check, ...columns.map(({ saw }) => cell(saw.get(check)))]);
  const all = [
    ['a page sees', ...columns.map(({ name }) => name)],
    columns.concat(columns[0] ?? []).map(() => '---'),
    ...rows,
  ];
  return all.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

const folder = await mkdtemp(path.join(tmpdir(), 'porthole-stealth-'));
const upstream = new ChainServer({ host: '127.0.0.1', port: 0 });
try {
  await upstream.listen();
  const providers = path.join(folder, 'providers.json');
  const spec = { locations: { de: `http://127.0.0.1:${upstream.port}` }, allowInternal: true };
  const provider = { apiVersion: 'porthole.dev/v1alpha1', kind: 'ProxyProvider', metadata: { name: 'report' }, spec };
  await writeFile(providers, JSON.stringify(provider));
  const run = {
    chromium: env['PORTHOLE_CHROMIUM'] ?? findBrowserOnPath(env['PATH'] ?? '') ?? '',
    repository: path.resolve(import.meta.dirname, '..'),
    nodeFlags: [],
    samples: (full: number) => full,
    progress: () => undefined,
    signal: new AbortController().signal,
    remark: () => undefined,
    add: () => undefined,
  };
  await using site = await startDetectorSite();
  const knobs = { PORTHOLE_PROVIDERS: providers, PORTHOLE_WARM_MIN: 1, PORTHOLE_WARM_MAX: 1 };
  await using porthole = await startPorthole(run, { ...knobs, PORTHOLE_DISPLAY: isHeadless ? 'headless' : 'auto' });
  const columns = await look(await openApi(porthole), site);
  console.log(
    asJson
      ? JSON.stringify(columns.map(({ name, saw }) => ({ name, saw: Object.fromEntries(saw) })))
      : toTable(columns),
  );
} finally {
  await upstream.close(true);
  await rm(folder, { recursive: true, force: true });
}
