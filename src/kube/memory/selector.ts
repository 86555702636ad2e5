import type { StoredObject } from '../../lib/object-meta.ts';
import type { ListOptions, Selector } from '../store.ts';
import { StoreError } from '../store-error.ts';
import type { AnyResource } from './table.ts';

export type Matcher = (object: StoredObject) => boolean;
type Read = (object: StoredObject) => string | undefined;

function fieldReader(resource: AnyResource, field: string): Read {
  if (field === 'metadata.name') return (object) => object.metadata.name;
  if (field === 'metadata.namespace') return (object) => object.metadata.namespace;
  const read = resource.selectableFields?.[field];
  if (!read) throw new StoreError('Invalid', `${resource.plural}: field selector on ${field} is not supported`);
  return (object) => read(object as never);
}

function conditions(selector: Selector | undefined, readerOf: (name: string) => Read): Matcher[] {
  return Object.entries(selector ?? {}).map(([name, wanted]) => {
    const read = readerOf(name);
    return (object) => read(object) === wanted;
  });
}

/** Whether an object is in the namespace and has the labels and fields asked for. Throws Invalid on an unknown field. */
export function createMatcher(resource: AnyResource, { namespace, labels, fields }: ListOptions): Matcher {
  const all = [
    ...conditions(labels, (name) => (object) => object.metadata.labels?.[name]),
    ...conditions(fields, (name) => fieldReader(resource, name)),
  ];
  return (object) =>
    (namespace === undefined || object.metadata.namespace === namespace) && all.every((matches) => matches(object));
}
