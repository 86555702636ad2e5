import type { NewObjectMeta, ObjectMeta, OwnerReference } from '../../lib/object-meta.ts';
import type { FieldProblem } from '../../lib/resource.ts';

/** The checks that the API server makes on every object's metadata: k8s.io/apimachinery/pkg/api/validation/objectmeta.go. */
const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const dnsLabel = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const namePart = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const maxAnnotationBytes = 262_144;

function isQualifiedName(text: string): boolean {
  const [name = '', prefix, ...more] = text.split('/').reverse();
  const prefixFits = prefix === undefined || (prefix.length <= 253 && subdomain.test(prefix));
  return more.length === 0 && prefixFits && namePart.test(name);
}

type Check = (meta: NewObjectMeta) => readonly FieldProblem[];
const when = (wrong: boolean, field: string, message: string): FieldProblem[] =>
  wrong ? [{ field: `metadata.${field}`, message }] : [];

const checkName: Check = ({ name }) =>
  when(!subdomain.test(name) || name.length > 253, 'name', 'must be a lower-case RFC 1123 subdomain');

const checkNamespace: Check = ({ namespace }) =>
  when(!dnsLabel.test(namespace) || namespace.length > 63, 'namespace', 'must be a lower-case RFC 1123 label');

const checkNoNamespace: Check = ({ namespace }) =>
  when(namespace !== '', 'namespace', 'must be empty for a kind that has none');

const checkLabels: Check = ({ labels = {} }) =>
  Object.entries(labels).flatMap(([key, value]) => [
    ...when(!isQualifiedName(key), 'labels', `${key} is not a qualified name`),
    ...when(value !== '' && !namePart.test(value), 'labels', `${key}: ${value} is not a label value (63 characters)`),
  ]);

const checkAnnotations: Check = ({ annotations = {} }) => {
  const bytes = Object.entries(annotations).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
    0,
  );
  const keys = Object.keys(annotations).filter((key) => !isQualifiedName(key.toLowerCase()));
  return [
    ...keys.flatMap((key) => when(true, 'annotations', `${key} is not a qualified name`)),
    ...when(bytes > maxAnnotationBytes, 'annotations', `must have at most ${maxAnnotationBytes} bytes together`),
  ];
};

const checkFinalizers: Check = ({ finalizers = [] }) =>
  finalizers.flatMap((name) => when(!isQualifiedName(name), 'finalizers', `${name} is not a qualified name`));

const isComplete = (owner: OwnerReference): boolean =>
  [owner.apiVersion, owner.kind, owner.name, owner.uid].every((text) => text !== '');

const checkOwners: Check = ({ ownerReferences = [] }) => [
  ...when(!ownerReferences.every(isComplete), 'ownerReferences', 'needs apiVersion, kind, name and uid'),
  ...when(
    ownerReferences.filter((owner) => owner.controller).length > 1,
    'ownerReferences',
    'only one owner may be the controller',
  ),
];

const checks = [checkName, checkLabels, checkAnnotations, checkFinalizers, checkOwners];

export function metadataProblems(meta: NewObjectMeta, scope?: 'Cluster'): readonly FieldProblem[] {
  const checkScope = scope === 'Cluster' ? checkNoNamespace : checkNamespace;
  return [...checks, checkScope].flatMap((check) => check(meta));
}

/** What a writer may not change once the object exists. Absent means "as it is". */
export function frozenMetadataProblems(stored: ObjectMeta, given: Partial<ObjectMeta>): readonly FieldProblem[] {
  const fixed = ['name', 'namespace', 'creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const;
  const changed = fixed.filter((field) => given[field] !== undefined && given[field] !== stored[field]);
  const added = (given.finalizers ?? []).filter((name) => !stored.finalizers?.includes(name));
  return [
    ...changed.flatMap((field) => when(true, field, 'is immutable')),
    ...when(
      stored.deletionTimestamp !== undefined && added.length > 0,
      'finalizers',
      'none can be added to an object that is being deleted',
    ),
  ];
}

type OwnMetadata = Omit<NewObjectMeta, 'name' | 'namespace'>;

/** The members that writers own, without empty ones: the API server leaves those out. */
export function ownMetadata({ labels, annotations, finalizers, ownerReferences }: OwnMetadata): OwnMetadata {
  return {
    ...(hasMembers(labels) && { labels }),
    ...(hasMembers(annotations) && { annotations }),
    ...(hasMembers(finalizers) && { finalizers }),
    ...(hasMembers(ownerReferences) && { ownerReferences }),
  };
}

function hasMembers<M extends object>(member: M | undefined): member is M {
  return member !== undefined && Object.keys(member).length > 0;
}

/** The members that the store owns. */
export function storeMetadata(meta: ObjectMeta): ObjectMeta {
  const { name, namespace, uid, resourceVersion, generation, creationTimestamp } = meta;
  const { deletionTimestamp, deletionGracePeriodSeconds } = meta;
  return {
    ...{ name, namespace, uid, resourceVersion, creationTimestamp },
    ...(generation !== undefined && { generation }),
    ...(deletionTimestamp !== undefined && { deletionTimestamp }),
    ...(deletionGracePeriodSeconds !== undefined && { deletionGracePeriodSeconds }),
  };
}
