import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { imagesFolder } from '../../hack/images/build.ts';
import { builderArchive } from '../../hack/images/builder.ts';
import { imageNames, images, type ImageName } from '../../hack/images/image.ts';

/*
 * The two ways of making an image, side by side: `npm run images` and `npm run images -- --containerfiles`. Looks at what they
 * made on this machine; without both there is nothing to compare.
 */

const descriptor = z.object({ digest: z.string(), mediaType: z.string() });
const indexShape = z.object({ manifests: z.tuple([descriptor]) });
const manifestShape = z.object({ config: descriptor, layers: z.array(descriptor) });
const configShape = z.object({
  config: z.object({
    User: z.string(),
    Env: z.array(z.string()),
    Entrypoint: z.array(z.string()),
    Labels: z.record(z.string(), z.string()),
  }),
});

interface Entry {
  readonly mode: string;
  readonly owner: string;
}

interface Contents {
  readonly config: z.infer<typeof configShape>['config'];
  /** By path, without Porthole's own files: those are checked by images.test.ts, and are as old as the archive. */
  readonly system: ReadonlyMap<string, Entry>;
  readonly users: string;
  readonly packages: readonly string[];
}

const big = { encoding: 'utf8', maxBuffer: 2 ** 28 } as const;

/** What lies below `paths`, which are tar's wildcards; empty where there is none. A layer may be compressed. */
function readFromLayer(archive: string, blob: string, paths: readonly string[]): string {
  const script = 'tar -xOf "$0" "$1" | zcat -f | tar -xOf - --wildcards "$2" "$3" 2> /dev/null || true';
  return execFileSync('sh', ['-c', script, archive, blob, ...paths, ...paths], big);
}

function listLayer(archive: string, blob: string): readonly (readonly [string, Entry])[] {
  const script = 'tar -xOf "$0" "$1" | zcat -f | tar -tvf - --numeric-owner';
  const text = execFileSync('sh', ['-c', script, archive, blob], big);
  return text.split('\n').flatMap((line) => {
    const [mode = '', owner = '', , , , name = ''] = line.split(/\s+/);
    const file = `/${name.replace(/^\.?\//, '').replace(/\/$/, '')}`;
    return name === '' ? [] : [[file, { mode, owner }] as const];
  });
}

function readContents(archive: string): Contents {
  const json = (member: string): unknown => JSON.parse(execFileSync('tar', ['-xOf', archive, member], big));
  const blobOf = ({ digest }: { readonly digest: string }): string => `blobs/${digest.replace(':', '/')}`;
  const manifest = manifestShape.parse(json(blobOf(indexShape.parse(json('index.json')).manifests[0])));
  const blobs = manifest.layers.map(blobOf);
  const read = (...paths: readonly string[]): string =>
    blobs.map((blob) => readFromLayer(archive, blob, paths)).join('');
  const status = read('*var/lib/dpkg/status', '*var/lib/dpkg/status.d/*');
  return {
    config: configShape.parse(json(blobOf(manifest.config))).config,
    system: new Map(
      blobs.flatMap((blob) => listLayer(archive, blob)).filter(([file]) => !/^\/opt(\/|$)|^\/$/.test(file)),
    ),
    // Whether passwords stand elsewhere, nobody has one.
    users: read('*etc/passwd').replaceAll(/^([^:]+):[x*]:/gm, '$1:'),
    packages: [...status.matchAll(/^Package: (.*)$/gm)].map(([, name = '']) => name).sort(),
  };
}

/** What differs and may: what a way of making leaves of itself, or mounts over. */
const ofTheMaking = [
  // mmdebstrap's note of what it told dpkg, and folders that are empty.
  /^\/etc\/dpkg(\/|$)/,
  /^\/var\/(cache|log|lib\/dpkg)(\/|$)/,
  /^\/usr\/share\/(man|info|locale|lintian|bash-completion)(\/|$)/,
  /^\/etc\/fstab$/,
  /^\/usr\/share\/doc\/[^/]+\/(.+\/)*(?!copyright$)[^/]+$/,
  // Mount points that a container's runtime covers.
  /^\/dev$/,
  /^\/run(\/|$)/,
  /^\/etc\/(hosts|hostname|resolv\.conf)$/,
];

const unwanted = [
  /\/bin\/(.*-)?(gcc|cc|clang|ld|as|make|apt|apt-get|curl|wget)$/,
  /^\/etc\/machine-id$/,
  /^\/var\/lib\/dbus\/machine-id$/,
];

const archives = (name: ImageName): readonly [string, string] => [
  path.join(imagesFolder(process.env), `${name}.oci.tar`),
  builderArchive(name, process.env),
];

describe.each(imageNames)('%s of mmdebstrap and of its Containerfile', (name) => {
  const [ownFile, builtFile] = archives(name);
  const isThere = existsSync(ownFile) && existsSync(builtFile);
  let read: { readonly own: Contents; readonly built: Contents } | undefined;
  beforeAll(() => {
    if (isThere) read = { own: readContents(ownFile), built: readContents(builtFile) };
  }, 300_000);
  const both = (): { readonly own: Contents; readonly built: Contents } => {
    if (!read) throw new Error('There is nothing to compare.');
    return read;
  };

  it.skipIf(!isThere)('have the same packages of Debian', () => {
    const { own, built } = both();
    expect(own.packages.length).toBeGreaterThan(3);
    expect(built.packages).toEqual(own.packages);
  });

  it.skipIf(!isThere)('have the same files, with the same modes and owners', () => {
    const tell = ({ system }: Contents): readonly string[] =>
      [...system]
        .filter(([file]) => !ofTheMaking.some((pattern) => pattern.test(file)))
        .map(([file, { mode, owner }]) => `${mode.replace(/^h/, '-')} ${owner} ${file}`)
        .sort();
    const { own, built } = both();
    expect(tell(own).length).toBeGreaterThan(50);
    expect(tell(built)).toEqual(tell(own));
  });

  it.skipIf(!isThere)('run as the same user, with the same program and environment', () => {
    const { own, built } = both();
    const { user, entrypoint, title } = images[name];
    expect(own.users).toContain(`:${user}:`);
    expect(built.users).toBe(own.users);
    for (const { config } of [own, built]) {
      expect(config).toMatchObject({ User: user, Entrypoint: entrypoint });
      expect(config.Labels).toMatchObject({ 'org.opencontainers.image.title': title });
    }
    expect([...built.config.Env].sort()).toEqual([...own.config.Env].sort());
  });

  it.skipIf(!isThere)('have no program that runs as somebody else, no compiler and no package manager', () => {
    const { own, built } = both();
    for (const { system } of [own, built]) {
      expect([...system].filter(([, { mode }]) => /^-.*[sS]/.test(mode))).toEqual([]);
      expect([...system.keys()].filter((file) => unwanted.some((pattern) => pattern.test(file)))).toEqual([]);
    }
  });
});
