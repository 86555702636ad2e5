import type {
  ConfigMapVolumeSource,
  DownwardAPIProjection,
  KeyToPath,
  ProjectedVolumeSource,
  SecretVolumeSource,
  Volume,
} from 'kubernetes-types/core/v1.js';
import { chown, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { configMaps, secrets } from '../kube/builtins.ts';
import type { Store } from '../kube/store.ts';
import type { Pod } from '../lib/kubernetes.ts';
import type { Identity } from '../lib/privileges.ts';
import { ContainerConfigError, fieldValue } from './container-env.ts';

/** Kubernetes' default for files of Secrets and ConfigMaps. */
const defaultFileMode = 0o644;

type Files = Readonly<Record<string, Buffer>>;

interface FileSource {
  readonly what: string;
  readonly content: Files | undefined;
  readonly items?: readonly KeyToPath[];
  readonly optional?: boolean;
  readonly mode: number;
}

function toFiles(data: Readonly<Record<string, string>> | undefined, encoding: 'base64' | 'utf8'): Files | undefined {
  return data && Object.fromEntries(Object.entries(data).map(([key, v]) => [key, Buffer.from(v, encoding)]));
}

function common(source: Pick<SecretVolumeSource, 'items' | 'optional' | 'defaultMode'>) {
  return {
    mode: source.defaultMode ?? defaultFileMode,
    ...(source.items ? { items: source.items } : {}),
    ...(source.optional === undefined ? {} : { optional: source.optional }),
  };
}

async function gatherSecret(source: SecretVolumeSource, namespace: string, store: Store): Promise<FileSource> {
  const name = source.secretName ?? '';
  const secret = await store.get(secrets, { namespace, name });
  return { what: `Secret ${name}`, content: secret && (toFiles(secret.data, 'base64') ?? {}), ...common(source) };
}

async function gatherConfigMap(source: ConfigMapVolumeSource, namespace: string, store: Store): Promise<FileSource> {
  const name = source.name ?? '';
  const map = await store.get(configMaps, { namespace, name });
  return { what: `ConfigMap ${name}`, content: map && (toFiles(map.data, 'utf8') ?? {}), ...common(source) };
}

function gatherFields({ items = [] }: DownwardAPIProjection, pod: Pod): FileSource {
  const noAddress = { podIp: '', hostIp: '' };
  const files = items.map(({ path, fieldRef }) => {
    if (!fieldRef) throw new ContainerConfigError(`downwardAPI ${path}: a local node knows fieldRef only`);
    return [path, fieldValue(fieldRef.fieldPath, pod, noAddress)] as const;
  });
  return { what: 'downwardAPI', content: toFiles(Object.fromEntries(files), 'utf8'), mode: defaultFileMode };
}

/**
 * A ServiceAccount's token is left out: who runs on this machine without walls around it gets no way into the cluster. Pods that are
 * given one by default, and do not use it, run.
 */
async function gatherProjected(projected: ProjectedVolumeSource, pod: Pod, store: Store): Promise<FileSource[]> {
  const { namespace } = pod.metadata;
  const mode = projected.defaultMode ?? defaultFileMode;
  const sources = (projected.sources ?? []).map(async ({ secret, configMap, downwardAPI }) => {
    if (secret) {
      const { name, ...source } = secret;
      return gatherSecret({ ...source, ...(name !== undefined && { secretName: name }) }, namespace, store);
    }
    if (configMap) return gatherConfigMap(configMap, namespace, store);
    return downwardAPI && gatherFields(downwardAPI, pod);
  });
  return (await Promise.all(sources)).filter((source) => source !== undefined).map((source) => ({ ...source, mode }));
}

async function gatherFiles(volume: Volume, pod: Pod, store: Store): Promise<readonly FileSource[]> {
  const { namespace } = pod.metadata;
  if (volume.emptyDir) return [];
  if (volume.secret) return [await gatherSecret(volume.secret, namespace, store)];
  if (volume.configMap) return [await gatherConfigMap(volume.configMap, namespace, store)];
  if (volume.downwardAPI) return [gatherFields(volume.downwardAPI, pod)];
  if (volume.projected) return gatherProjected(volume.projected, pod, store);
  throw new ContainerConfigError(
    `volume ${volume.name}: a local node has emptyDir, secret, configMap, downwardAPI and projected volumes only`,
  );
}

/** Path within the volume → content and mode. Throws when a key is missing or a path leaves the volume. */
function chooseFiles(source: FileSource): readonly { path: string; content: Buffer; mode: number }[] {
  const { content, items, optional, what, mode } = source;
  if (!content && optional !== true) throw new ContainerConfigError(`${what} not found`);
  const wanted = items ?? Object.keys(content ?? {}).map((key): KeyToPath => ({ key, path: key }));
  return wanted.flatMap((item) => {
    const bytes = content?.[item.key];
    if (!bytes && optional === true) return [];
    if (!bytes) throw new ContainerConfigError(`${what} has no key ${item.key}`);
    const path = normalize(item.path);
    if (path.startsWith('/') || path.split('/').includes('..')) {
      throw new ContainerConfigError(`${what}: path ${item.path} leaves the volume`);
    }
    return [{ path, content: bytes, mode: item.mode ?? mode }];
  });
}

export interface VolumeContext {
  readonly store: Store;
  /** Folder in which each volume gets one of its own. */
  readonly dir: string;
  /** Who owns them; undefined: whoever runs this. */
  readonly identity: Identity | undefined;
}

async function makeVolume(volume: Volume, pod: Pod, { store, dir, identity }: VolumeContext): Promise<string> {
  const sources = await gatherFiles(volume, pod, store);
  const hostDir = join(dir, volume.name);
  const give = (path: string): Promise<void> =>
    identity ? chown(path, identity.uid, identity.gid) : Promise.resolve();
  await mkdir(hostDir, { recursive: true, mode: 0o700 });
  for (const { path, content, mode } of sources.flatMap(chooseFiles)) {
    const file = join(hostDir, path);
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(file, content, { mode });
    for (let own = file; own !== hostDir; own = dirname(own)) await give(own);
  }
  await give(hostDir);
  return hostDir;
}

/**
 * Makes a Pod's volumes as folders of the host, mode 0700, owned by the Pod's user: volume name → folder. An emptyDir's
 * medium and size limit are not honoured: it is a folder like any other. Secrets and ConfigMaps are copied once, not followed.
 * Throws ContainerConfigError for what is missing or not supported; may be called again.
 */
export async function makeVolumes(pod: Pod, context: VolumeContext): Promise<Readonly<Record<string, string>>> {
  const made: Record<string, string> = {};
  for (const volume of pod.spec.volumes ?? []) made[volume.name] = await makeVolume(volume, pod, context);
  return made;
}
