import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { proxyProviders, type ProxyProvider } from '../../api/v1alpha1/proxy-provider.ts';
import { apiVersion } from '../../api/v1alpha1/group.ts';
import { problemsOf } from '../../api/v1alpha1/kind.ts';
import { secrets } from '../../kube/builtins.ts';
import { isStoreError } from '../../kube/store-error.ts';
import type { Store } from '../../kube/store.ts';
import type { Secret } from '../../lib/kubernetes.ts';
import type { NewObject, StoredObject } from '../../lib/object-meta.ts';
import type { Resource } from '../../lib/resource.ts';

/** A manifest as kubectl takes it, as far as it means something here. */
const metadata = z.object({ name: z.string().min(1) });
const text = z.record(z.string(), z.string());
const manifest = z.discriminatedUnion('kind', [
  z.object({ apiVersion: z.literal(apiVersion), kind: z.literal('ProxyProvider'), metadata, spec: z.unknown() }),
  z.object({
    ...{ apiVersion: z.literal('v1'), kind: z.literal('Secret'), metadata },
    data: text.default({}),
    stringData: text.default({}),
  }),
]);
type Manifest = z.infer<typeof manifest>;

/**
 * Applies the ProxyProviders of a YAML or JSON file, and the Secrets with their credentials, which are kept nowhere else. Throws a
 * sentence about the file that has nothing of what is in it but names of fields.
 */
export async function applyProviders(store: Store, namespace: string, file: string): Promise<void> {
  try {
    for (const one of (await readManifests(file)).map((read) => manifest.parse(read)))
      await (one.kind === 'Secret'
        ? put(store, secrets, toSecret(namespace, one))
        : put(store, proxyProviders, toProvider(namespace, one)));
  } catch (error) {
    throw new Error(`The providers in ${file} cannot be applied: ${describe(error)}. Mend the file.`, { cause: error });
  }
}

async function readManifests(file: string): Promise<readonly unknown[]> {
  // Loaded by those who have such a file.
  const { loadAll } = await import('js-yaml');
  const found: unknown[] = loadAll(await readFile(file, 'utf8'));
  return found.filter((one) => one !== null && one !== undefined).flatMap(itemsOf);
}

/** `kubectl get -o yaml` gives a list as one object. */
function itemsOf(one: unknown): readonly unknown[] {
  const list = z.object({ kind: z.literal('List'), items: z.array(z.unknown()) }).safeParse(one);
  return list.success ? list.data.items : [one];
}

function toSecret(
  namespace: string,
  { metadata: { name }, data, stringData }: Manifest & { kind: 'Secret' },
): NewObject<Secret> {
  const written = Object.entries(stringData).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
  const both = { ...data, ...(Object.fromEntries(written) as Record<string, string>) };
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, type: 'Opaque', data: both };
}

function toProvider(
  namespace: string,
  { metadata: { name }, spec }: Manifest & { kind: 'ProxyProvider' },
): NewObject<ProxyProvider> {
  // The store's admission looks at it, as at whatever else is applied.
  return { apiVersion, kind: 'ProxyProvider', metadata: { name, namespace }, spec: spec as ProxyProvider['spec'] };
}

async function put<T extends StoredObject>(store: Store, resource: Resource<T>, object: NewObject<T>): Promise<void> {
  const kept = await store.get(resource, object.metadata);
  if (!kept) await store.create(resource, object);
  else await store.update(resource, { ...kept, ...object, metadata: { ...kept.metadata, ...object.metadata } });
}

function describe(error: unknown): string {
  if (isStoreError(error, 'Invalid')) return error.problems.map((p) => `${p.field}: ${p.message}`).join('; ');
  if (error instanceof z.ZodError)
    return problemsOf(error, 'manifest')
      .map((p) => `${p.field}: ${p.message}`)
      .join('; ');
  if (!(error instanceof Error)) return 'it cannot be read';
  // A YAML error's message quotes the lines around it, which may hold a password; its reason does not.
  return 'reason' in error && typeof error.reason === 'string' ? error.reason : error.message;
}
