import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

interface Entry {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const repository = path.resolve(import.meta.dirname, '../..');
const lock = JSON.parse(readFileSync(path.join(repository, 'package-lock.json'), 'utf8')) as {
  packages: Readonly<Record<string, Entry>>;
};

/** Where Node looks for a package from a folder: its own node_modules, then those above. */
function isLocked(folder: string, name: string): boolean {
  const steps = folder === '' ? [] : folder.split('/node_modules/');
  const above = steps.map((_, i) => steps.slice(0, steps.length - i).join('/node_modules/'));
  return [...above.map((at) => `${at}/node_modules/${name}`), `node_modules/${name}`].some((at) => at in lock.packages);
}

// Where a registry lacks the build of an optional package for some other system, npm install leaves it out of the lockfile without
// a word, and npm ci, the first thing that a fresh clone does, refuses that lockfile.
it('the lockfile names every package that another one asks for, other systems included', () => {
  const missing = Object.entries(lock.packages).flatMap(([folder, { dependencies, optionalDependencies }]) =>
    Object.keys({ ...dependencies, ...optionalDependencies })
      .filter((name) => !isLocked(folder, name))
      .map((name) => `${folder || 'package.json'} asks for ${name}`),
  );
  expect(missing).toEqual([]);
});
