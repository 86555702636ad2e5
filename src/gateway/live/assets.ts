import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

export interface Asset {
  readonly type: string;
  readonly body: Buffer;
  /** The same, compressed. */
  readonly gzipped: Buffer;
}

/** What the live view's page is made of. */
export interface LiveAssets {
  /** Changes with any of them, and stands in their addresses: they may be kept for ever. */
  readonly version: string;
  /** By the path below the version; undefined: there is none. */
  find(name: string): Asset | undefined;
  /** The page; `assets` is where they are, seen from its address. */
  page(assets: string): string;
}

const types: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
};

const ownFolder = path.join(import.meta.dirname, 'page');
const pageName = 'live-view.html';

/** noVNC's modules as their package has them: a browser loads them as they are. */
function novncFolder(): string {
  return path.resolve(path.dirname(fileURLToPath(import.meta.resolve('@novnc/novnc'))), '..');
}

function readFolder(folder: string, prefix: string): [string, Buffer][] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && path.extname(entry.name) in types)
    .map((entry) => {
      const file = path.join(entry.parentPath, entry.name);
      return [prefix + path.relative(folder, file).split(path.sep).join('/'), readFileSync(file)];
    });
}

/** Reads all of them, once: less than a megabyte. */
export function loadLiveAssets(): LiveAssets {
  const novnc = novncFolder();
  const files = new Map([
    ...readFolder(ownFolder, ''),
    ...['core', 'vendor'].flatMap((part) => readFolder(path.join(novnc, part), `novnc/${part}/`)),
  ]);
  const html = readFileSync(path.join(ownFolder, pageName), 'utf8');
  const sum = createHash('sha256').update(html);
  for (const [name, body] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) sum.update(name).update(body);
  const gzipped = new Map<string, Buffer>();
  return {
    version: sum.digest('hex').slice(0, 16),
    find: (name) => {
      const body = files.get(name);
      if (!body) return undefined;
      const small = gzipped.get(name) ?? gzipSync(body);
      gzipped.set(name, small);
      return { type: types[path.extname(name)] ?? 'application/octet-stream', body, gzipped: small };
    },
    page: (assets) => html.replaceAll('{{assets}}', assets),
  };
}
