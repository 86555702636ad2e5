import type { Registry } from 'prom-client';
import type { BrowserAccount } from '../api/v1alpha1/browser-account.ts';
import type { BrowserSession } from '../api/v1alpha1/browser-session.ts';
import type { ProxyProvider } from '../api/v1alpha1/proxy-provider.ts';
import type { BlobStore } from '../blobs/blob-store.ts';
import type { Informer } from '../kube/controller/port.ts';
import type { Store } from '../kube/store.ts';
import type { Clock } from '../lib/clock.ts';
import type { Pod } from '../lib/kubernetes.ts';
import type { Logger } from '../lib/logger.ts';
import type { AgentClient } from '../sandbox/port.ts';

export interface FacadeOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly namespace: string;
  readonly store: Store;
  /** Needs the index `accountIndex` of `session/lookup.ts`. */
  readonly sessions: Informer<BrowserSession>;
  readonly pods: Informer<Pod>;
  readonly providers: Informer<ProxyProvider>;
  /** Needs the index `apiKeyIndex` of `http/authenticate.ts`. */
  readonly accounts: Informer<BrowserAccount>;
  readonly agents: AgentClient;
  /** Where the bytes of extensions lie. */
  readonly blobs: BlobStore;
  /** Signs the tokens in URLs; the gateway has the same. */
  readonly tokenKey: Buffer;
  /** Base of `cdpUrl`, e.g. `ws://127.0.0.1:8081`. */
  readonly publicCdpUrl: string;
  /** Base of `liveViewUrl`, e.g. `http://127.0.0.1:8081/live`. */
  readonly publicLiveUrl: string;
  /** Whether a connection from this address is dropped: sandboxes have no business here. */
  readonly refusePeer?: (address: string) => boolean;
  /** Milliseconds that a POST waits for its browser. */
  readonly createDeadlineMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  /** Of Porthole, for the OpenAPI document. */
  readonly version: string;
}
