import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { customKinds } from '../../hack/generate/crd/kinds.ts';
import { startTestControlPlane, type TestControlPlane } from '../support/control-plane.ts';

let plane: TestControlPlane;
const kubectl = (args: readonly string[], input?: object): Promise<string> =>
  plane.kubectl(args, input && JSON.stringify(input));

beforeAll(async () => {
  plane = await startTestControlPlane();
  await plane.applyCrds();
}, 120_000);
afterAll(() => plane[Symbol.asyncDispose]());

const apiVersion = 'porthole.dev/v1alpha1';
const object = (kind: string, name: string, spec?: object): object => ({
  ...{ apiVersion, kind, metadata: { name, namespace: 'default' } },
  ...(spec && { spec }),
});
const account = { accountRef: { name: 'a' } };
const key = 'a'.repeat(64);
const extension = { ...account, name: 'x', version: '1', sha256: key, size: 1 };
const create = (object: object): Promise<string> => kubectl(['create', '-f', '-', '-o', 'json'], object);
const dryRun = (object: object): Promise<string> =>
  kubectl(['create', '--dry-run=server', '-f', '-', '-o', 'json'], object);
const specOf = async (answer: Promise<string>): Promise<unknown> =>
  (JSON.parse(await answer) as { spec: unknown }).spec;
/** What kubectl says of a refusal. */
const refusal = (call: Promise<string>): Promise<string> =>
  call.then(
    (said) => `not refused: ${said}`,
    (error: unknown) => String((error as { stderr?: string }).stderr ?? error),
  );

describe('the definitions', () => {
  it('are established, structural and without a complaint', async () => {
    const { items } = JSON.parse(await kubectl(['get', 'crds', '-o', 'json'])) as {
      items: { metadata: { name: string }; status: { conditions: { type: string; status: string }[] } }[];
    };
    expect(items.map(({ metadata }) => metadata.name)).toEqual(
      customKinds.map(({ resource }) => `${resource.plural}.porthole.dev`).sort(),
    );
    for (const { status } of items)
      expect(status.conditions.map((c) => `${c.type}=${c.status}`).sort()).toEqual([
        'Established=True',
        'NamesAccepted=True',
      ]);
  });

  it('serve a status for each kind, and a scale for the pool alone', async () => {
    const found = JSON.parse(await kubectl(['get', '--raw', `/apis/${apiVersion}`])) as {
      resources: { name: string }[];
    };
    const names = found.resources.map(({ name }) => name);
    for (const { resource } of customKinds) expect(names).toContain(`${resource.plural}/status`);
    expect(names.filter((name) => name.endsWith('/scale'))).toEqual(['browserpools/scale']);
  });

  it('can be applied again by anybody, and change nothing', async () => {
    const said = await kubectl([
      'apply',
      '--server-side',
      '--force-conflicts',
      '--dry-run=server',
      '-f',
      'crds/',
      '-o',
      'name',
    ]);
    expect(said.trim().split('\n')).toHaveLength(customKinds.length);
    expect(await kubectl(['diff', '--server-side', '-f', 'crds/'])).toBe('');
  });
});

describe('kubectl', () => {
  beforeAll(async () => {
    await create(object('BrowserSession', 'one', account));
    await create(object('BrowserPool', 'one'));
    await create(object('BrowserAccount', 'one'));
    await create(object('ProxyProvider', 'one', { locations: { de: 'http://proxy.example.com' } }));
    await create(object('BrowserExtension', 'one', extension));
  });

  it.each(customKinds.map((kind) => [kind.shortName, kind] as const))(
    'knows %s, and shows its columns',
    async (short, kind) => {
      const heads = async (...more: string[]): Promise<string> =>
        (await kubectl(['get', short, ...more])).split('\n')[0] ?? '';
      const wanted = (columns: typeof kind.columns): string =>
        ['NAME', ...columns.map(({ name }) => name.toUpperCase())].join(' ');
      const squeezed = (line: string): string =>
        line
          .trim()
          .replaceAll(/\s{2,}/g, ' ')
          .replaceAll(/\s+/g, ' ');
      expect(squeezed(await heads())).toBe(wanted(kind.columns.filter(({ priority }) => priority === undefined)));
      expect(squeezed(await heads('-o', 'wide'))).toBe(wanted(kind.columns));
    },
  );

  it('gets all kinds by their category', async () => {
    const names = (await kubectl(['get', 'porthole', '-o', 'name'])).trim().split('\n');
    expect(names.sort()).toEqual(
      customKinds.map(({ resource }) => `${resource.kind.toLowerCase()}.porthole.dev/one`).sort(),
    );
  });

  it.each([
    ['browsersession', 'One browser that somebody asked for'],
    ['browsersession.spec', 'Fixed at creation'],
    ['browsersession.spec.idleTimeoutMs', 'milliseconds without activity'],
    ['browsersession.status.binding', 'A Secret with the URLs to attach by'],
    ['bp.spec.template.seccompProfile', 'System calls that the browser may make'],
    ['ba.spec.apiKeyHashes', 'fit for Git'],
    ['pp.status.conditions', 'What can be said of the object'],
    ['be.spec.sha256', 'Hash of the packed extension'],
  ])('explains %s', async (what, words) => {
    const said = (await kubectl(['explain', what])).replaceAll(/\s+/g, ' ');
    expect(said).toContain(words);
    expect(said).not.toContain('<no description>');
  });

  it.each(customKinds.map(({ shortName }) => shortName))(
    'sees that nobody has looked at a new %s yet',
    async (short) => {
      const { status } = JSON.parse(await kubectl(['get', short, 'one', '-o', 'json'])) as { status: object };
      expect(status).toMatchObject({ observedGeneration: -1 });
      const unsaid = kubectl(['wait', `${short}/one`, '--for=condition=Ready', '--timeout=0s']);
      expect(await refusal(unsaid)).toContain('condition not met');
    },
  );

  it('scales a pool by its warm sandboxes, up to its maximum', async () => {
    await kubectl(['scale', 'bp/one', '--replicas=7']);
    expect(await kubectl(['get', 'bp/one', '-o', 'jsonpath={.spec.warm.min}'])).toBe('7');
    expect(await refusal(kubectl(['scale', 'bp/one', '--replicas=11']))).toContain(
      'warm.min must not be above warm.max',
    );
  });

  it('waits for conditions, which only /status can set', async () => {
    const status = {
      observedGeneration: 1,
      phase: 'Ready',
      conditions: [
        { type: 'Ready', status: 'True', reason: 'R', message: '', lastTransitionTime: '2026-01-01T00:00:00.000Z' },
      ],
    };
    await kubectl(['patch', 'bs/one', '--type=merge', '-p', JSON.stringify({ status })]);
    expect(await kubectl(['get', 'bs/one', '-o', 'jsonpath={.status.phase}'])).toBe('Pending');
    await kubectl(['patch', 'bs/one', '--subresource=status', '--type=merge', '-p', JSON.stringify({ status })]);
    expect(await kubectl(['wait', 'bs/one', '--for=condition=Ready', '--timeout=10s'])).toContain('condition met');
    const unsaid = kubectl(['wait', 'bs/one', '--for=condition=Ended', '--timeout=0s']);
    expect(await refusal(unsaid)).toContain('condition not met');
  });
});

describe('the API server', () => {
  it.each(customKinds.map(({ resource: { kind }, spec }) => [kind, spec] as const))(
    'fills in the defaults of a %s as zod does',
    async (kind, spec) => {
      const least: Readonly<Record<string, object>> = {
        BrowserSession: account,
        ProxyProvider: { locations: { de: 'http://proxy.example.com' } },
        BrowserExtension: extension,
      };
      const filled = await specOf(dryRun(object(kind, 'least', least[kind])));
      expect(filled).toEqual(spec.parse(least[kind] ?? {}));
    },
  );

  it.each<readonly [string, string, object, string]>([
    [
      'both proxies',
      'BrowserSession',
      { ...account, proxy: {}, proxyUrlSecretRef: { name: 'x', key: 'y' } },
      'set proxy or proxyUrlSecretRef, not both',
    ],
    ['a short timeout', 'BrowserSession', { ...account, idleTimeoutMs: 999 }, 'greater than or equal to 1000'],
    ['no account', 'BrowserSession', { idleTimeoutMs: 1000 }, 'accountRef'],
    ['an unknown capability', 'BrowserSession', { ...account, capabilities: ['flight'] }, 'Unsupported value'],
    ['an unknown field', 'BrowserSession', { ...account, colour: 'red' }, 'unknown field "spec.colour"'],
    ['a minimum above the maximum', 'BrowserPool', { warm: { min: 2, max: 1 } }, 'warm.min must not be above warm.max'],
    [
      'a profile without Localhost',
      'BrowserPool',
      { template: { seccompProfile: { localhostProfile: 'x' } } },
      'exactly when type is Localhost',
    ],
    ['what is no CIDR', 'BrowserPool', { template: { egress: { allow: ['10.0.0.0/33'] } } }, 'must be a CIDR'],
    ['a key in the clear', 'BrowserAccount', { apiKeyHashes: ['secret'] }, 'should match'],
    ['a key twice', 'BrowserAccount', { apiKeyHashes: [key, key] }, 'Duplicate value'],
    ['a location without a name', 'ProxyProvider', { locations: { '': 'x' } }, 'keys must have 1 to 63 characters'],
    ['an extension of no size', 'BrowserExtension', { ...extension, size: 0 }, 'greater than or equal to 1'],
  ])('refuses %s', async (_what, kind, spec, words) => {
    expect(await refusal(dryRun(object(kind, 'bad', spec)))).toContain(words);
  });

  it.each(['BrowserPool', 'BrowserAccount'])('refuses a %s whose name fits no label', async (kind) => {
    expect(await refusal(dryRun(object(kind, 'a.b')))).toContain('lower-case RFC 1123 label');
  });

  it('lets the timeouts of a session be edited, and nothing else', async () => {
    await create(object('BrowserSession', 'fixed', { ...account, viewport: { width: 800, height: 600 } }));
    const patch = (spec: object): Promise<string> =>
      kubectl(['patch', 'bs/fixed', '--type=merge', '-p', JSON.stringify({ spec })]);
    await patch({ idleTimeoutMs: 5_000, maxLifetimeMs: 5_000, ttlSecondsAfterEnded: 1 });
    for (const spec of [
      { viewport: null },
      { viewport: { width: 801 } },
      { poolRef: { name: 'x' } },
      { accountRef: { name: 'b' } },
      { capabilities: ['stealth'] },
    ])
      expect(await refusal(patch(spec))).toContain('is immutable');
    expect(await kubectl(['get', 'bs/fixed', '-o', 'jsonpath={.metadata.generation}'])).toBe('2');
  });
});

describe('what the operator makes', () => {
  const folder = path.resolve(import.meta.dirname, '../../src/core/pods/golden');
  const golden = readdirSync(folder);
  const text = (file: string): string =>
    readFileSync(path.join(folder, file), 'utf8').replace('namespace: default', 'namespace: sandboxes');
  const apply = (manifest: string): Promise<string> =>
    plane.kubectl(['create', '--dry-run=server', '-f', '-'], manifest);

  beforeAll(async () => {
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    await create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'sandboxes', labels } });
    for (const name of ['kata', 'gvisor', 'plain', 'nowhere'])
      await create({ apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', metadata: { name }, handler: name });
    await create({
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata: { name: 'browsers' },
      value: 1,
    });
  });

  it.each(golden)('is admitted where Pod Security enforces restricted: %s', async (file) => {
    expect(await apply(text(file))).toContain('created');
  });

  it('would not be with any of its precautions left out', async () => {
    const warm = text('sandbox-pod-warm.yaml');
    for (const [precaution, careless] of [
      ['allowPrivilegeEscalation: false', 'allowPrivilegeEscalation: true'],
      ['runAsNonRoot: true', 'runAsNonRoot: false'],
      ['- ALL', '- CHOWN'],
      ['type: RuntimeDefault', 'type: Unconfined'],
    ] as const) {
      expect(warm).toContain(precaution);
      expect(await refusal(apply(warm.replace(precaution, careless)))).toContain('violates PodSecurity');
    }
  });
});
