import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { expect } from 'vitest';
import { attach } from './cdp-client.ts';
import { readDocBlocks, isShown, type DocBlock } from './doc-blocks.ts';
import { freePort } from './free-port.ts';
import { openTerminal, type Terminal } from './terminal.ts';
import { readVideo } from './video.ts';
import type { World } from './world.ts';

const root = resolve(import.meta.dirname, '../..');

export const blocksOf = (document: string): readonly DocBlock[] =>
  readDocBlocks(readFileSync(join(root, document), 'utf8'));

/** Every document of which something is run. */
export const documents = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)]
  .filter((name) => name.endsWith('.md') && blocksOf(name).length > 0)
  .toSorted();

/** Somebody with a Porthole of his own, who pastes what a document says. */
export interface DocReader {
  /** Starts Porthole with these settings, when the document gets there. */
  start(settings: Readonly<Record<string, string>>): Promise<World>;
  /** Folders and files that documents name, and what they are here. */
  places(world: World): readonly (readonly [string, string])[];
  /** Folders of programs that the document takes for granted. */
  readonly path: readonly string[];
}

/** What a block's option `check=` asks for besides. */
const checks: Readonly<Record<string, (written: string, folder: string) => Promise<unknown>>> = {
  /** The last line is a URL at which a CDP client finds a browser. */
  attaches: async (written) => {
    await using client = await attach(written.trim().split('\n').at(-1) ?? '');
    expect(await client.call('Browser.getVersion')).toHaveProperty('product');
  },
  /** Each URL that is shown is a page that opens. */
  opens: async (written) => {
    const urls = written.match(/https?:\/\/[^\s"]+/g) ?? [];
    expect(urls.length).toBeGreaterThan(0);
    for (const url of urls) expect(await (await fetch(url)).text()).toContain('<title>Live view</title>');
  },
  /** The file that was downloaded is a film of some seconds. */
  plays: (_, folder) => {
    const { codec, duration, complaints } = readVideo(readFileSync(join(folder, 'session.mp4')));
    expect({ codec, complaints }).toEqual({ codec: 'h264', complaints: '' });
    expect(duration).toBeGreaterThan(2);
    return Promise.resolve();
  },
};

/** `A=1 B=2 npm start`. */
function settingsIn(code: string, here: (text: string) => string): Record<string, string> {
  const words = code.trim().split(/\s+/);
  if (words.splice(-2).join(' ') !== 'npm start') throw new Error(`this does not start Porthole: ${code}`);
  return Object.fromEntries(words.map((word) => [word.split('=')[0] ?? '', here(word.slice(word.indexOf('=') + 1))]));
}

interface Desk {
  readonly terminal: Terminal;
  readonly folder: string;
  readonly here: (text: string) => string;
}

/** A module is what a reader saves in this folder and has run by node. */
async function linesOf({ language, code, line }: DocBlock, { folder, here }: Desk): Promise<string> {
  if (language !== 'js') return here(code);
  const file = join(folder, `line-${line}.mjs`);
  await writeFile(file, here(code));
  return `node '${file}'`;
}

async function follow(block: DocBlock, desk: Desk): Promise<void> {
  const { terminal, folder, here } = desk;
  const where = `line ${block.line}`;
  const written = await terminal.paste(await linesOf(block, desk));
  if (block.output !== undefined && !isShown(written, here(block.output)))
    expect(written, where).toBe(here(block.output));
  const check = block.options.get('check');
  if (check !== undefined) await checks[check]?.(written, folder);
  expect(check === undefined || check in checks, `${where}: what is check=${check ?? ''}?`).toBe(true);
}

/** Replaces what stands for something else here. The longer ones come first. */
const replaceIn = (text: string, places: readonly (readonly [string, string])[]): string =>
  places.reduce((replaced, [from, to]) => replaced.replaceAll(from, to), text);

/** Pastes these blocks of a document one after the other into one terminal, and compares what they write with what is shown. */
export async function followDocument(blocks: readonly DocBlock[], reader: DocReader): Promise<void> {
  await using stack = new AsyncDisposableStack();
  // Modules find the clients only from within the repository.
  const folder = await mkdtemp(join(root, 'node_modules', '.docs-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  let places: readonly (readonly [string, string])[] = [
    // Where the upstreams of examples listen.
    ['3128', String(await freePort())],
    ['/tmp/', `${folder}/`],
  ];
  const PATH = [...reader.path, dirname(process.execPath), process.env['PATH'] ?? ''].join(':');
  const terminal = stack.use(openTerminal({ cwd: root, env: { ...process.env, PATH } }));
  const here = (text: string): string => replaceIn(text, places);
  const start = async (settings: Readonly<Record<string, string>>): Promise<void> => {
    const world = await reader.start(settings);
    const urls = [
      ['127.0.0.1:8080', new URL(world.apiUrl).host],
      ['127.0.0.1:8081', new URL(world.gatewayUrl).host],
    ] as const;
    places = [...places, ...urls, ...reader.places(world)];
  };
  if (!blocks.some(({ options }) => options.has('start'))) await start({});
  for (const block of blocks) {
    if (block.options.has('start')) await start(settingsIn(block.code, here));
    else await follow(block, { terminal, folder, here });
  }
}
