import type { ObjectKey, StoredObject } from '../../lib/object-meta.ts';
import type { Admission } from '../../lib/resource.ts';
import type { EventLog } from './event-log.ts';

/** What any `Resource<T>` is, whatever its T: for code that handles all kinds alike. */
export interface AnyResource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly scope?: 'Cluster';
  readonly hasStatus: boolean;
  readonly initialStatus?: Readonly<Record<string, unknown>>;
  admit?(next: unknown, previous?: StoredObject): Admission;
  gracePeriodSeconds?(object: StoredObject): number;
  readonly selectableFields?: Readonly<Record<string, (object: never) => string>>;
}

function byKey(a: StoredObject, b: StoredObject): number {
  const [x, y] = [a.metadata, b.metadata];
  if (x.namespace !== y.namespace) return x.namespace < y.namespace ? -1 : 1;
  return x.name < y.name ? -1 : x.name > y.name ? 1 : 0;
}

/** The objects of one kind, by namespace and name, and the log of their writes. */
export class Table {
  readonly resource: AnyResource;
  readonly log: EventLog;
  readonly #namespaces = new Map<string, Map<string, StoredObject>>();

  constructor(resource: AnyResource, log: EventLog) {
    this.resource = resource;
    this.log = log;
  }

  get({ namespace, name }: ObjectKey): StoredObject | undefined {
    return this.#namespaces.get(namespace)?.get(name);
  }

  put(object: StoredObject): void {
    const { namespace, name } = object.metadata;
    const objects = this.#namespaces.get(namespace) ?? new Map<string, StoredObject>();
    this.#namespaces.set(namespace, objects.set(name, object));
  }

  remove({ namespace, name }: ObjectKey): void {
    const objects = this.#namespaces.get(namespace);
    objects?.delete(name);
    if (objects?.size === 0) this.#namespaces.delete(namespace);
  }

  /** Sorted by namespace and name, as etcd's keys are. */
  list(namespace?: string): StoredObject[] {
    const parts = namespace === undefined ? [...this.#namespaces.values()] : [this.#namespaces.get(namespace)];
    return parts.flatMap((objects) => (objects ? [...objects.values()] : [])).sort(byKey);
  }
}
