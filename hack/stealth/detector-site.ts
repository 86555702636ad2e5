import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRequire } from 'node:module';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import type { InputEvent, Report } from './report-shape.ts';

/** A web site on this machine that looks at its visitors the way sites that detect bots do. */
export interface DetectorSite extends AsyncDisposable {
  /** Address of a page whose findings `reportOf` gives. */
  urlFor(visit: string): string;
  /** Resolves when the page of that visit has reported. Rejects when it does not within 60 s. */
  reportOf(visit: string): Promise<Report>;
  /** What mouse and keyboard have done on the page so far. */
  inputOf(visit: string): readonly InputEvent[];
}

export interface SiteOptions {
  /** Address that sandboxes find this machine by. Default 127.0.0.1. */
  readonly host?: string;
  /** Another one of this machine, hence another site to browsers. Default 127.0.0.2. */
  readonly foreignHost?: string;
}

const reportLimitMs = 60_000;
const require = createRequire(import.meta.url);
const own = (name: string): string => path.join(import.meta.dirname, 'site', name);

/** Detectors of the npm registry as they are published, and what looks for the rest. */
const scripts: Readonly<Record<string, string>> = {
  '/botd.mjs': path.join(path.dirname(require.resolve('@fingerprintjs/botd')), 'botd.esm.js'),
  '/fpscanner.mjs': path.join(path.dirname(require.resolve('fpscanner')), 'fpScanner.es.js'),
  '/context.mjs': own('context.mjs'),
  '/frame.mjs': own('frame.mjs'),
  '/page.mjs': own('page.mjs'),
  '/worker.mjs': own('worker.mjs'),
};

/** All that a server may ask a Chromium to say of itself: https://wicg.github.io/ua-client-hints/ */
const acceptedHints = [
  'Sec-CH-UA-Arch',
  'Sec-CH-UA-Bitness',
  'Sec-CH-UA-Form-Factors',
  'Sec-CH-UA-Full-Version-List',
  'Sec-CH-UA-Model',
  'Sec-CH-UA-Platform-Version',
].join(', ');

const pageOf = (script: string, foreign: string): string =>
  `<!doctype html><html data-foreign="${foreign}"><title>A page</title>` +
  `<body><h1>A page</h1><button>Press me</button><input><script type="module" src="/${script}"></script>`;

interface Findings {
  readonly reports: Map<string, PromiseWithResolvers<Report>>;
  readonly inputs: Map<string, readonly InputEvent[]>;
}

function reportFor({ reports }: Findings, visit: string): PromiseWithResolvers<Report> {
  const known = reports.get(visit) ?? Promise.withResolvers<Report>();
  reports.set(visit, known);
  return known;
}

async function answer(request: IncomingMessage, response: ServerResponse, site: Findings & { foreign: string }) {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://site');
  const visit = searchParams.get('visit') ?? '';
  const say = (type: string, body: string): void => {
    response.writeHead(200, { 'content-type': type, 'accept-ch': acceptedHints, 'cache-control': 'no-store' });
    response.end(body);
  };
  const script = scripts[pathname];
  if (script !== undefined) say('text/javascript', await readFile(script, 'utf8'));
  else if (pathname === '/headers') say('application/json', JSON.stringify(request.headers));
  else if (pathname === '/frame.html') say('text/html', pageOf('frame.mjs', site.foreign));
  else if (pathname === '/page.html') say('text/html', pageOf('page.mjs', site.foreign));
  else if (pathname === '/report') {
    reportFor(site, visit).resolve(JSON.parse(await text(request)) as Report);
    say('text/plain', '');
  } else if (pathname === '/input') {
    site.inputs.set(visit, JSON.parse(await text(request)) as InputEvent[]);
    say('text/plain', '');
  } else response.writeHead(404).end();
}

async function listen(server: Server, host: string): Promise<string> {
  server.listen(0, host);
  await once(server, 'listening');
  return `http://${host}:${(server.address() as AddressInfo).port}/`;
}

export async function startDetectorSite(options: SiteOptions = {}): Promise<DetectorSite> {
  const { host = '127.0.0.1', foreignHost = '127.0.0.2' } = options;
  const findings: Findings = { reports: new Map(), inputs: new Map() };
  let foreign = '';
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    answer(request, response, { ...findings, foreign }).catch(() => response.destroy());
  };
  const servers = [createServer(listener), createServer(listener)] as const;
  const url = await listen(servers[0], host);
  foreign = await listen(servers[1], foreignHost);
  return {
    urlFor: (visit) => `${url}page.html?visit=${encodeURIComponent(visit)}`,
    reportOf: (visit) =>
      Promise.race([
        reportFor(findings, visit).promise,
        new Promise<never>((_, reject) => {
          setTimeout(() => reject(new Error(`The page of "${visit}" did not report.`)), reportLimitMs).unref();
        }),
      ]),
    inputOf: (visit) => findings.inputs.get(visit) ?? [],
    [Symbol.asyncDispose]: async () => {
      for (const server of servers) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}
