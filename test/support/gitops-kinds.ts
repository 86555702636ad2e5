/**
 * The kinds of Argo CD and Flux as far as examples/ uses them, so that an API server can refuse a field that is misspelt. In our own words
 * after the documentation of their kinds; what stands in none of the examples is left out:
 * https://argo-cd.readthedocs.io/en/stable/user-guide/application-specification/
 * https://fluxcd.io/flux/components/source/gitrepositories/, …/helm/helmreleases/, …/kustomize/kustomizations/
 */

type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: 'string', minLength: 1 };
const flag: Schema = { type: 'boolean' };
const whole: Schema = { type: 'integer' };
const duration: Schema = { type: 'string', pattern: '^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$' };
const anything: Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
const oneOf = (...values: readonly string[]): Schema => ({ type: 'string', enum: values });
const list = (items: Schema): Schema => ({ type: 'array', items });
const object = (properties: Readonly<Record<string, Schema>>, required: readonly string[] = []): Schema => ({
  type: 'object',
  properties,
  ...(required.length > 0 && { required }),
});

const application = object(
  {
    project: text,
    source: object(
      {
        repoURL: text,
        targetRevision: text,
        path: text,
        helm: object({ releaseName: text, valuesObject: anything }),
      },
      ['repoURL'],
    ),
    destination: object({ server: text, namespace: text }),
    syncPolicy: object({
      automated: object({ prune: flag, selfHeal: flag }),
      syncOptions: list({ type: 'string', pattern: '^[A-Za-z]+=[a-z]+$' }),
      retry: object({
        limit: whole,
        backoff: object({ duration, factor: whole, maxDuration: duration }),
      }),
    }),
    ignoreDifferences: list(object({ group: text, kind: text, jsonPointers: list(text) }, ['kind'])),
  },
  ['project', 'destination'],
);

const gitRepository = object(
  {
    interval: duration,
    url: { type: 'string', pattern: '^(http|https|ssh)://.*$' },
    ref: object({ branch: text, tag: text, semver: text }),
  },
  ['interval', 'url'],
);

const crdPolicy = oneOf('Skip', 'Create', 'CreateReplace');

const helmRelease = object(
  {
    interval: duration,
    releaseName: { ...text, maxLength: 53 },
    targetNamespace: { ...text, maxLength: 63 },
    storageNamespace: { ...text, maxLength: 63 },
    chart: object(
      {
        spec: object(
          {
            chart: text,
            sourceRef: object({ kind: oneOf('HelmRepository', 'GitRepository', 'Bucket'), name: text }, ['name']),
            reconcileStrategy: oneOf('ChartVersion', 'Revision'),
          },
          ['chart', 'sourceRef'],
        ),
      },
      ['spec'],
    ),
    install: object({ createNamespace: flag, crds: crdPolicy }),
    upgrade: object({ crds: crdPolicy }),
    driftDetection: object({
      mode: oneOf('enabled', 'warn', 'disabled'),
      ignore: list(object({ paths: list(text), target: object({ kind: text }) }, ['paths'])),
    }),
    values: anything,
  },
  ['interval'],
);

const kustomization = object(
  {
    interval: duration,
    retryInterval: duration,
    timeout: duration,
    path: text,
    prune: flag,
    wait: flag,
    sourceRef: object({ kind: oneOf('OCIRepository', 'GitRepository', 'Bucket'), name: text }, ['kind', 'name']),
  },
  ['interval', 'prune', 'sourceRef'],
);

interface GitOpsKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly spec: Schema;
}

const kinds: readonly GitOpsKind[] = [
  { group: 'argoproj.io', version: 'v1alpha1', kind: 'Application', plural: 'applications', spec: application },
  {
    group: 'source.toolkit.fluxcd.io',
    version: 'v1',
    kind: 'GitRepository',
    plural: 'gitrepositories',
    spec: gitRepository,
  },
  { group: 'helm.toolkit.fluxcd.io', version: 'v2', kind: 'HelmRelease', plural: 'helmreleases', spec: helmRelease },
  {
    group: 'kustomize.toolkit.fluxcd.io',
    version: 'v1',
    kind: 'Kustomization',
    plural: 'kustomizations',
    spec: kustomization,
  },
];

/** CustomResourceDefinitions for a test's API server. */
export const gitOpsDefinitions = kinds.map(({ group, version, kind, plural, spec }) => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${plural}.${group}` },
  spec: {
    group,
    scope: 'Namespaced',
    names: { kind, plural, singular: kind.toLowerCase() },
    versions: [
      {
        name: version,
        served: true,
        storage: true,
        schema: { openAPIV3Schema: object({ spec }, ['spec']) },
      },
    ],
  },
}));
