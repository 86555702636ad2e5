import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { buildDefinition, definitionFile, formatDefinition } from '../../hack/generate/crd/definition.ts';
import { customKinds, type CustomKind } from '../../hack/generate/crd/kinds.ts';
import type { Structural } from '../../hack/generate/crd/structural.ts';
import { browserSessions, type BrowserSession } from '../../src/api/v1alpha1/browser-session.ts';

const root = path.resolve(import.meta.dirname, '../..');

/** A member of a schema: `warm.min`, `conditions[].type`, `locations.*`. */
function at(schema: Structural, where: string): Structural {
  const steps = where.replaceAll('[]', '.[]').split('.').filter(Boolean);
  return steps.reduce<Structural>((present, step) => {
    const properties = present['properties'] as Readonly<Record<string, Structural>> | undefined;
    const next = { '[]': present['items'], '*': present['additionalProperties'] }[step] ?? properties?.[step];
    if (next === undefined) throw new Error(`${where}: the schema ends before ${step}`);
    return next as Structural;
  }, schema);
}

function schemaOf(kindName: string): Structural {
  const kind = customKinds.find(({ resource }) => resource.kind === kindName);
  if (!kind) throw new Error(`no kind ${kindName}`);
  const [version] = buildDefinition(kind).spec.versions;
  if (!version) throw new Error(`${kindName} has no version`);
  return version.schema.openAPIV3Schema;
}

const specOf = (kindName: string): z.ZodType => {
  const kind = customKinds.find(({ resource }) => resource.kind === kindName);
  if (!kind) throw new Error(`no kind ${kindName}`);
  return kind.spec;
};

const rulesOf = (schema: Structural) =>
  (schema['x-kubernetes-validations'] ?? []) as readonly { message: string; fieldPath?: string }[];

/** Every property below a schema, with where it stands. */
function propertiesOf(schema: Structural, where: string): [string, Structural][] {
  const properties = Object.entries((schema['properties'] ?? {}) as Readonly<Record<string, Structural>>);
  const inner = [schema['items'], schema['additionalProperties']].filter((x) => typeof x === 'object') as Structural[];
  return [
    ...properties.flatMap(([name, property]): [string, Structural][] => [
      [`${where}.${name}`, property],
      ...propertiesOf(property, `${where}.${name}`),
    ]),
    ...inner.flatMap((item) => propertiesOf(item, where)),
  ];
}

const withItems = (properties: readonly [string, Structural][]): [string, Structural][] =>
  properties.flatMap(([where, property]) => [
    [where, property],
    [`${where}[]`, (property['items'] ?? {}) as Structural],
  ]);

describe.each(customKinds.map((kind): [string, CustomKind] => [kind.resource.kind, kind]))('%s', (name, kind) => {
  it('is in crds/ as it would be made now', () => {
    expect(readFileSync(path.join(root, definitionFile(kind)), 'utf8')).toBe(formatDefinition(kind));
  });

  it('describes itself and every field', () => {
    const schema = schemaOf(name);
    const silent = propertiesOf(schema, name).filter(([, property]) => !property['description']);
    expect(schema['description']).toBeTruthy();
    expect(silent.map(([where]) => where)).toEqual([]);
  });

  it('has columns that show fields which exist', () => {
    const inSchema = kind.columns.filter(
      ({ jsonPath }) => !jsonPath.startsWith('.metadata') && !jsonPath.includes('['),
    );
    for (const { jsonPath, type } of inSchema) expect(at(schemaOf(name), jsonPath)['type']).toBe(type);
  });

  it('has defaults that its own zod schema takes, and that are what zod fills in', () => {
    const defaults = at(schemaOf(name), 'spec')['default'];
    const filled = kind.spec.safeParse({});
    expect(defaults).toEqual(filled.success ? filled.data : undefined);
    expect(schemaOf(name)['required']).toEqual(filled.success ? undefined : ['spec']);
  });
});

it.each(customKinds.map((kind): [string, CustomKind] => [kind.resource.kind, kind]))(
  'has a status before anybody has written one, which %s allows',
  (name, { status }) => {
    const initial = at(schemaOf(name), 'status')['default'];
    expect(status.parse(initial)).toEqual(initial);
    expect(initial).toMatchObject({ observedGeneration: -1 });
  },
);

it('has no definition in crds/ that nobody makes', () => {
  const made = customKinds.map((kind) => path.basename(definitionFile(kind)));
  expect(readdirSync(path.join(root, 'crds')).sort()).toEqual(made.sort());
});

it('has short names that name one kind each', () => {
  const names = customKinds.flatMap((kind) => buildDefinition(kind).spec.names.shortNames);
  expect(new Set(names).size).toBe(customKinds.length);
});

it('scales a pool by fields that exist', () => {
  const [version] = buildDefinition(customKinds.find(({ scale }) => scale) as CustomKind).spec.versions;
  const { scale } = version?.subresources as { scale: { specReplicasPath: string; statusReplicasPath: string } };
  for (const where of [scale.specReplicasPath, scale.statusReplicasPath])
    expect(at(schemaOf('BrowserPool'), where)['type']).toBe('integer');
});

const account = { accountRef: { name: 'a' } };
const key = 'a'.repeat(64);
const extension = { ...account, name: 'x', version: '1', sha256: key, size: 1 };
const many = (n: number) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`k${i}`, 'x']));

/** What zod refuses, and the keyword of the CRD that refuses it too. */
const byKeyword: readonly (readonly [kind: string, where: string, keyword: string, spec: object])[] = [
  ['BrowserSession', 'spec', 'required', {}],
  ['BrowserSession', 'spec.accountRef.name', 'pattern', { accountRef: { name: 'A' } }],
  ['BrowserSession', 'spec.accountRef.name', 'maxLength', { accountRef: { name: 'a'.repeat(254) } }],
  ['BrowserSession', 'spec.idleTimeoutMs', 'minimum', { ...account, idleTimeoutMs: 999 }],
  ['BrowserSession', 'spec.maxLifetimeMs', 'maximum', { ...account, maxLifetimeMs: 86_400_001 }],
  ['BrowserSession', 'spec.ttlSecondsAfterEnded', 'maximum', { ...account, ttlSecondsAfterEnded: 604_801 }],
  ['BrowserSession', 'spec.capabilities[]', 'enum', { ...account, capabilities: ['flight'] }],
  ['BrowserSession', 'spec.extensions', 'maxItems', { ...account, extensions: Array(21).fill('x') }],
  ['BrowserSession', 'spec.onQuotaExceeded', 'enum', { ...account, onQuotaExceeded: 'Wait' }],
  ['BrowserSession', 'spec.viewport', 'required', { ...account, viewport: { width: 800 } }],
  ['BrowserSession', 'spec.viewport.width', 'maximum', { ...account, viewport: { width: 3841, height: 800 } }],
  ['BrowserSession', 'spec.proxy.location', 'minLength', { ...account, proxy: { location: '' } }],
  ['BrowserPool', 'spec.warm.min', 'minimum', { warm: { min: -1 } }],
  ['BrowserPool', 'spec.warm.targetHitRatio', 'maximum', { warm: { targetHitRatio: 1.1 } }],
  [
    'BrowserPool',
    'spec.template.resources.limits.cpu',
    'pattern',
    { template: { resources: { limits: { cpu: 'x' } } } },
  ],
  ['BrowserPool', 'spec.template.nodeSelector', 'maxProperties', { template: { nodeSelector: many(65) } }],
  ['BrowserPool', 'spec.template.egress.allow', 'maxItems', { template: { egress: { allow: Array(65).fill('x') } } }],
  ['BrowserAccount', 'spec.apiKeyHashes[]', 'pattern', { apiKeyHashes: ['secret'] }],
  ['BrowserAccount', 'spec.apiKeyHashes', 'x-kubernetes-list-type', { apiKeyHashes: [key, key] }],
  ['BrowserAccount', 'spec.limits.pools', 'minItems', { limits: { pools: [] } }],
  ['ProxyProvider', 'spec.locations', 'maxProperties', { locations: many(513) }],
  ['ProxyProvider', 'spec.locations.*', 'maxLength', { locations: { a: 'x'.repeat(1025) } }],
  ['BrowserExtension', 'spec.size', 'maximum', { ...extension, size: 52_428_801 }],
  ['BrowserExtension', 'spec.sha256', 'pattern', { ...extension, sha256: 'x' }],
];

/** What zod refuses by a refinement or in a key, and the message of the rule in CEL that says the same. */
const byRule: readonly (readonly [kind: string, where: string, message: string, spec: object])[] = [
  [
    'BrowserSession',
    'spec',
    'set proxy or proxyUrlSecretRef, not both',
    { ...account, proxy: {}, proxyUrlSecretRef: { name: 'x', key: 'y' } },
  ],
  ['BrowserPool', 'spec.warm', 'warm.min must not be above warm.max', { warm: { min: 2, max: 1 } }],
  [
    'BrowserPool',
    'spec.template.seccompProfile',
    'set localhostProfile exactly when type is Localhost',
    { template: { seccompProfile: { type: 'Localhost' } } },
  ],
  [
    'BrowserPool',
    'spec.template.egress.allow[]',
    'must be a CIDR such as 10.0.0.0/8 or fd00::/8, or an address',
    { template: { egress: { allow: ['10.0.0.0/33'] } } },
  ],
  [
    'BrowserPool',
    'spec.template.egress.upstreamAllow[]',
    'must be a CIDR such as 10.0.0.0/8 or fd00::/8, or an address',
    { template: { egress: { upstreamAllow: ['10.0.0.0/33'] } } },
  ],
  [
    'BrowserPool',
    'spec.template.nodeSelector',
    'keys must have 1 to 317 characters',
    { template: { nodeSelector: { ['a'.repeat(318)]: 'x' } } },
  ],
  ['ProxyProvider', 'spec.locations', 'keys must have 1 to 63 characters', { locations: { '': 'x' } }],
];

describe('what zod refuses', () => {
  it.each(byKeyword)('%s %s is refused by %s', (kind, where, keyword, spec) => {
    expect(specOf(kind).safeParse(spec).success).toBe(false);
    expect(at(schemaOf(kind), where)).toHaveProperty([keyword]);
  });

  it.each(byRule)('%s %s is refused by the rule "%s"', (kind, where, message, spec) => {
    expect(specOf(kind).safeParse(spec).success).toBe(false);
    expect(rulesOf(at(schemaOf(kind), where)).map((rule) => rule.message)).toContain(message);
  });

  it('has an example for every rule but those of immutability', () => {
    const rules = customKinds.flatMap(({ resource: { kind } }) =>
      withItems(propertiesOf(schemaOf(kind), kind)).flatMap(([where, schema]) =>
        rulesOf(schema)
          .filter(({ fieldPath }) => fieldPath === undefined)
          .map(({ message }) => `${where}: ${message}`),
      ),
    );
    expect(rules.sort()).toEqual(byRule.map(([kind, where, message]) => `${kind}.${where}: ${message}`).sort());
  });
});

/** For each field of a session a value that differs from what an unset field is. */
const changes: Readonly<Record<keyof BrowserSession['spec'], unknown>> = {
  accountRef: { name: 'b' },
  poolRef: { name: 'b' },
  capabilities: ['stealth'],
  extensions: ['x'],
  proxy: { sticky: true },
  proxyUrlSecretRef: { name: 'x', key: 'y' },
  idleTimeoutMs: 5_000,
  maxLifetimeMs: 5_000,
  onQuotaExceeded: 'Reject',
  viewport: { width: 800, height: 600 },
  ttlSecondsAfterEnded: 5,
};

describe('a session, once made', () => {
  const admitted = (spec: object, previous?: BrowserSession) => {
    const verdict = browserSessions.admit?.({ spec }, previous);
    if (!verdict) throw new Error('sessions are not admitted');
    return verdict;
  };
  const rules = rulesOf(at(schemaOf('BrowserSession'), 'spec'));

  it('has a row here for each field', () => {
    const fields = Object.keys(at(schemaOf('BrowserSession'), 'spec')['properties'] ?? {});
    expect(Object.keys(changes).sort()).toEqual(fields.sort());
  });

  it.each(Object.entries(changes))(
    'has a rule in CEL for %s exactly where admission refuses a change',
    (field, value) => {
      const before = admitted(account);
      if (!before.ok) throw new Error('the plain session is refused');
      const verdict = admitted({ ...account, [field]: value }, before.value as BrowserSession);
      const refusal = verdict.ok ? undefined : verdict.problems[0]?.field;
      const isInCel = rules.some(({ fieldPath }) => fieldPath === `.${field}`);
      expect(refusal).toBe(isInCel ? `spec.${field}` : undefined);
    },
  );
});
