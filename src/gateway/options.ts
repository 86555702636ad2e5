import type { Registry } from 'prom-client';
import type { TicketPurpose } from '../api/agent/contract.ts';
import type { BrowserAccount } from '../api/v1alpha1/browser-account.ts';
import type { BrowserSession } from '../api/v1alpha1/browser-session.ts';
import type { Informer } from '../kube/controller/port.ts';
import type { Store } from '../kube/store.ts';
import type { Clock } from '../lib/clock.ts';
import type { Pod } from '../lib/kubernetes.ts';
import type { Logger } from '../lib/logger.ts';

/** Signs what an agent wants to see from whoever calls it. */
export interface Tickets {
  ticketFor(claims: { readonly podUid: string; readonly sessionUid: string; readonly purpose: TicketPurpose }): string;
}

export interface GatewayOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /**
   * Base of the addresses that `/json/…` answers name, e.g. `wss://cdp.example.com`; default `ws://<host>:<port>`, with
   * 127.0.0.1 where the host means every address.
   */
  readonly publicCdpUrl?: string;
  readonly namespace: string;
  /** Read only where an informer lags; written to only when viewers come and go. */
  readonly store: Pick<Store, 'get' | 'list' | 'patchStatus'>;
  readonly sessions: Informer<BrowserSession>;
  readonly pods: Informer<Pod>;
  readonly accounts: Informer<BrowserAccount>;
  /** Which pages may show a live view in a frame: `self`, origins; default: none. */
  readonly frameAncestors?: readonly string[];
  /** HMAC key of the tokens in URLs; the facade has the same. */
  readonly tokenKey: Buffer;
  readonly tickets: Tickets;
  /** Default: `ports.agent`. */
  readonly agentPort?: number;
  /** Whether a connection from this address is dropped unheard: sandboxes have no business here. */
  readonly refusePeer?: (address: string) => boolean;
  /** How long {@link Gateway.drain} lets clients stay, in milliseconds; default 10 minutes. */
  readonly drainMs?: number;
  /** WebSocket connections of one session at once; default 100. Tools that drive pages one by one open one a page. */
  readonly maxConnectionsPerSession?: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
}

/** Disposing is a drain that waits for nobody: clients see 1012. */
export interface Gateway extends AsyncDisposable {
  readonly port: number;
  /** Takes nobody new, waits until the last client has left or `drainMs` are over, then ends the rest with 1012. */
  drain(): Promise<void>;
}

export const defaults = { drainMs: 600_000, maxConnectionsPerSession: 100 } as const;
