import type { ObjectMeta, StoredObject } from '../../lib/object-meta.ts';
import type { Resource } from '../../lib/resource.ts';

/** More than a cluster's sessions; a version that is not known costs a read. */
const maxKnown = 20_000;

/**
 * Whether the server would patch the status of another object that has taken this one's name, without a word: for custom
 * resources it takes over all but status from what is stored before it looks at the uid, though not before it looks at the
 * version. Built-in kinds refuse another uid.
 */
export function losesUid({ apiVersion, hasStatus }: Pick<Resource<StoredObject>, 'apiVersion' | 'hasStatus'>): boolean {
  const [group = '', version] = apiVersion.split('/');
  const isBuiltIn = version === undefined || !group.includes('.') || group.endsWith('.k8s.io');
  return hasStatus && !isBuiltIn;
}

/** Versions are decimal numbers that grow: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions */
function isLater(version: string, than: string): boolean {
  return version.length === than.length ? version > than : version.length > than.length;
}

/** The last version of each object that has come by, by uid. Only a hint: a newer one may be on its way. */
export class KnownVersions {
  readonly #versions = new Map<string, string>();

  get(uid: string): string | undefined {
    return this.#versions.get(uid);
  }

  note({ uid, resourceVersion }: ObjectMeta): void {
    const known = this.#versions.get(uid);
    // A watch tells of a write later than the write's own answer does.
    if (known !== undefined && !isLater(resourceVersion, known)) return;
    this.#versions.set(uid, resourceVersion);
    if (this.#versions.size <= maxKnown) return;
    for (const oldest of this.#versions.keys()) {
      this.#versions.delete(oldest);
      return;
    }
  }

  forget({ uid }: ObjectMeta): void {
    this.#versions.delete(uid);
  }
}
