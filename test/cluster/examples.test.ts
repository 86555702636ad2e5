import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiVersion } from '../../src/api/v1alpha1/group.ts';
import { chartFolder, parseManifests, renderChart, sessionsNamespace, type Manifest } from '../support/chart.ts';
import { startTestControlPlane, type TestControlPlane } from '../support/control-plane.ts';
import { gitOpsDefinitions } from '../support/gitops-kinds.ts';

const repository = resolve(import.meta.dirname, '../..');
const examples = join(repository, 'examples');

let plane: TestControlPlane;

/** As written or not at all: a field that nobody knows is an error, not dropped. */
const apply = (...args: readonly string[]): Promise<string> =>
  plane.kubectl(['apply', '--server-side', '--validate=strict', ...args]);
const read = async (file: string): Promise<Manifest[]> => parseManifests(await readFile(file, 'utf8'));

beforeAll(async () => {
  plane = await startTestControlPlane();
  await plane.applyCrds();
  for (const name of [sessionsNamespace, 'argocd', 'flux-system']) await plane.kubectl(['create', 'namespace', name]);
  const definitions = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: gitOpsDefinitions });
  await plane.kubectl(['apply', '-f', '-'], definitions);
  await plane.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s']);
});
afterAll(() => plane[Symbol.asyncDispose]());

/** Every manifest of examples/; Kustomize's own files are read by Kustomize. */
const files = (await readdir(examples, { recursive: true })).filter((file) => file.endsWith('.yaml')).sort();
const isForKustomize = (file: string): boolean => file.startsWith('kustomize/');

describe('examples/', () => {
  it.each(files.filter((file) => !isForKustomize(file)))('%s is taken by an API server as it is', async (file) => {
    const path = join(examples, file);
    const said = await apply('-f', path);
    for (const { metadata } of await read(path)) expect(said).toContain(`/${metadata.name} serverside-applied`);
  });

  it.each(['kustomize/base', 'kustomize/overlays/staging'])('%s is, too', async (folder) => {
    const said = await apply('-k', join(examples, folder));
    expect(said.trim().split('\n')).toHaveLength(3);
  });

  it('tells the reader of each of them', async () => {
    const readme = await readFile(join(examples, 'README.md'), 'utf8');
    const names = new Set(files.map((file) => (file.includes('/') ? `${file.split('/')[0]}/` : file)));
    for (const name of names) expect(readme).toContain(`[\`${name}\`]`);
  });

  it('holds no secret, only hashes', async () => {
    for (const file of files) expect(await readFile(join(examples, file), 'utf8')).not.toMatch(/^kind: Secret\b/m);
  });
});

describe('names that Kustomize changes', () => {
  it('are changed where other objects name them', async () => {
    const built = parseManifests(await plane.kubectl(['kustomize', join(examples, 'kustomize/overlays/staging')]));
    const of = (kind: string): unknown => built.find((manifest) => manifest.kind === kind);
    const name = 'staging-crawlers';
    expect(of('BrowserAccount')).toMatchObject({ metadata: { name }, spec: { limits: { pools: [name] } } });
    expect(of('BrowserPool')).toMatchObject({ metadata: { name } });
    expect(of('BrowserSession')).toMatchObject({ spec: { accountRef: { name } } });
  });
});

/** What an example of Argo CD or Flux points to in this repository, and with which values. */
interface Pointer {
  readonly path: string;
  readonly values: object;
  readonly namespace: string | undefined;
}

/** Where each kind says so. */
interface GitOpsSpecs {
  readonly Application: {
    readonly source: { readonly path: string; readonly helm?: { readonly valuesObject: object } };
    readonly destination: { readonly namespace: string };
  };
  readonly HelmRelease: {
    readonly chart: { readonly spec: { readonly chart: string } };
    readonly values: object;
    readonly targetNamespace: string;
  };
  readonly Kustomization: { readonly path: string };
}

const pointers: { readonly [K in keyof GitOpsSpecs]: (spec: GitOpsSpecs[K]) => Pointer } = {
  Application: ({ source, destination }) => ({
    path: source.path,
    values: source.helm?.valuesObject ?? {},
    namespace: destination.namespace,
  }),
  HelmRelease: ({ chart, values, targetNamespace }) => ({ path: chart.spec.chart, values, namespace: targetNamespace }),
  Kustomization: ({ path }) => ({ path, values: {}, namespace: undefined }),
};

function pointersOf({ kind, spec }: Manifest): Pointer[] {
  const point = pointers[kind as keyof GitOpsSpecs] as ((spec: unknown) => Pointer) | undefined;
  return point ? [point(spec)] : [];
}

describe.each(['argocd', 'flux'])('%s', (folder) => {
  const manifests = files.filter((file) => file.startsWith(`${folder}/`)).map((file) => read(join(examples, file)));

  it('points to the chart with values that it takes, and to manifests that Kustomize builds', async () => {
    const pointed = (await Promise.all(manifests)).flat().flatMap(pointersOf);
    expect(pointed).toHaveLength(2);
    const built = await Promise.all(
      pointed.map(async ({ path, values, namespace }) =>
        resolve(repository, path) === join(repository, chartFolder)
          ? renderChart(values, namespace)
          : parseManifests(await plane.kubectl(['kustomize', join(repository, path)])),
      ),
    );
    const kinds = built.flat().map(({ kind }) => kind);
    expect(kinds).toEqual(expect.arrayContaining(['Deployment', 'BrowserAccount', 'BrowserPool', 'BrowserSession']));
    expect(built.flat().some((manifest) => manifest.apiVersion === apiVersion)).toBe(true);
  });
});
