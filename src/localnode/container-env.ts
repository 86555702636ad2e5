import type { Container, EnvVar } from 'kubernetes-types/core/v1.js';
import { configMaps, secrets } from '../kube/builtins.ts';
import type { Store } from '../kube/store.ts';
import type { Pod } from '../lib/kubernetes.ts';

/** Something that a container refers to and that is not there (yet); kubelet's CreateContainerConfigError. */
export class ContainerConfigError extends Error {
  override readonly name = 'ContainerConfigError';
}

type Values = Readonly<Record<string, string>>;
/** Undefined: there is no such object. */
export interface EnvSources {
  readonly secrets: ReadonlyMap<string, Values | undefined>;
  readonly configMaps: ReadonlyMap<string, Values | undefined>;
  readonly podIp: string;
  readonly hostIp: string;
}

/** The bytes of a Secret as text. */
function decode(values: Values | undefined): Values | undefined {
  return (
    values &&
    Object.fromEntries(Object.entries(values).map(([key, v]) => [key, Buffer.from(v, 'base64').toString('utf8')]))
  );
}

function namesOf(container: Container, from: 'secret' | 'configMap'): ReadonlySet<string> {
  const inVariables = (container.env ?? []).map(({ valueFrom }) =>
    from === 'secret' ? valueFrom?.secretKeyRef?.name : valueFrom?.configMapKeyRef?.name,
  );
  const whole = (container.envFrom ?? []).map((e) => (from === 'secret' ? e.secretRef?.name : e.configMapRef?.name));
  return new Set([...inVariables, ...whole].filter((name) => name !== undefined));
}

/** Reads the Secrets and ConfigMaps that a container's environment refers to; most refer to none. */
export async function gatherEnvSources(
  store: Store,
  { pod, container }: { readonly pod: Pod; readonly container: Container },
  addresses: Pick<EnvSources, 'podIp' | 'hostIp'>,
): Promise<EnvSources> {
  const { namespace } = pod.metadata;
  const readSecret = async (name: string) =>
    [name, decode((await store.get(secrets, { namespace, name }))?.data ?? undefined)] as const;
  const readConfigMap = async (name: string) =>
    [name, (await store.get(configMaps, { namespace, name }))?.data] as const;
  return {
    ...addresses,
    secrets: new Map(await Promise.all([...namesOf(container, 'secret')].map(readSecret))),
    configMaps: new Map(await Promise.all([...namesOf(container, 'configMap')].map(readConfigMap))),
  };
}

/** https://kubernetes.io/docs/concepts/workloads/pods/downward-api/#downwardapi-fieldRef */
export function fieldValue(path: string, pod: Pod, { podIp, hostIp }: Pick<EnvSources, 'podIp' | 'hostIp'>): string {
  const keyed = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path);
  if (keyed) return pod.metadata[keyed[1] as 'labels' | 'annotations']?.[keyed[2] ?? ''] ?? '';
  const fields: Readonly<Record<string, string>> = {
    'metadata.name': pod.metadata.name,
    'metadata.namespace': pod.metadata.namespace,
    'metadata.uid': pod.metadata.uid,
    'spec.nodeName': pod.spec.nodeName ?? '',
    'spec.serviceAccountName': pod.spec.serviceAccountName ?? '',
    'status.hostIP': hostIp,
    'status.hostIPs': hostIp,
    'status.podIP': podIp,
    'status.podIPs': podIp,
  };
  const value = fields[path];
  if (value === undefined) throw new ContainerConfigError(`fieldRef ${path} is not supported`);
  return value;
}

interface KeyRef {
  readonly name?: string;
  readonly key: string;
  readonly optional?: boolean;
}

function keyValue(kind: string, ref: KeyRef, objects: EnvSources['secrets']): string | undefined {
  const value = objects.get(ref.name ?? '')?.[ref.key];
  if (value === undefined && ref.optional !== true) {
    throw new ContainerConfigError(`couldn't find key ${ref.key} in ${kind} ${ref.name ?? ''}`);
  }
  return value;
}

function variableValue({ name, value, valueFrom }: EnvVar, pod: Pod, sources: EnvSources): string | undefined {
  if (!valueFrom) return value ?? '';
  if (valueFrom.fieldRef) return fieldValue(valueFrom.fieldRef.fieldPath, pod, sources);
  if (valueFrom.secretKeyRef) return keyValue('Secret', valueFrom.secretKeyRef, sources.secrets);
  if (valueFrom.configMapKeyRef) return keyValue('ConfigMap', valueFrom.configMapKeyRef, sources.configMaps);
  throw new ContainerConfigError(`the source of variable ${name} is not supported`);
}

/** `$(NAME)` becomes the value of a variable defined before; `$$(NAME)` stays `$(NAME)`; an unknown name stays as it is. */
function expand(text: string, known: Values): string {
  return text.replace(/\$\$|\$\(([^()]+)\)/g, (match, name: string | undefined) =>
    name === undefined ? '$' : (known[name] ?? match),
  );
}

function wholeSources(container: Container, sources: EnvSources): Values {
  const named = (container.envFrom ?? []).flatMap(({ prefix = '', secretRef, configMapRef }) => [
    { prefix, ref: secretRef, kind: 'Secret', objects: sources.secrets },
    { prefix, ref: configMapRef, kind: 'ConfigMap', objects: sources.configMaps },
  ]);
  const pairs = named.flatMap(({ prefix, ref, kind, objects }) => {
    if (!ref) return [];
    const values = objects.get(ref.name ?? '');
    if (!values && ref.optional !== true) throw new ContainerConfigError(`${kind} ${ref.name ?? ''} not found`);
    return Object.entries(values ?? {}).map(([key, value]) => [prefix + key, value] as const);
  });
  return Object.fromEntries(pairs);
}

/** The environment that a container's spec asks for. Throws ContainerConfigError for what is missing or not supported. */
export function buildEnv(container: Container, pod: Pod, sources: EnvSources): Record<string, string> {
  const env: Record<string, string> = { ...wholeSources(container, sources) };
  for (const variable of container.env ?? []) {
    const value = variableValue(variable, pod, sources);
    if (value !== undefined) env[variable.name] = variable.valueFrom ? value : expand(value, env);
  }
  return env;
}
