import type { OwnerReference } from '../../lib/object-meta.ts';
import type { Located, Objects, Written } from './objects.ts';
import { deleteObject, patchObject, type WriteContext } from './writes.ts';

/**
 * The garbage collector: what names owners of which none is left is deleted; owners that are gone are struck off the others
 * (https://kubernetes.io/docs/concepts/architecture/garbage-collection/). It runs in the next turn of the event loop.
 */
export class Collector implements Disposable {
  readonly #context: WriteContext;
  readonly #suspects = new Set<string>();
  #turn: NodeJS.Immediate | undefined;

  constructor(context: WriteContext) {
    this.#context = context;
  }

  onWrite({ before, after }: Written): void {
    const { objects } = this.#context;
    if (before && !after) this.#suspect(objects.dependentsOf(before.metadata.uid));
    const owners = after?.metadata.ownerReferences;
    if (
      after &&
      owners &&
      owners !== before?.metadata.ownerReferences &&
      owners.some((o) => !isThere(objects, after, o))
    )
      this.#suspect([after.metadata.uid]);
  }

  [Symbol.dispose](): void {
    clearImmediate(this.#turn);
    this.#suspects.clear();
  }

  #suspect(uids: readonly string[]): void {
    for (const uid of uids) this.#suspects.add(uid);
    if (this.#suspects.size > 0) this.#turn ??= setImmediate(() => this.#collect());
  }

  #collect(): void {
    this.#turn = undefined;
    const uids = [...this.#suspects];
    this.#suspects.clear();
    for (const uid of uids) {
      const located = this.#context.objects.byUid(uid);
      if (located) this.#judge(located);
    }
  }

  #judge(located: Located): void {
    const { objects } = this.#context;
    const owners = located.object.metadata.ownerReferences ?? [];
    const left = owners.filter((owner) => isThere(objects, located.object, owner));
    if (left.length === owners.length) return;
    if (left.length === 0) deleteObject(this.#context, located);
    else patchObject(this.#context, located, { patch: { metadata: { ownerReferences: left } }, expect: {} });
  }
}

/** An owner in another namespace is none; one of a cluster-scoped kind has none. */
function isThere(objects: Objects, dependent: Located['object'], { uid }: OwnerReference): boolean {
  const owner = objects.byUid(uid);
  if (owner?.table.resource.scope === 'Cluster') return true;
  return owner?.object.metadata.namespace === dependent.metadata.namespace;
}
