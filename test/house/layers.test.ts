import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { confined, mayImport, rootsOnly } from '../../layers.js';

/**
 * The layer table is worth nothing unless lint refuses what it forbids and allows what it allows. So: a copy of the house with
 * nothing in it but planted imports, one a file, linted with the real configuration.
 */
interface Planted {
  /** Path below the house. */
  readonly file: string;
  readonly source: string;
  readonly isAllowed: boolean;
}

const repository = path.resolve(import.meta.dirname, '../..');
const layers = Object.keys(mayImport);
const mayUse = (from: string, to: string): boolean => {
  const allowed = mayImport[from] ?? [];
  return allowed === '*' || allowed.includes(to);
};

const value = (to: string): string => `export { probe } from '../${to}/probe.ts';\n`;
const type = (to: string): string => `import type { Probe } from '../${to}/probe.ts';\nexport type Again = Probe;\n`;

/** Each layer imports each other one: as a value, and as a type. */
function plantLayers(): Planted[] {
  const pairs = layers.flatMap((from) => layers.filter((to) => to !== from).map((to) => ({ from, to })));
  return pairs.flatMap(({ from, to }) => [
    { file: `src/${from}/value-of-${to}.ts`, source: value(to), isAllowed: mayUse(from, to) },
    { file: `src/${from}/type-of-${to}.ts`, source: type(to), isAllowed: mayUse(from, to) },
  ]);
}

/** Concrete stores are for the composition roots, even where the layer above them is open. */
function plantStores(): Planted[] {
  return layers.flatMap((from) =>
    rootsOnly
      .filter((store) => !store.startsWith(`${from}/`))
      .map((store) => ({
        file: `src/${from}/store-${path.basename(store)}.ts`,
        source: value(store),
        isAllowed: from === 'cmd',
      })),
  );
}

const importOf = (name: string): string => `import * as it from '${name}';\nexport const x: unknown = it;\n`;
const spots = [
  ...new Set([...layers, ...rootsOnly, ...Object.values(confined).flat(), 'agent/chromium', 'agent/server']),
];
const lives = (spot: string, homes: readonly string[]): boolean =>
  homes.some((home) => spot === home || spot.startsWith(`${home}/`));

function plantPackages(): Planted[] {
  return spots.flatMap((spot) =>
    Object.entries(confined).map(([name, homes]) => ({
      file: `src/${spot}/package-${name.replace(/\W+/g, '-')}.ts`,
      source: importOf(name),
      isAllowed: lives(spot, homes),
    })),
  );
}

/** Statements that a decision may not hold, and that anybody else's code may. */
const impure: Record<string, string> = {
  clock: 'export const x = Date.now();\n',
  'new-date': 'export const x = new Date();\n',
  'monotonic-clock': 'export const x = performance.now();\n',
  randomness: 'export const x = Math.random();\n',
  'random-uuid': 'export const x = crypto.randomUUID();\n',
  timer: 'setTimeout(() => undefined, 1);\n',
  interval: 'setInterval(() => undefined, 1);\n',
  immediate: 'setImmediate(() => undefined);\n',
  network: "export const x = fetch('http://localhost');\n",
  process: 'export const x = process.pid;\n',
  'global-object': 'export const x: unknown = globalThis;\n',
};

function plantPurity(): Planted[] {
  const statements = Object.entries(impure).flatMap(([name, source]) => [
    { file: `src/core/impure-${name}.ts`, source, isAllowed: false },
    { file: `src/core/deep/folder/impure-${name}.ts`, source, isAllowed: false },
    { file: `src/controllers/impure-${name}.ts`, source, isAllowed: true },
  ]);
  const packages = ['zod', 'pino', 'undici', 'node:fs', 'node:crypto', 'node:timers/promises'];
  return [
    ...statements,
    ...packages.map((name) => ({
      file: `src/core/run-${name.replace(/\W+/g, '-')}.ts`,
      source: importOf(name),
      isAllowed: false,
    })),
    {
      file: 'src/core/types-only.ts',
      source: "import type { Pod } from 'kubernetes-types/core/v1.js';\nexport type X = Pod;\n",
      isAllowed: true,
    },
  ];
}

/** What holds everywhere but in src/cmd. */
function plantEnvironment(): Planted[] {
  return layers.flatMap((layer) => [
    {
      file: `src/${layer}/reads-environment.ts`,
      source: "export const x = process.env['HOME'];\n",
      isAllowed: layer === 'cmd',
    },
    { file: `src/${layer}/exits.ts`, source: 'process.exit(1);\n', isAllowed: layer === 'cmd' },
    { file: `src/${layer}/default-export.ts`, source: 'export default 1;\n', isAllowed: false },
  ]);
}

/** Two files that import each other, within one layer. */
const cycle: readonly Planted[] = [
  {
    file: 'src/lib/cycle/a.ts',
    source: "import { b } from './b.ts';\nexport const a = (): unknown => b;\n",
    isAllowed: false,
  },
  {
    file: 'src/lib/cycle/b.ts',
    source: "import { a } from './a.ts';\nexport const b = (): unknown => a;\n",
    isAllowed: false,
  },
];

const planted = [
  ...plantLayers(),
  ...plantStores(),
  ...plantPackages(),
  ...plantPurity(),
  ...plantEnvironment(),
  ...cycle,
];

/** The rules that hold the walls. Others (unused variables and such) are not what is planted here. */
const wallRules = new Set([
  'import-x/no-restricted-paths',
  'import-x/no-cycle',
  'import-x/no-default-export',
  '@typescript-eslint/no-restricted-imports',
  'no-restricted-globals',
  'no-restricted-properties',
]);

interface LintMessage {
  readonly ruleId: string | null;
  readonly fatal?: boolean;
  readonly message: string;
}

let house = '';
const refusals = new Map<string, readonly LintMessage[]>();

function write(file: string, text: string): void {
  mkdirSync(path.dirname(path.join(house, file)), { recursive: true });
  writeFileSync(path.join(house, file), text);
}

beforeAll(() => {
  house = realpathSync(mkdtempSync(path.join(tmpdir(), 'porthole-house-')));
  for (const file of ['eslint.config.js', 'layers.js', 'tsconfig.json', 'package.json']) {
    cpSync(path.join(repository, file), path.join(house, file));
  }
  symlinkSync(path.join(repository, 'node_modules'), path.join(house, 'node_modules'));
  for (const folder of [...layers, ...rootsOnly]) {
    write(`src/${folder}/probe.ts`, 'export const probe = 1;\nexport interface Probe {\n  readonly a: string;\n}\n');
  }
  for (const { file, source } of planted) write(file, source);
  const eslint = path.join(repository, 'node_modules/eslint/bin/eslint.js');
  const run = spawnSync(process.execPath, [eslint, '-f', 'json', 'src'], {
    cwd: house,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (run.status !== 0 && run.status !== 1) throw new Error(`eslint could not run:\n${run.stderr}`);
  const results = JSON.parse(run.stdout) as { filePath: string; messages: LintMessage[] }[];
  for (const { filePath, messages } of results) refusals.set(path.relative(house, filePath), messages);
});
afterAll(() => rmSync(house, { recursive: true, force: true }));

describe('lint', () => {
  it('read every planted file', () => {
    const files = [...planted.map(({ file }) => file), ...[...layers, ...rootsOnly].map((f) => `src/${f}/probe.ts`)];
    expect([...refusals.keys()].toSorted()).toEqual(files.toSorted());
    expect([...refusals.values()].flat().filter((message) => message.fatal)).toEqual([]);
  });

  it.each(planted)('$file: allowed $isAllowed', ({ file, isAllowed }) => {
    const messages = (refusals.get(file) ?? []).filter(({ ruleId }) => wallRules.has(ruleId ?? ''));
    if (isAllowed) expect(messages).toEqual([]);
    else expect(messages).not.toEqual([]);
  });
});

describe('layers.js', () => {
  it('knows every folder of src, and no other', () => {
    const folders = readdirSync(path.join(repository, 'src'), { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    );
    expect(layers.toSorted()).toEqual(folders.map((folder) => folder.name).toSorted());
  });
});
