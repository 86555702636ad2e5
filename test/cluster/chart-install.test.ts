import type { Deployment } from 'kubernetes-types/apps/v1.js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { chartFolder, renderChart, sessionsNamespace, systemNamespace } from '../support/chart.ts';
import { startTestControlPlane, type TestControlPlane } from '../support/control-plane.ts';
import { patience } from '../support/patience.ts';

let plane: TestControlPlane;

const helm = (verb: string, ...args: readonly string[]): Promise<string> =>
  plane.helm([verb, 'porthole', ...args, '--namespace', systemNamespace]);
const upgrade = (...args: readonly string[]): Promise<string> =>
  helm('upgrade', chartFolder, '--install', '--create-namespace', ...args);
const names = async (...args: readonly string[]): Promise<string[]> =>
  (await plane.kubectl(['get', '-o=name', ...args])).split('\n').filter(Boolean);

beforeAll(async () => {
  plane = await startTestControlPlane({ controllers: true });
  await upgrade();
  await vi.waitFor(() => names('serviceaccount/default', `--namespace=${sessionsNamespace}`), patience);
});
afterAll(() => plane[Symbol.asyncDispose]());

describe('one helm install on an empty cluster', () => {
  it('leaves definitions, a pool and an account', async () => {
    expect(await names('porthole', `--namespace=${sessionsNamespace}`)).toEqual([
      'browseraccount.porthole.dev/default',
      'browserpool.porthole.dev/default',
    ]);
  });

  it('can be done again, and changes nothing then', async () => {
    const spec = '{.metadata.uid} {.metadata.generation} {.spec}';
    const look = (): Promise<string> =>
      plane.kubectl(['get', 'browserpool/default', '-n=porthole', `-o=jsonpath=${spec}`]);
    const before = await look();
    await upgrade();
    expect(await look()).toBe(before);
  });

  it('keeps what kubectl has scaled', async () => {
    await plane.kubectl(['scale', 'browserpool/default', '--replicas=3', '--namespace=porthole']);
    await upgrade('--set', 'facade.replicas=3');
    const min = ['get', 'browserpool/default', '-n=porthole', '-o=jsonpath={.spec.warm.min}'];
    expect(await plane.kubectl(min)).toBe('3');
  });
});

describe('Pod Security', () => {
  it('admits the programs where it enforces `restricted`', async () => {
    const label = 'pod-security.kubernetes.io/enforce=restricted';
    await plane.kubectl(['label', 'namespace', systemNamespace, label, '--overwrite']);
    const deployments = (await renderChart()).filter(({ kind }) => kind === 'Deployment');
    expect(deployments).toHaveLength(3);
    for (const { metadata, spec } of deployments) {
      const { template } = spec as NonNullable<Deployment['spec']>;
      const pod = { ...template, apiVersion: 'v1', kind: 'Pod', metadata: { name: metadata.name } };
      const path = `/api/v1/namespaces/${systemNamespace}/pods?dryRun=All`;
      expect(await plane.call({ method: 'POST', path, body: pod })).toMatchObject({ status: 201 });
    }
  });

  it('refuses anything less beside the sessions', async () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p' },
      spec: { containers: [{ name: 'a', image: 'a' }] },
    };
    const path = `/api/v1/namespaces/${sessionsNamespace}/pods?dryRun=All`;
    expect(await plane.call({ method: 'POST', path, body: pod })).toMatchObject({ status: 403 });
  });
});

describe('the budget of claimed sandboxes', () => {
  const podsPath = `/api/v1/namespaces/${sessionsNamespace}/pods`;

  async function runPod(name: string, labels: object): Promise<void> {
    const securityContext = {
      runAsNonRoot: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    };
    const spec = { nodeName: 'n', containers: [{ name: 'a', image: 'a', securityContext }] };
    const body = { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels }, spec };
    expect((await plane.call({ method: 'POST', path: podsPath, body })).status).toBe(201);
    const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
    const contentType = 'application/merge-patch+json';
    await plane.call({ method: 'PATCH', path: `${podsPath}/${name}/status`, body: { status }, contentType });
  }

  const evict = (name: string) => {
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: sessionsNamespace } };
    return plane.call({ method: 'POST', path: `${podsPath}/${name}/eviction`, body });
  };

  it("keeps a session's sandbox from a drain, and lets a warm one go", async () => {
    await runPod('claimed', { 'porthole.dev/session-uid': 'u' });
    await runPod('warm', {});
    const seen = '{.status.currentHealthy}';
    const budget = ['get', 'pdb/porthole-claimed-sandboxes', '-n=porthole', `-o=jsonpath=${seen}`];
    await vi.waitFor(async () => expect(await plane.kubectl(budget)).toBe('1'), patience);
    expect(await evict('claimed')).toMatchObject({ status: 429 });
    expect(await evict('warm')).toMatchObject({ status: 201 });
  });
});

describe("Kubernetes' own roles", () => {
  const may = async (user: string, verb: string, resource: string): Promise<boolean> => {
    const asked = ['auth', 'can-i', verb, resource, '--namespace=porthole', `--as=${user}`];
    return (await plane.kubectl(asked).catch(() => 'no')).trim() === 'yes';
  };

  const reading = ['get', 'list', 'watch'];
  const writing = ['create', 'delete', 'patch'];

  it.each([
    ['view', 'browsersessions', reading],
    ['view', 'browseraccounts', reading],
    ['edit', 'browsersessions', [...reading, ...writing]],
    ['edit', 'browserpools', reading],
    ['edit', 'browseraccounts', reading],
    ['admin', 'browserpools', [...reading, ...writing]],
    ['admin', 'browseraccounts', [...reading, ...writing]],
  ])('let %s do with %s: %j', async (role, resource, verbs) => {
    const user = `${role}-of-${resource}`;
    await plane.kubectl(['create', 'rolebinding', user, '-n=porthole', `--clusterrole=${role}`, `--user=${user}`]);
    const granted = async (): Promise<string[]> => {
      const all = [...reading, ...writing];
      const answers = await Promise.all(all.map((verb) => may(user, verb, resource)));
      return all.filter((_, i) => answers[i]);
    };
    // The controller that adds up roles takes its time.
    await vi.waitFor(async () => expect(await granted()).toEqual(verbs), patience);
  });
});

describe('an upgrade', () => {
  it('onto definitions that lack a field is refused, and says what to do first', async () => {
    const at = '/spec/versions/0/schema/openAPIV3Schema/properties';
    const remove = (field: string) => ({ op: 'remove', path: `${at}/${field}` });
    const patch = JSON.stringify([remove('status/properties/bootTimeMs'), remove('status/properties/hitRatio')]);
    await plane.kubectl(['patch', 'crd/browserpools.porthole.dev', '--type=json', `--patch=${patch}`]);
    await expect(upgrade()).rejects.toThrow(
      /browserpools\.porthole\.dev\/v1alpha1\.status\.bootTimeMs.*helm show crds/s,
    );
    const definitions = await plane.helm(['show', 'crds', chartFolder]);
    await plane.kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], definitions);
    await upgrade();
  });
});

describe('helm uninstall', () => {
  it('leaves what people have made, and a new install goes on with it', async () => {
    const session = {
      apiVersion: 'porthole.dev/v1alpha1',
      kind: 'BrowserSession',
      metadata: { name: 's' },
      spec: { accountRef: { name: 'a' } },
    };
    await plane.kubectl(['create', '--namespace=porthole', '-f', '-'], JSON.stringify(session));
    await helm('uninstall', '--wait');
    expect(
      await names('porthole,serviceaccounts', '--all-namespaces', '-l', 'app.kubernetes.io/name=porthole'),
    ).toEqual([]);
    expect(await names('porthole', '--namespace=porthole')).toEqual(['browsersession.porthole.dev/s']);
    await upgrade();
    expect(await names('porthole', '--namespace=porthole')).toHaveLength(3);
  });
});
