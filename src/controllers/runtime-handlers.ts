import type { BrowserPool } from '../api/v1alpha1/browser-pool.ts';
import { runtimeClasses } from '../kube/builtins.ts';
import { createInformer, type InformerOptions } from '../kube/controller/informer.ts';
import type { Informer } from '../kube/controller/port.ts';
import type { Store } from '../kube/store.ts';
import type { RuntimeClass } from '../lib/kubernetes.ts';

/** What RuntimeClasses mean. They belong to no namespace. */
export interface RuntimeHandlers {
  readonly informer: Informer<RuntimeClass>;
  /**
   * The handler of the pool's RuntimeClass, as it was last seen: a class that is gone for a while changes nothing about the sandboxes that
   * are there. Undefined: the pool names none, or none of that name was ever seen.
   */
  readonly runtimeHandlerOf: (pool: BrowserPool) => string | undefined;
  /** Calls `handler` with the name of each RuntimeClass that is made or changes from now on. */
  readonly onRuntimeClass: (handler: (name: string) => void) => void;
}

type Around = Pick<InformerOptions<RuntimeClass>, 'clock' | 'logger' | 'signal'>;

export function watchRuntimeHandlers(store: Store, { clock, logger, signal }: Around): RuntimeHandlers {
  const informer = createInformer(store, runtimeClasses, { clock, logger, signal });
  const handlers = new Map<string, string>();
  const listeners: ((name: string) => void)[] = [];
  informer.onChange(({ type, object }) => {
    if (type === 'deleted') return;
    handlers.set(object.metadata.name, object.handler);
    for (const listener of listeners) listener(object.metadata.name);
  });
  return {
    informer,
    runtimeHandlerOf: ({ spec }) => handlers.get(spec.template.runtimeClassName),
    onRuntimeClass: (listener) => void listeners.push(listener),
  };
}
