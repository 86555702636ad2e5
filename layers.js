/**
 * Who may import whom under src/. The one table: eslint enforces it, docs/architecture.md shows it.
 * @type {Readonly<Record<string, '*' | readonly string[]>>}
 */
export const mayImport = {
  lib: [],
  api: ['lib'],
  core: ['api', 'lib'],
  kube: ['lib'],
  sandbox: ['api', 'lib'],
  blobs: ['lib'],
  extensions: ['lib'],
  controllers: ['core', 'api', 'kube', 'sandbox', 'blobs', 'lib'],
  facade: ['core', 'api', 'kube', 'sandbox', 'blobs', 'extensions', 'lib'],
  gateway: ['core', 'api', 'kube', 'sandbox', 'lib'],
  agent: ['api', 'extensions', 'lib'],
  proxy: ['api', 'lib'],
  localnode: ['kube', 'lib'],
  cmd: '*',
};

/** Concrete stores: only the composition roots choose between them. */
export const rootsOnly = ['kube/apiserver', 'kube/memory', 'blobs/directory', 'blobs/s3'];

/**
 * Packages and builtins that may be imported (as values) in one place only.
 * @type {Readonly<Record<string, readonly string[]>>}
 */
export const confined = {
  '@kubernetes/client-node': ['kube/apiserver'],
  express: ['facade'],
  ws: ['gateway', 'agent'],
  '@aws-sdk/client-s3': ['blobs/s3'],
  yauzl: ['extensions'],
  busboy: ['facade'],
  'node:child_process': ['agent', 'localnode'],
};
