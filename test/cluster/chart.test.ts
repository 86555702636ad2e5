import type { DaemonSet, Deployment } from 'kubernetes-types/apps/v1.js';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { browserPoolSpec, type BrowserPoolSpec } from '../../src/api/v1alpha1/browser-pool.ts';
import {
  parseFacadeConfig,
  parseGatewayConfig,
  parseOperatorConfig,
  type Surroundings,
} from '../../src/cmd/config/parse-process-config.ts';
import type { Parsed } from '../../src/cmd/config/read-knobs.ts';
import { chromiumProfile } from '../../src/core/pods/seccomp.ts';
import { isRole, renderChart, sessionsNamespace, systemNamespace, type Manifest } from '../support/chart.ts';

/** Values that turn on what the defaults leave out, and the reverse. */
const valueSets: readonly (readonly [string, object])[] = [
  ['the defaults', {}],
  [
    'everything',
    {
      image: { repository: 'registry.example.com/porthole', digest: `sha256:${'0'.repeat(64)}` },
      imagePullSecrets: [{ name: 'registry' }],
      publicUrls: { cdp: 'wss://cdp.example.com', live: 'https://live.example.com/view' },
      logLevel: 'debug',
      refusePeers: ['10.0.0.0/8', 'fd00::/8'],
      egressDenyPorts: [8080, 10250],
      runtimeClass: { create: true, nodeSelector: { 'katacontainers.io/kata-runtime': 'true' } },
      operator: { replicas: 3, nodeSelector: { a: 'b' }, tolerations: [{ operator: 'Exists' }] },
      gateway: {
        terminationGracePeriodSeconds: 10,
        podAnnotations: { a: 'b' },
        service: { type: 'LoadBalancer', annotations: { a: 'b' } },
      },
      pool: {
        startupDeadlineMs: 600_000,
        egressAllow: ['10.1.0.0/16'],
        nodeSelector: { a: 'b' },
        requirements: { isolation: 'VirtualMachine', browserSandbox: true },
        hostUsers: false,
        seccompProfile: { type: 'Localhost', localhostProfile: 'chromium.json' },
        storage: { work: '8Gi' },
      },
      seccompProfile: { install: { enabled: true, kubeletRootDir: '/data/kubelet', nodeSelector: { a: 'b' } } },
      account: { apiKeyHashes: ['a'.repeat(64)] },
    },
  ],
  [
    'as little as can be',
    {
      workloads: { enabled: false },
      rbac: { userRoles: false },
      networkPolicy: { enabled: false },
      sessions: { createNamespace: false, defaultDeny: false, disruptionBudget: false },
      pool: { create: false },
      account: { create: false },
    },
  ],
  ['a name that looks like a number', { sessions: { namespace: '1234' }, image: { tag: '1.0' } }],
];

const parsers: Readonly<Record<string, (around: Surroundings) => Parsed<unknown>>> = {
  operator: parseOperatorConfig,
  facade: parseFacadeConfig,
  gateway: parseGatewayConfig,
};

/** Of each program its Pod, as its Deployment has it. */
function podsOf(manifests: readonly Manifest[]) {
  return manifests.flatMap(({ kind, spec }) => {
    const template = kind === 'Deployment' ? (spec as Deployment['spec'])?.template : undefined;
    return template?.spec ? [{ labels: template.metadata?.labels ?? {}, spec: template.spec }] : [];
  });
}

describe.each(valueSets)('the chart with %s', (_name, values) => {
  const rendering = renderChart(values);

  it('tells each program what it understands, and nothing else', async () => {
    for (const { spec } of podsOf(await rendering)) {
      const [container] = spec.containers;
      const env = Object.fromEntries((container?.env ?? []).map(({ name, value }) => [name, value]));
      const parsed = parsers[container?.name ?? '']?.({ argv: [], env, ownNamespace: undefined, hostName: 'h' });
      expect(parsed).toMatchObject({ ok: true });
      expect(container?.args).toEqual([container?.name]);
    }
  });

  it('grants nothing by wildcard, and its programs nothing beyond two namespaces', async () => {
    const manifests = await rendering;
    const words = manifests
      .filter(isRole)
      .flatMap(({ rules }) => rules.flatMap((rule) => (Object.values(rule) as string[][]).flat()));
    expect(words.filter((word) => word.includes('*'))).toEqual([]);
    // RuntimeClasses have no namespace.
    const cluster = manifests.filter(({ kind }) => kind === 'ClusterRoleBinding') as (Manifest & Bound)[];
    expect(cluster.map(({ roleRef }) => roleRef.name)).toEqual([`porthole-operator-${systemNamespace}`]);
    const read = manifests.filter(isRole).find(({ metadata }) => metadata.name === cluster[0]?.roleRef.name);
    expect(read?.rules).toEqual([
      { apiGroups: ['node.k8s.io'], resources: ['runtimeclasses'], verbs: ['list', 'watch'] },
    ]);
    const bindings = manifests.filter(({ kind }) => kind === 'RoleBinding');
    expect(bindings.filter((binding) => JSON.stringify(binding).includes('"ClusterRole"'))).toEqual([]);
    expect(new Set(bindings.map(({ metadata }) => metadata.namespace)).size).toBe(2);
  });

  it('selects by its policies, budgets and Services Pods that it makes', async () => {
    const manifests = await rendering;
    const pods = podsOf(manifests).map(({ labels }) => labels);
    const selectors = manifests
      .filter(
        ({ kind, metadata }) => kind !== 'Deployment' && kind !== 'DaemonSet' && metadata.namespace === systemNamespace,
      )
      .flatMap(({ spec }) => selectorOf(spec));
    for (const selector of selectors)
      expect(pods.some((labels) => Object.entries(selector).every(([name, value]) => labels[name] === value))).toBe(
        true,
      );
  });

  it('describes a pool that the definition takes, to the last field', async () => {
    for (const { kind, spec } of await rendering)
      if (kind === 'BrowserPool') expect(browserPoolSpec.safeParse(spec)).toMatchObject({ success: true });
  });

  it('leaves no program in the midst of what it does when it ends', async () => {
    for (const { spec } of podsOf(await rendering)) {
      const { terminationGracePeriodSeconds = 30, containers } = spec;
      const needsMs = (containers[0]?.env ?? [])
        .filter(({ name }) => name === 'PORTHOLE_CREATE_DEADLINE_MS' || name === 'PORTHOLE_DRAIN_MS')
        .map(({ value }) => Number(value));
      for (const needMs of needsMs) expect(needMs + 5_000).toBeLessThan(terminationGracePeriodSeconds * 1000);
    }
  });
});

interface Bound {
  readonly roleRef: { readonly name: string };
}

type Strings = Readonly<Record<string, string>>;

interface Selecting {
  /** Of a Service the labels themselves. */
  readonly selector?: Strings | { readonly matchLabels: Strings };
  readonly podSelector?: { readonly matchLabels: Strings };
}

function selectorOf(spec: unknown): Strings[] {
  const { selector, podSelector } = (spec ?? {}) as Selecting;
  const found = selector ?? podSelector;
  if (!found) return [];
  return [typeof found['matchLabels'] === 'object' ? found.matchLabels : (found as Strings)];
}

describe('the values', () => {
  it.each([
    ['a name that does not exist', { warmMin: 1 }, /warmMin/],
    ['a name that does not exist, within', { pool: { warm: { minimum: 1 } } }, /minimum/],
    ['a CDP URL that is none', { publicUrls: { cdp: 'https://cdp.example.com' } }, /cdp/],
    ['an API key instead of its hash', { account: { apiKeyHashes: ['ph_secret'] } }, /apiKeyHashes/],
    ['sandboxes beside the keys', { sessions: { namespace: systemNamespace } }, /own namespace/],
    ['a log level that there is not', { logLevel: 'loud' }, /logLevel/],
  ])('refuse %s', async (_name, values, message) => {
    await expect(renderChart(values)).rejects.toThrow(message);
  });

  it('describe the pool that the definition describes by its own defaults', async () => {
    const pool = (await renderChart()).find(({ kind }) => kind === 'BrowserPool');
    expect(pool?.metadata).toMatchObject({ name: 'default', namespace: sessionsNamespace });
    const parse = (spec: unknown): BrowserPoolSpec => (browserPoolSpec as z.ZodType<BrowserPoolSpec>).parse(spec);
    expect(parse(pool?.spec)).toEqual(parse({}));
  });

  it('can leave the programs out, and keep all that they need', async () => {
    const kinds = (await renderChart({ workloads: { enabled: false } })).map(({ kind }) => kind);
    expect(kinds).not.toContain('Deployment');
    expect(kinds).not.toContain('Service');
    for (const kind of ['ServiceAccount', 'Role', 'RoleBinding', 'BrowserPool', 'BrowserAccount'])
      expect(kinds).toContain(kind);
  });
});

describe('the profile on nodes', () => {
  const install = { enabled: true, kubeletRootDir: '/data/kubelet', tolerations: [{ operator: 'Exists' }] };
  const rendering = renderChart({ seccompProfile: { install } });
  const daemonSet = async () => {
    const found = (await rendering).find(({ kind }) => kind === 'DaemonSet') as { readonly spec: DaemonSet['spec'] };
    return found.spec?.template.spec;
  };

  it('is installed only where somebody wants it', async () => {
    const kinds = (await renderChart()).map(({ kind }) => kind);
    expect(kinds).not.toContain('DaemonSet');
    expect(kinds).not.toContain('ConfigMap');
  });

  it('is the file of the chart, to the byte, where sandboxes look for it', async () => {
    const configMap = (await rendering).find(({ kind }) => kind === 'ConfigMap') as unknown as { data: object };
    expect(configMap.data).toEqual({
      'chromium.json': await readFile('charts/porthole/files/porthole-chromium.json', 'utf8'),
    });
    const [folder, name] = chromiumProfile.split('/');
    expect(await daemonSet()).toMatchObject({
      containers: [
        {
          args: ['seccomp-profile', '/profile/chromium.json', `/node/${name ?? ''}`],
          volumeMounts: [{ name: 'profile' }, { name: 'node', mountPath: '/node' }],
        },
      ],
      volumes: [{ name: 'profile' }, { name: 'node', hostPath: { path: `/data/kubelet/seccomp/${folder ?? ''}` } }],
    });
  });

  it('is written by a root without any capability, token or other way to the node', async () => {
    const spec = await daemonSet();
    expect(spec).toMatchObject({ automountServiceAccountToken: false, securityContext: { runAsUser: 0 } });
    expect(spec?.tolerations).toEqual(install.tolerations);
    expect(spec?.containers.map(({ securityContext }) => securityContext)).toEqual([
      { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
    ]);
    expect(spec?.volumes?.filter(({ hostPath }) => hostPath)).toHaveLength(1);
    for (const word of ['hostNetwork', 'hostPID', 'hostIPC', 'privileged'])
      expect(JSON.stringify(spec)).not.toContain(word);
  });
});

describe('the place of extensions and recordings', () => {
  interface Workload extends Manifest {
    readonly spec: {
      readonly template: {
        readonly spec: {
          readonly containers: readonly {
            readonly env: readonly object[];
            readonly volumeMounts?: readonly object[];
          }[];
          readonly volumes?: readonly object[];
        };
      };
    };
  }
  const podOf = async (component: string, values: object) => {
    const found = (await renderChart(values)).find(
      ({ kind, metadata }) => kind === 'Deployment' && metadata.name === `porthole-${component}`,
    ) as Workload | undefined;
    const { containers, volumes } = found?.spec.template.spec ?? { containers: [] };
    return { env: containers[0]?.env ?? [], mounts: containers[0]?.volumeMounts, volumes };
  };
  const s3 = { bucket: 'my-bucket', prefix: 'a/b', endpoint: 'http://s3.example', existingSecret: 'keys' };

  it.each(['operator', 'facade'])('is a bucket, whose credentials come from a Secret: %s', async (component) => {
    const { env } = await podOf(component, { blobs: { s3 } });
    const secret = (name: string, key: string) => ({ name, valueFrom: { secretKeyRef: { name: 'keys', key } } });
    expect(env).toEqual(
      expect.arrayContaining([
        { name: 'PORTHOLE_BLOBS', value: 's3://my-bucket/a/b' },
        { name: 'PORTHOLE_S3_ENDPOINT', value: 'http://s3.example' },
        secret('AWS_ACCESS_KEY_ID', 'accessKeyId'),
        secret('AWS_SECRET_ACCESS_KEY', 'secretAccessKey'),
      ]),
    );
  });

  it.each(['operator', 'facade'])('is a volume: %s', async (component) => {
    const { env, mounts, volumes } = await podOf(component, { blobs: { persistentVolumeClaim: 'claim' } });
    const folder = '/var/lib/porthole/blobs';
    expect(env).toContainEqual({ name: 'PORTHOLE_BLOBS', value: folder });
    expect(mounts).toEqual([{ name: 'blobs', mountPath: folder }]);
    expect(volumes).toEqual([{ name: 'blobs', persistentVolumeClaim: { claimName: 'claim' } }]);
  });

  it('is not both, and nothing of the gateway', async () => {
    await expect(renderChart({ blobs: { s3, persistentVolumeClaim: 'claim' } })).rejects.toThrow(/set one of them/);
    expect(JSON.stringify(await podOf('gateway', { blobs: { s3 } }))).not.toMatch(/blobs|AWS/i);
  });
});
