import path from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import { KubeConfig } from '@kubernetes/client-node';
import { systemClock, type Clock } from '../../lib/clock.ts';

/** What a connection must know of certificates; empty for plain HTTP. */
export type TlsOptions = Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized' | 'servername'>;

/** Request headers that say who asks, by lower-case name. */
export type AccessHeaders = Readonly<Record<string, string>>;

/** Where an API server is and who we are there. Credentials change while a process runs: nothing of them is to be kept. */
export interface KubeAccess {
  /** e.g. `https://10.0.0.1:6443`; perhaps with a path, without a slash at its end. */
  readonly server: string;
  /** The namespace of the kubeconfig's context, or of the Pod that we run in. */
  readonly namespace: string | undefined;
  /** The same object as long as it says the same. `renew`: the server has refused it, so all is read again. */
  headers(renew?: boolean): Promise<AccessHeaders>;
  /** For a connection that is about to be made; the same object as long as it says the same. */
  tls(): Promise<TlsOptions>;
}

export interface KubeAccessOptions {
  /** One file, or several with the system's path delimiter between them, as in KUBECONFIG. Absent: in-cluster. */
  readonly kubeconfig?: string | undefined;
  /** Absent: the current one. */
  readonly context?: string | undefined;
  readonly clock?: Clock;
}

/**
 * How long credentials are taken to be what they were. Tokens are replaced long before they end; one that was not is renewed
 * when the server refuses it.
 */
const freshMs = 10_000;

interface Credentials {
  readonly readMs: number;
  readonly headers: AccessHeaders;
  readonly tls: TlsOptions;
}

/** Throws when there is no such file or context, or when no server is named. Certificates and tokens are read later. */
export function loadKubeAccess({ kubeconfig, context, clock = systemClock }: KubeAccessOptions = {}): KubeAccess {
  const read = (): KubeConfig => readConfig(kubeconfig, context);
  let config = read();
  let current: Promise<Credentials> | undefined;
  let last: Pick<Credentials, 'headers' | 'tls'> = { headers: {}, tls: {} };
  const load = async (): Promise<Credentials> => {
    const next = await credentialsOf(config);
    last = { headers: same(next.headers, last.headers), tls: same(next.tls, last.tls) };
    return { readMs: clock.monotonic(), ...last };
  };
  const reload = (): Promise<Credentials> => {
    const loading = load();
    current = loading;
    // What cannot be read now may be readable next time.
    loading.catch(() => {
      if (current === loading) current = undefined;
    });
    return loading;
  };
  const credentials = async (): Promise<Credentials> => {
    const known = await current;
    return known && clock.monotonic() - known.readMs < freshMs ? known : reload();
  };
  return {
    server: serverOf(config),
    namespace: config.getContextObject(config.getCurrentContext())?.namespace,
    headers: async (renew = false) => {
      if (renew) {
        // Whatever client-node has kept of tokens and commands' answers goes with its config.
        config = read();
        return (await reload()).headers;
      }
      return (await credentials()).headers;
    },
    tls: async () => (await credentials()).tls,
  };
}

/** `before` itself when nothing has changed: what was made of it can be kept. */
function same<T>(next: T, before: T): T {
  return isDeepStrictEqual(next, before) ? before : next;
}

function readConfig(kubeconfig: string | undefined, context: string | undefined): KubeConfig {
  const config = new KubeConfig();
  const [first, ...others] = kubeconfig?.split(path.delimiter).filter((file) => file !== '') ?? [];
  if (first === undefined) config.loadFromCluster();
  else config.loadFromFile(first);
  for (const file of others) {
    const more = new KubeConfig();
    more.loadFromFile(file);
    config.mergeConfig(more, true);
  }
  if (context !== undefined) config.setCurrentContext(context);
  return config;
}

function serverOf(config: KubeConfig): string {
  const cluster = config.getCurrentCluster();
  const context = config.getCurrentContext();
  if (!cluster) throw new Error(`the kubeconfig has no context "${context}", or no cluster for it`);
  // What loadFromCluster makes of a Pod's environment that is not there.
  if (!URL.canParse(cluster.server))
    throw new Error('neither a kubeconfig was given nor is this a Pod of a cluster: set KUBECONFIG');
  if (cluster.proxyUrl) throw new Error('a proxy-url in a kubeconfig is not supported');
  return cluster.server.replace(/\/+$/, '');
}

/** client-node reads files and runs commands for this; it remembers tokens for as long as they hold. */
async function credentialsOf(config: KubeConfig): Promise<Omit<Credentials, 'readMs'>> {
  const options: { headers: Record<string, string> } & TlsOptions = { headers: {} };
  await config.applyToHTTPSOptions(options);
  const { headers, ca, cert, key, rejectUnauthorized, servername } = options;
  const lowerCase = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value.trim()] as const);
  const isSecure = config.getCurrentCluster()?.server.startsWith('https:') ?? false;
  const given = { ca, cert, key, rejectUnauthorized, servername };
  const tls = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return { headers: Object.fromEntries(lowerCase), tls: isSecure ? tls : {} };
}
