import path from 'node:path';
import { localPodCidr } from '../../src/api/agent/contract.ts';
import type { ClusterConfig } from '../../src/cmd/config/parse-cluster-config.ts';
import { urlHost } from '../../src/cmd/parts/url-host.ts';
import { names } from './install.ts';
import type { ProcessSpec } from './managed-process.ts';

/** Porthole's processes, in the order in which they are stopped: nobody is promised anything by those that go first. */
export const portholeRoles = ['facade', 'gateway', 'operator', 'node'] as const;
export type PortholeRole = (typeof portholeRoles)[number];

/** What a TCP port is taken for. `metricsPort` is the operator's. */
export interface Ports {
  readonly api: number;
  readonly gateway: number;
  readonly metrics: Readonly<Record<PortholeRole, number>>;
}

/** Where sandboxes are Pods with addresses of their own, which callers from this machine reach by forwarded ports. */
export interface NodeNetwork {
  /** From a program's command line to one that runs it there. */
  readonly inNetwork: (argv: readonly string[]) => readonly string[];
  readonly podCidr: string;
}

export interface ProcessSettings {
  /** The cluster's folder, absolute. */
  readonly dir: string;
  readonly config: ClusterConfig;
  readonly ports: Ports;
  /** Of the API server, where that is one of this machine: pages must not reach it. */
  readonly apiServerPort: number | undefined;
  /** Path of the browser. Of no use on a real node. */
  readonly chromium: string;
  /** The network of a real node, when the processes are to run there. */
  readonly network?: NodeNetwork | undefined;
  /** Of this process: PATH, HOME and TMPDIR are handed on, and nothing else. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Where callers reach the gateway. */
export function publicUrls({ host }: ClusterConfig, ports: Ports): { readonly cdp: string; readonly live: string } {
  const at = `${urlHost(host)}:${ports.gateway}`;
  return { cdp: `ws://${at}`, live: `http://${at}/live` };
}

/** A POST waits a little longer than a sandbox may take to start, so that the operator's answer arrives. */
const answerMarginMs = 5_000;
/** Chromium and its desktop end in about a second; a process that hangs shall not hold up the rest. */
const graceMs = 8_000;

/** Where the SDK of S3 looks for credentials: https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html */
const credentialsOf = (environment: ProcessSettings['environment']): Record<string, string> =>
  Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) => (name.startsWith('AWS_') && value ? [[name, value]] : [])),
  );

function ownEnvironment(role: PortholeRole, settings: ProcessSettings): Record<string, string> {
  const { dir, config, ports, apiServerPort, chromium, environment, network } = settings;
  const { cdp, live } = publicUrls(config, ports);
  const closed = [ports.api, ports.gateway, ...Object.values(ports.metrics), ...(apiServerPort ? [apiServerPort] : [])];
  const edge = { PORTHOLE_REFUSE_PEERS: network?.podCidr ?? localPodCidr, PORTHOLE_PUBLIC_CDP_URL: cdp };
  const system = { PORTHOLE_SYSTEM_NAMESPACE: names.systemNamespace };
  const { blobs: place = path.join(dir, 'blobs'), s3Endpoint, s3Region } = config;
  const blobs = {
    PORTHOLE_BLOBS: place,
    PORTHOLE_S3_REGION: s3Region,
    ...(s3Endpoint !== undefined && { PORTHOLE_S3_ENDPOINT: s3Endpoint }),
    ...credentialsOf(environment),
  };
  switch (role) {
    case 'operator':
      return {
        ...system,
        ...blobs,
        PORTHOLE_PUBLIC_CDP_URL: cdp,
        PORTHOLE_PUBLIC_LIVE_URL: live,
        // Pods with a network of their own find nothing of Porthole in it.
        ...(!network && { PORTHOLE_EGRESS_DENY_PORTS: closed.join(',') }),
      };
    case 'facade':
      return {
        ...system,
        ...edge,
        ...blobs,
        PORTHOLE_PUBLIC_LIVE_URL: live,
        PORTHOLE_API_PORT: `${ports.api}`,
        PORTHOLE_CREATE_DEADLINE_MS: `${config.startupDeadlineMs + answerMarginMs}`,
      };
    case 'gateway':
      // Ctrl-C ends all within seconds: nobody who is attached is waited for, since the browsers end too.
      return {
        ...system,
        ...edge,
        PORTHOLE_GATEWAY_PORT: `${ports.gateway}`,
        PORTHOLE_FRAME_ANCESTORS: config.frameAncestors.join(',') || 'none',
        PORTHOLE_DRAIN_MS: '0',
      };
    case 'node':
      return {
        PORTHOLE_NODE_NAME: names.node,
        PORTHOLE_DATA_DIR: path.join(dir, 'node'),
        PORTHOLE_CHROMIUM: chromium,
      };
  }
}

export const kubeconfigFile = (dir: string, role: string): string => path.join(dir, 'kubeconfigs', role);

/** How a process of Porthole is started: as `porthole <role>` with an environment of its own. */
export function processSpec(role: PortholeRole, settings: ProcessSettings): ProcessSpec {
  const { dir, config, ports, network, environment } = settings;
  const handedOn = Object.entries(environment).filter(([name]) => ['PATH', 'HOME', 'TMPDIR'].includes(name));
  const repository = path.resolve(import.meta.dirname, '../..');
  const argv = [process.execPath, path.join(repository, 'src/cmd/main.ts'), role];
  return {
    name: role,
    argv: network ? network.inNetwork(argv) : argv,
    cwd: repository,
    env: {
      ...Object.fromEntries(handedOn.map(([name, value]) => [name, value ?? ''])),
      NODE_COMPILE_CACHE: path.join(dir, 'compile-cache'),
      KUBECONFIG: kubeconfigFile(dir, role),
      PORTHOLE_NAMESPACE: names.sessionsNamespace,
      PORTHOLE_HOST: network ? '127.0.0.1' : config.host,
      PORTHOLE_METRICS_PORT: `${ports.metrics[role]}`,
      PORTHOLE_LOG_LEVEL: config.logLevel,
      ...ownEnvironment(role, settings),
    },
    graceMs,
    supervised: true,
  };
}
