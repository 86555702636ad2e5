import { proxyProviders, type ProxyProvider } from '../../api/v1alpha1/proxy-provider.ts';
import { createInformer } from '../../kube/controller/informer.ts';
import type { Informer } from '../../kube/controller/port.ts';
import type { Store } from '../../kube/store.ts';
import type { WatchingOptions } from './watched-objects.ts';

/** What the facade knows of managed proxies. */
export function watchProviders(store: Store, watching: WatchingOptions): Informer<ProxyProvider> {
  return createInformer(store, proxyProviders, watching);
}
