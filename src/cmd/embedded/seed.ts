import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { browserAccounts, type BrowserAccount } from '../../api/v1alpha1/browser-account.ts';
import { browserExtensions } from '../../api/v1alpha1/browser-extension.ts';
import { browserPools, type BrowserPool } from '../../api/v1alpha1/browser-pool.ts';
import { apiVersion } from '../../api/v1alpha1/group.ts';
import { problemsOf } from '../../api/v1alpha1/kind.ts';
import { proxyProviders } from '../../api/v1alpha1/proxy-provider.ts';
import { isStoreError } from '../../kube/store-error.ts';
import type { Store } from '../../kube/store.ts';
import type { NewObject, NewObjectMeta, StoredObject } from '../../lib/object-meta.ts';
import type { FieldProblem, Resource } from '../../lib/resource.ts';
import type { EmbeddedConfig } from '../config/parse-config.ts';

export const namespace = 'default';

/** What one sandbox is counted with on this machine: a Chromium with a page or two, mostly idle. */
const sandboxRequests = { cpu: '50m', memory: '256Mi' };

/** The account and the pool that the settings describe; the settings win over what an earlier start has kept. */
export async function seedDefaults(store: Store, config: EmbeddedConfig, apiKey: string): Promise<void> {
  const metadata: NewObjectMeta = { name: 'default', namespace };
  const kept = await store.get(browserAccounts, metadata);
  const hash = createHash('sha256').update(apiKey).digest('hex');
  const account: NewObject<BrowserAccount> = {
    apiVersion,
    kind: 'BrowserAccount',
    metadata,
    spec: browserAccountSpecOf(kept, { maxConcurrentSessions: config.maxConcurrentSessions, apiKeyHashes: [hash] }),
  };
  await put(store, browserAccounts, account);
  await put(store, browserPools, defaultPool(config, metadata));
}

function browserAccountSpecOf(
  kept: BrowserAccount | undefined,
  settings: Partial<BrowserAccount['spec']>,
): BrowserAccount['spec'] {
  // The schema fills in what neither says.
  return { ...kept?.spec, ...settings } as BrowserAccount['spec'];
}

function defaultPool(config: EmbeddedConfig, metadata: NewObjectMeta): NewObject<BrowserPool> {
  const spec = {
    template: {
      display: config.display,
      // No RuntimeClass: processes of this machine have none.
      runtimeClassName: '',
      resources: { requests: sandboxRequests, limits: {} },
      egress: { allow: config.egressAllow },
      startupDeadlineMs: config.startupDeadlineMs,
    },
    warm: { min: config.warmMin, max: config.warmMax },
    maxSandboxes: config.maxSandboxes,
  };
  return { apiVersion, kind: 'BrowserPool', metadata, spec: spec as unknown as BrowserPool['spec'] };
}

interface ManifestKind {
  readonly apiVersion: string;
  readonly kind: string;
  put(store: Store, manifest: unknown): Promise<void>;
}

function manifestKind<T extends StoredObject>(resource: Resource<T>): ManifestKind {
  const { apiVersion: version, kind } = resource;
  return { apiVersion: version, kind, put: (store, manifest) => put(store, resource, manifest as NewObject<T>) };
}

/** Kinds that manifests may hold. */
const manifestKinds: readonly ManifestKind[] = [
  manifestKind(browserAccounts),
  manifestKind(browserPools),
  manifestKind(proxyProviders),
  manifestKind(browserExtensions),
];

/** Status is nobody's to apply. */
const manifestShape = z
  .object(
    { apiVersion: z.unknown(), kind: z.unknown(), metadata: z.unknown(), spec: z.unknown() },
    { error: 'the manifest must be an object' },
  )
  .partial();

/** What a server adds when it gives an object out (uid, versions, times) is left aside. */
const strings = z.record(z.string(), z.string());
const manifestMetadata = z.object({
  name: z.string().min(1),
  labels: strings.optional(),
  annotations: strings.optional(),
});

/** Applies every `*.json` manifest of a folder, in order of file name. A folder that does not exist holds none. */
export async function applyManifests(store: Store, folder: string): Promise<void> {
  const files = await readdir(folder).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return [];
  });
  for (const file of files.filter((name) => name.endsWith('.json')).sort())
    await applyManifest(store, join(folder, file));
}

async function applyManifest(store: Store, file: string): Promise<void> {
  try {
    const manifest = manifestShape.parse(JSON.parse(await readFile(file, 'utf8')));
    const known = manifestKinds.find((r) => r.kind === manifest.kind && r.apiVersion === manifest.apiVersion);
    if (!known) throw new Error(`kind must be one of ${manifestKinds.map((r) => r.kind).join(', ')} of ${apiVersion}`);
    const metadata = manifestMetadata.safeParse(manifest.metadata ?? {});
    if (!metadata.success) throw new Error(sentenceOf(problemsOf(metadata.error, 'metadata')));
    await known.put(store, { ...manifest, metadata: { ...metadata.data, namespace } });
  } catch (error) {
    throw new Error(`The manifest ${file} cannot be applied: ${describe(error)}. Mend it or take it away.`, {
      cause: error,
    });
  }
}

function sentenceOf(problems: readonly FieldProblem[]): string {
  return problems.map((p) => `${p.field}: ${p.message}`).join('; ');
}

function describe(error: unknown): string {
  if (isStoreError(error, 'Invalid')) return sentenceOf(error.problems);
  if (error instanceof z.ZodError) return error.issues.map((issue) => issue.message).join('; ');
  return error instanceof Error ? error.message : String(error);
}

async function put<T extends StoredObject>(store: Store, resource: Resource<T>, object: NewObject<T>): Promise<void> {
  const kept = await store.get(resource, object.metadata);
  if (!kept) await store.create(resource, object);
  else await store.update(resource, { ...kept, ...object, metadata: { ...kept.metadata, ...object.metadata } });
}
