import { nodeNetwork } from '../../hack/node/network.ts';
import type { ApiClient } from './api-client.ts';
import { startClusterWorld } from './cluster-world.ts';
import { startEmbeddedWorld } from './embedded-world.ts';
import { startExistingWorld } from './existing-world.ts';
import { startNodeWorld } from './node-world.ts';
import type { ProcessEntry } from './process-table.ts';

/** An account besides the default one. Absent limits are those of the product. */
export interface AccountOptions {
  readonly name: string;
  readonly apiKey: string;
  readonly maxConcurrentSessions?: number;
  readonly limits?: { readonly maxIdleTimeoutMs?: number; readonly maxLifetimeMs?: number };
  readonly idlePolicy?: 'attached' | 'messages';
  readonly recordingRetentionSeconds?: number;
}

/** A ProxyProvider. */
export interface ProviderOptions {
  readonly name: string;
  readonly spec: {
    readonly locations: Readonly<Record<string, string>>;
    readonly allowInternal?: boolean;
    readonly caBundle?: string;
  };
}

/** What a story needs to be so; said in the product's words, so that each mode arranges it in its own way. */
export interface WorldOptions {
  /** Of the default account. */
  readonly maxConcurrentSessions?: number;
  readonly warm?: { readonly min: number; readonly max: number };
  readonly maxSandboxes?: number;
  /** After which a sandbox that is not usable is given up, in milliseconds. */
  readonly startupDeadlineMs?: number;
  /** CIDRs a sandbox may reach besides the public internet, separated by commas. */
  readonly egressAllow?: string;
  /** Default auto. */
  readonly display?: 'headful' | 'headless';
  /** A program that is started in place of Chromium. */
  readonly chromium?: string;
  readonly accounts?: readonly AccountOptions[];
  readonly providers?: readonly ProviderOptions[];
  /**
   * Sandboxes may ask upstream proxies for what is on the loopback of those, as a story's pages are: only there are pages without TLS a secure
   * context. Default: false. Processes of this machine may anyway.
   */
  readonly loopbackByProxy?: boolean;
  /** Default: info. */
  readonly logLevel?: string;
}

/** A running Porthole, however it runs. Disposing it ends it and fails when it does not end as it is supposed to. */
export interface World extends AsyncDisposable {
  readonly apiUrl: string;
  readonly gatewayUrl: string;
  readonly metricsUrl: string;
  /** A caller with the default account's key. */
  readonly api: ApiClient;
  /** A caller with another key; the empty one sends none. */
  as(apiKey: string): ApiClient;
  /** Under which address a sandbox finds a server of this machine. */
  readonly pageHost: string;
  /** How many sandboxes there are, warm or claimed, in whatever state. */
  countSandboxes(): Promise<number>;
  /** Everything that sandboxes run at present, as processes of this machine. */
  sandboxProcesses(): ProcessEntry[];
  /** Of those that run: where the agent and the proxy of each listen. */
  sandboxAddresses(): Promise<readonly string[]>;
  /** What this machine calls a process that the session's own sandbox calls `pid`. */
  machinePid(sessionId: string, pid: number): Promise<number>;
  /** Files of this machine that hold keys, tokens or passwords. */
  secretFiles(): string[];
  /** All that its programs have logged so far. */
  log(): string;
}

/** Not MODE: vitest sets that one itself. */
export const mode = process.env['PORTHOLE_TEST_MODE'] ?? 'embedded';

/** For `describe.runIf`: stories that look at this machine's processes, ports and folders. */
export const isEmbedded = mode === 'embedded';

const runtimes = { node: 'runc', gvisor: 'gvisor' } as const;

/** For `describe.runIf`: sandboxes are processes of this machine, not Pods of a real node. */
export const isLocal = !Object.hasOwn(runtimes, mode);

/** Under which address a sandbox finds upstream proxies of this machine's loopback, once `exposePort` has been told of them. */
export const upstreamHost = isLocal ? '127.0.0.1' : nodeNetwork.address;

export function startWorld(options: WorldOptions = {}): Promise<World> {
  if (isEmbedded) return startEmbeddedWorld(options);
  if (mode === 'cluster') return startClusterWorld(options);
  if (mode === 'node' || mode === 'gvisor') return startNodeWorld({ ...options, runtime: runtimes[mode] });
  if (mode === 'existing') return startExistingWorld(options);
  throw new Error(
    `PORTHOLE_TEST_MODE=${mode} is no way to run these stories; allowed: embedded, cluster, node, gvisor, existing`,
  );
}
