import js from '@eslint/js';
import ts from 'typescript-eslint';
import { importX } from 'eslint-plugin-import-x';
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript';
import { confined, mayImport, rootsOnly } from './layers.js';

const layered = Object.keys(mayImport).filter((f) => mayImport[f] !== '*');

const zones = [
  ...layered.map((f) => ({
    target: `./src/${f}`,
    from: './src',
    except: [f, ...mayImport[f]].map((x) => `./${x}`),
    message: `src/${f} may import only: ${mayImport[f].join(', ') || 'nothing in src'}.`,
  })),
  ...layered.map((f) => ({
    target: `./src/${f}`,
    from: rootsOnly.filter((x) => !x.startsWith(`${f}/`)).map((x) => `./src/${x}`),
    message: 'Take the port; only src/cmd picks which store is behind it.',
  })),
];

const importRule = (paths, patterns = []) => ({
  '@typescript-eslint/no-restricted-imports': ['error', { paths, patterns }],
});
const notHere = (pkgs) =>
  pkgs.map((name) => ({
    name,
    allowTypeImports: true,
    message: `${name} is confined to ${confined[name].map((f) => `src/${f}`).join(', ')}.`,
  }));
const all = Object.keys(confined);
const homes = [...new Set(Object.values(confined).flat())].sort(); // parents before children
const livesIn = (pkg, home) => confined[pkg].some((h) => home === h || home.startsWith(`${h}/`));

export default ts.config(
  { ignores: ['node_modules', '*.js', 'hack/**/*.mjs'] },
  js.configs.recommended,
  ...ts.configs.strictTypeChecked,
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true } },
    plugins: { 'import-x': importX },
    settings: {
      'import-x/resolver-next': [createTypeScriptImportResolver()],
      // Without these two, no-cycle sees no .ts module graph and passes everything.
      'import-x/extensions': ['.ts'],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
    },
    rules: {
      'import-x/no-restricted-paths': ['error', { zones }],
      'import-x/no-cycle': 'error',
      'import-x/no-default-export': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      'max-params': ['error', 3],
      complexity: ['error', { max: 10, variant: 'modified' }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // A lifetime that is only held is used.
      '@typescript-eslint/no-unused-vars': [
        'error',
        { ignoreUsingDeclarations: true, varsIgnorePattern: '^_', argsIgnorePattern: '^_' },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      'no-console': 'error',
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'Read the environment in src/cmd only.' },
        { object: 'process', property: 'exit', message: 'Dispose and let the loop empty.' },
      ],
      ...importRule(notHere(all)),
    },
  },
  // A later block replaces a rule's options (it does not merge), so each home states its whole list.
  ...homes.map((home) => ({
    files: [`src/${home}/**/*.ts`],
    rules: importRule(notHere(all.filter((p) => !livesIn(p, home)))),
  })),
  {
    files: ['src/core/**/*.ts'],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        ...[
          'globalThis',
          'global',
          'Date',
          'process',
          'setTimeout',
          'setInterval',
          'setImmediate',
          'fetch',
          'crypto',
          'performance',
        ].map((name) => ({ name, message: 'core is pure: take it as an argument.' })),
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'core is pure: take it as an argument.' },
      ],
      ...importRule(
        [],
        [{ regex: '^[^.]', allowTypeImports: true, message: 'core imports no package at run time (types are fine).' }],
      ),
    },
  },
  { files: ['src/cmd/**/*.ts'], rules: { 'no-restricted-properties': 'off' } },
  { files: ['vitest.config.ts'], rules: { 'import-x/no-default-export': 'off' } },
  {
    files: ['**/*.test.ts', 'test/**/*.ts', 'hack/**/*.ts'],
    rules: {
      'max-lines': 'off',
      'max-lines-per-function': 'off',
      'max-params': 'off',
      'no-restricted-properties': 'off',
      'no-restricted-globals': 'off',
      '@typescript-eslint/no-restricted-imports': 'off',
      // A test may put any two rooms together.
      'import-x/no-restricted-paths': 'off',
    },
  },
  { files: ['hack/**/*.ts'], rules: { 'no-console': 'off' } },
  {
    // Runs in a viewer's browser as it is.
    files: ['src/gateway/live/page/*.js'],
    extends: [ts.configs.disableTypeChecked],
    languageOptions: {
      globals: Object.fromEntries(
        ['addEventListener', 'dispatchEvent', 'document', 'Event', 'fetch', 'location', 'matchMedia', 'navigator']
          .concat(['setTimeout', 'URL', 'WebSocket'])
          .map((name) => [name, 'readonly']),
      ),
    },
    rules: {
      'max-lines': ['error', 400],
      'max-lines-per-function': ['error', 60],
      'max-params': ['error', 3],
      complexity: ['error', 10],
    },
  },
);
