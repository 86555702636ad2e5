import { readFileSync } from 'node:fs';
import path from 'node:path';
import { repository, type ImageName } from './image.ts';

/** `import … from './x.ts'`, `export … from` and `import('./x.ts')`; not what is gone before the code runs. */
const imports = /(?:^|\n)\s*(?:import|export)\s(?!type\b)[^;'"]*?from\s+'(\.[^']+)'|\bimport\('(\.[^']+)'\)/g;

/** The same of packages: `import … from 'x'`, `import('@a/x/y')`. */
const packageImports =
  /(?:^|\n)\s*(?:import|export)\s(?!type\b)[^;'"]*?from\s+'((?!\.|node:)[^']+)'|\bimport\('((?!\.|node:)[^']+)'\)/g;

const readSource = (file: string): string => readFileSync(path.join(repository, file), 'utf8');

/** Paths below the repository of the modules that `entries` load, themselves included. */
export function listModules(
  entries: readonly string[],
  read: (file: string) => string = readSource,
): readonly string[] {
  const found = new Set<string>();
  const visit = (file: string): void => {
    if (found.has(file)) return;
    found.add(file);
    for (const [, from, lazy] of read(file).matchAll(imports)) {
      const target = from ?? lazy;
      if (target !== undefined) visit(path.posix.join(path.posix.dirname(file), target));
    }
  };
  for (const entry of entries) visit(entry);
  return [...found].sort();
}

/** https://docs.npmjs.com/cli/configuring-npm/package-lock-json#packages */
export interface LockedPackage {
  readonly version?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly optional?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly license?: string;
}

const lock = (): Readonly<Record<string, LockedPackage>> =>
  (
    JSON.parse(readFileSync(path.join(repository, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, LockedPackage>;
    }
  ).packages;

/** Folders below the repository of the packages that run: no tools, and not Node.js itself, which lies elsewhere. */
export function listPackages(
  packages: Readonly<Record<string, LockedPackage>> = lock(),
): readonly { readonly folder: string; readonly locked: LockedPackage }[] {
  return Object.entries(packages)
    .filter(([folder, { dev, devOptional }]) => folder !== '' && !dev && !devOptional)
    .filter(([folder]) => !/^node_modules\/node-linux-[^/]+$/.test(folder))
    .map(([folder, locked]) => ({ folder, locked }));
}

/** Names of the packages that these modules load, without those that are loaded in turn. */
export function listImportedPackages(
  modules: readonly string[],
  read: (file: string) => string = readSource,
): readonly string[] {
  const specifiers = modules.flatMap((file) =>
    [...read(file).matchAll(packageImports)].map(([, from, lazy]) => from ?? lazy ?? ''),
  );
  const names = specifiers.map((specifier) => /^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? '');
  return [...new Set(names)].sort();
}

/** Folders of these packages and of all that they depend on, as npm lays them out where no two versions of one are needed. */
export function withDependencies(
  names: readonly string[],
  packages: Readonly<Record<string, LockedPackage>> = lock(),
): readonly string[] {
  const found = new Set<string>();
  const visit = (name: string): void => {
    const folder = `node_modules/${name}`;
    const locked = packages[folder];
    if (!locked) throw new Error(`package-lock.json does not know ${name}`);
    if (found.has(folder)) return;
    found.add(folder);
    for (const dependency of Object.keys(locked.dependencies ?? {})) {
      if (packages[`${folder}/node_modules/${dependency}`]) throw new Error(`${name} has a ${dependency} of its own`);
      visit(dependency);
    }
  };
  for (const name of names) visit(name);
  return [...found].sort();
}

/** The programs of an image; `porthole <role>` loads the role's file when it is asked for. */
const roles: Readonly<Record<ImageName, readonly string[]>> = {
  porthole: ['src/cmd/process-command.ts', 'src/cmd/seccomp-profile.ts'],
  'porthole-sandbox': ['src/cmd/agent.ts', 'src/cmd/proxy.ts'],
};

/** What modules read, and do not import: folders below the repository. */
const assets: Readonly<Record<ImageName, readonly string[]>> = {
  porthole: ['src/gateway/live/page'],
  'porthole-sandbox': [],
};

/** src/cmd/main.ts names all roles; those of the other image stay out, and are not found when asked for. */
function entriesOf(name: ImageName): readonly string[] {
  const withoutRoles = (file: string): string =>
    readSource(file).replaceAll(file === 'src/cmd/main.ts' ? /\bimport\('[^']+'\)/g : /$^/g, '');
  return listModules(['src/cmd/main.ts', ...roles[name]], withoutRoles);
}

/** The control plane gets all packages that run; the sandbox, next to hostile pages, those that it loads. */
export function packagesOfImage(
  name: ImageName,
): readonly { readonly folder: string; readonly locked: LockedPackage }[] {
  if (name === 'porthole') return listPackages();
  const packages = lock();
  return withDependencies(listImportedPackages(entriesOf(name)), packages).map((folder) => ({
    folder,
    locked: packages[folder] ?? {},
  }));
}

/** Paths below the repository of all that Porthole puts into an image; folders of packages stand for what is in them. */
export function listAppFiles(name: ImageName): readonly string[] {
  const modules = entriesOf(name);
  const packages = packagesOfImage(name).map(({ folder }) => folder);
  return ['package.json', 'LICENSE', ...modules, ...assets[name], ...packages];
}
