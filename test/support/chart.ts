import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { loadAllYaml } from '@kubernetes/client-node';
import { findBinaries } from './control-plane.ts';

const run = promisify(execFile);
const repository = resolve(import.meta.dirname, '../..');

export const chartFolder = 'charts/porthole';
export const systemNamespace = 'porthole-system';
export const sessionsNamespace = 'porthole';

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec?: unknown;
}

/** A rule of a Role: https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/role-v1/ */
export interface RoleRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

export interface RoleManifest extends Manifest {
  readonly rules: readonly RoleRule[];
}

/** All documents of a YAML text; empty ones are left out. */
export const parseManifests = (yaml: string): Manifest[] => loadAllYaml(yaml).filter(Boolean) as Manifest[];

/** What the chart makes of values. Rejects with what helm said. */
export async function renderChart(values: object = {}, namespace = systemNamespace): Promise<Manifest[]> {
  const folder = await mkdtemp(join(tmpdir(), 'porthole-chart-'));
  try {
    const file = join(folder, 'values.json');
    await writeFile(file, JSON.stringify(values));
    const where = ['--namespace', namespace, '--kube-version', '1.35.0', '--values', file];
    const { stdout } = await run(findBinaries().helm, ['template', 'porthole', chartFolder, ...where], {
      cwd: repository,
      maxBuffer: 2 ** 24,
    });
    return parseManifests(stdout);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export const isRole = (manifest: Manifest): manifest is RoleManifest =>
  manifest.kind === 'Role' || manifest.kind === 'ClusterRole';
