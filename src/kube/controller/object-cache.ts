import type { ObjectKey, StoredObject } from '../../lib/object-meta.ts';
import type { Change } from './port.ts';

/** The values under which an object is found in an index. Must depend on nothing but the object. */
export type IndexFunction<T> = (object: T) => readonly string[];

function idOf({ namespace, name }: ObjectKey): string {
  return `${namespace}/${name}`;
}

/** Objects of one kind by key, uid and named index. Each method tells `onChange` what it changed, after it has. */
export class ObjectCache<T extends StoredObject> {
  readonly #objects = new Map<string, T>();
  readonly #byUid = new Map<string, T>();
  readonly #indexes = new Map<string, Map<string, Map<string, T>>>();
  readonly #functions: Readonly<Record<string, IndexFunction<T>>>;
  readonly #onChange: (change: Change<T>) => void;

  constructor(functions: Readonly<Record<string, IndexFunction<T>>>, onChange: (change: Change<T>) => void) {
    this.#functions = functions;
    this.#onChange = onChange;
    for (const name of Object.keys(functions)) this.#indexes.set(name, new Map());
  }

  get(key: ObjectKey): T | undefined {
    return this.#objects.get(idOf(key));
  }

  byUid(uid: string): T | undefined {
    return this.#byUid.get(uid);
  }

  list(): readonly T[] {
    return [...this.#objects.values()];
  }

  /** Throws on an index that was not asked for: a typing error would otherwise look like "none". */
  byIndex(index: string, value: string): readonly T[] {
    const values = this.#indexes.get(index);
    if (!values) throw new Error(`there is no index ${index}`);
    return [...(values.get(value)?.values() ?? [])];
  }

  /** Adds or replaces. Another uid under the same name is a deletion and an addition; the same version is nothing new. */
  put(object: T): void {
    const previous = this.get(object.metadata);
    if (previous && previous.metadata.uid !== object.metadata.uid) this.remove(previous);
    else if (previous?.metadata.resourceVersion === object.metadata.resourceVersion) return;
    const replaced = this.get(object.metadata);
    if (replaced) this.#unindex(replaced);
    this.#objects.set(idOf(object.metadata), object);
    this.#byUid.set(object.metadata.uid, object);
    this.#index(object);
    this.#onChange(replaced ? { type: 'changed', object, previous: replaced } : { type: 'added', object });
  }

  /** `object` is its last state. Nothing happens when another uid, or nothing, stands under its name. */
  remove(object: T): void {
    const { uid } = object.metadata;
    const previous = this.#byUid.get(uid);
    if (!previous) return;
    this.#unindex(previous);
    this.#objects.delete(idOf(previous.metadata));
    this.#byUid.delete(uid);
    this.#onChange({ type: 'deleted', object });
  }

  /** Makes the cache hold exactly `objects`. */
  replaceAll(objects: readonly T[]): void {
    const present = new Set(objects.map(({ metadata }) => metadata.uid));
    for (const object of this.list()) if (!present.has(object.metadata.uid)) this.remove(object);
    for (const object of objects) this.put(object);
  }

  #index(object: T): void {
    for (const [name, values] of this.#indexes)
      for (const value of this.#functions[name]?.(object) ?? []) {
        const found = values.get(value) ?? new Map<string, T>();
        values.set(value, found.set(object.metadata.uid, object));
      }
  }

  #unindex(object: T): void {
    for (const [name, values] of this.#indexes)
      for (const value of this.#functions[name]?.(object) ?? []) {
        const found = values.get(value);
        found?.delete(object.metadata.uid);
        if (found?.size === 0) values.delete(value);
      }
  }
}
