import { randomUUID } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import type { NewObjectMeta, ObjectKey, ObjectMeta, StoredObject } from '../../lib/object-meta.ts';
import type { FieldProblem } from '../../lib/resource.ts';
import type { DeleteOptions, MergePatch, Preconditions } from '../store.ts';
import { StoreError } from '../store-error.ts';
import { decideDeletion, isReadyToGo } from './deletion.ts';
import { freezeCopy, isJsonObject, isSameJson, mergePatch } from './json.ts';
import { frozenMetadataProblems, metadataProblems, ownMetadata, storeMetadata } from './metadata.ts';
import type { Located, Objects } from './objects.ts';
import type { AnyResource } from './table.ts';

/** Every write, synchronously: what is decided on is what is written over. */
export interface WriteContext {
  readonly objects: Objects;
  readonly clock: Clock;
}

/** An object as a writer gives it: nothing about it is certain. */
export interface Candidate {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: NewObjectMeta & Partial<ObjectMeta>;
}

function nameOf({ plural }: AnyResource, { namespace, name }: ObjectKey): string {
  return `${plural} ${namespace}/${name}`;
}

export function notFound(resource: AnyResource, key: ObjectKey): StoreError {
  return new StoreError('NotFound', `${nameOf(resource, key)} not found`);
}

function refuse(resource: AnyResource, key: ObjectKey, problems: readonly FieldProblem[]): void {
  if (problems.length === 0) return;
  const text = problems.map(({ field, message }) => `${field}: ${message}`).join('; ');
  throw new StoreError('Invalid', `${nameOf(resource, key)} is invalid: ${text}`, { problems });
}

function typeProblems(resource: AnyResource, given: Candidate): FieldProblem[] {
  return (['apiVersion', 'kind'] as const)
    .filter((field) => given[field] !== resource[field])
    .map((field) => ({ field, message: `must be ${resource[field]}` }));
}

/** Throws Conflict unless the stored object is the one that the writer has in mind. */
function checkExpected({ table, object }: Located, { uid, resourceVersion }: Preconditions): void {
  const { metadata } = object;
  const fits = (wanted: string | undefined, is: string): boolean => wanted === undefined || wanted === is;
  if (fits(uid, metadata.uid) && fits(resourceVersion, metadata.resourceVersion)) return;
  const expected = [uid && `uid ${uid}`, resourceVersion && `resource version ${resourceVersion}`].filter(Boolean);
  throw new StoreError(
    'Conflict',
    `${nameOf(table.resource, metadata)} is not the expected one (${expected.join(', ')}): it is uid ${metadata.uid}, ` +
      `resource version ${metadata.resourceVersion}; read it again`,
  );
}

function admit<C extends Candidate>(resource: AnyResource, next: C, previous?: StoredObject): C {
  const admission = resource.admit?.(next, previous);
  if (!admission) return next;
  if (!admission.ok) refuse(resource, next.metadata, admission.problems);
  return admission.ok ? (admission.value as C) : next;
}

function without(object: object, ...members: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !members.includes(key)));
}

export function createObject({ objects, clock }: WriteContext, resource: AnyResource, given: Candidate): StoredObject {
  const { name, namespace } = given.metadata;
  refuse(resource, given.metadata, [
    ...typeProblems(resource, given),
    ...metadataProblems(given.metadata, resource.scope),
  ]);
  const body = resource.hasStatus ? without(given, 'status') : given;
  const initial = resource.initialStatus && { status: resource.initialStatus };
  const admitted = admit(resource, { ...body, ...initial, ...pickType(resource), metadata: given.metadata });
  const table = objects.table(resource);
  if (table.get(given.metadata))
    throw new StoreError('AlreadyExists', `${nameOf(resource, given.metadata)} already exists`);
  const metadata: ObjectMeta = {
    ...{ name, namespace, uid: randomUUID(), resourceVersion: '' },
    // Built-in kinds without a spec (Secret, ConfigMap) have no generation on a real server either.
    ...('spec' in admitted && { generation: 1 }),
    creationTimestamp: new Date(clock.now()).toISOString(),
    ...ownMetadata(given.metadata),
  };
  return objects.commit(table, undefined, freezeCopy({ ...admitted, metadata }));
}

function pickType({ apiVersion, kind }: AnyResource): { apiVersion: string; kind: string } {
  return { apiVersion, kind };
}

/** The stored object's metadata with what the writer may change of it. */
function nextMetadata({ table, object }: Located, given: Candidate['metadata']): ObjectMeta {
  const { metadata } = object;
  const { resource } = table;
  const wrong = [...frozenMetadataProblems(metadata, given), ...metadataProblems(given, resource.scope)];
  refuse(resource, metadata, wrong);
  return { ...storeMetadata(metadata), ...ownMetadata(given) };
}

/** Replaces all but status by `given`. The stored object itself comes back when that changes nothing. */
export function replaceObject({ objects }: WriteContext, located: Located, given: Candidate): StoredObject {
  const { table, object } = located;
  const { resource } = table;
  checkExpected(located, given.metadata);
  refuse(resource, object.metadata, typeProblems(resource, given));
  const metadata = nextMetadata(located, given.metadata);
  const kept = resource.hasStatus && 'status' in object ? { status: object.status } : {};
  const body = resource.hasStatus ? without(given, 'status') : given;
  const next: StoredObject = admit(resource, { ...body, ...pickType(resource), metadata, ...kept }, object);
  if (isSameJson(next, object)) return object;
  const ignored = ['metadata', ...(resource.hasStatus ? ['status'] : [])];
  const isSameSpec = isSameJson(without(next, ...ignored), without(object, ...ignored));
  return settle(objects, located, isSameSpec ? next : withNextGeneration(next));
}

function withNextGeneration(object: StoredObject): StoredObject {
  const { generation } = object.metadata;
  if (generation === undefined) return object;
  return { ...object, metadata: { ...object.metadata, generation: generation + 1 } };
}

/** Stores `next`, or removes the object when the last that held it has let go. */
function settle(objects: Objects, { table, object }: Located, next: StoredObject): StoredObject {
  if (!isReadyToGo(next.metadata)) return objects.commit(table, object, freezeCopy(next));
  objects.commit(table, object, undefined);
  return freezeCopy(next);
}

export function patchObject(context: WriteContext, located: Located, change: Change): StoredObject {
  checkExpected(located, change.expect);
  const { resource } = located.table;
  const patch = resource.hasStatus ? without(change.patch, 'status') : change.patch;
  const merged = mergePatch(located.object, patch);
  if (merged === located.object) return located.object;
  const { metadata } = merged as Partial<Candidate>;
  if (!isJsonObject(metadata))
    refuse(resource, located.object.metadata, [{ field: 'metadata', message: 'is required' }]);
  // A name that was patched away is as the URL says, like every other member that the store owns.
  const { name, namespace } = located.object.metadata;
  return replaceObject(context, located, { ...(merged as Candidate), metadata: { name, namespace, ...metadata } });
}

export interface Change {
  readonly patch: MergePatch;
  readonly expect: Preconditions;
}

export function patchObjectStatus({ objects }: WriteContext, located: Located, change: Change): StoredObject {
  const { table, object } = located;
  if (!table.resource.hasStatus)
    throw new StoreError('NotFound', `${table.resource.plural} have no status of their own: patch the object`);
  checkExpected(located, change.expect);
  const before = 'status' in object ? object.status : undefined;
  const status = mergePatch(before, change.patch);
  if (status === before) return object;
  const next: StoredObject & { status: unknown } = { ...object, status };
  return objects.commit(table, object, next);
}

export function deleteObject({ objects, clock }: WriteContext, located: Located, options: DeleteOptions = {}): void {
  const { table, object } = located;
  checkExpected(located, options);
  const { metadata } = object;
  const ownGraceSeconds = table.resource.gracePeriodSeconds?.(object) ?? 0;
  const request = { metadata, ownGraceSeconds, graceSeconds: options.gracePeriodSeconds, nowMs: clock.now() };
  const deletion = decideDeletion(request);
  if (deletion.kind === 'remove') objects.commit(table, object, undefined);
  if (deletion.kind === 'mark') objects.commit(table, object, { ...object, metadata: deletion.metadata });
}
