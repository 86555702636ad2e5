import type { ObjectKey, StoredObject } from '../../lib/object-meta.ts';
import type { Resource } from '../../lib/resource.ts';
import type { ListOptions, Selector } from '../store.ts';
import { StoreError } from '../store-error.ts';

type Addressed = Pick<Resource<StoredObject>, 'apiVersion' | 'plural' | 'scope'>;

/** A name may come from outside: one that is no path segment would address something else. */
function segment(text: string, field: string): string {
  if (text !== '' && text !== '.' && text !== '..') return encodeURIComponent(text);
  const problems = [{ field: `metadata.${field}`, message: `"${text}" is not a ${field}` }];
  throw new StoreError('Invalid', `"${text}" is not a ${field}`, { problems });
}

/** All objects of a kind, in one namespace or (absent) in all: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris */
export function collectionPath({ apiVersion, plural, scope }: Addressed, namespace?: string): string {
  const group = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  if (scope === 'Cluster' || namespace === undefined) return `${group}/${plural}`;
  return `${group}/namespaces/${segment(namespace, 'namespace')}/${plural}`;
}

export function objectPath(resource: Addressed, { namespace, name }: ObjectKey): string {
  return `${collectionPath(resource, namespace)}/${segment(name, 'name')}`;
}

/** `?a=1&b=2` from what is defined, or nothing. */
export function query(parameters: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const given = Object.entries(parameters).filter((entry) => entry[1] !== undefined);
  if (given.length === 0) return '';
  return `?${given.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join('&')}`;
}

/** Field values may hold what separates selectors; label values may not, so that escaping harms neither. */
function selectorText(selector: Selector | undefined): string | undefined {
  const terms = Object.entries(selector ?? {}).map(([key, value]) => `${key}=${value.replace(/[\\,=]/g, '\\$&')}`);
  return terms.length === 0 ? undefined : terms.join(',');
}

export function selectorParameters({ labels, fields }: ListOptions): Record<string, string | undefined> {
  return { labelSelector: selectorText(labels), fieldSelector: selectorText(fields) };
}
