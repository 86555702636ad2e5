import { z } from 'zod';
import { baseUrl, cidrs, filePath, host, namespace, objectName, ports, wholeNumber, type Knob } from './knob.ts';
import { blobKnobs, shared } from './knobs.ts';

/** Settings of the processes that meet in an API server. One environment may serve all of them: each reads its own. */
const cluster = {
  kubeconfig: {
    name: 'KUBECONFIG',
    flag: '--kubeconfig',
    value: 'file',
    meaning: 'Which API server to use, and as whom.',
    allowed: 'the path of a kubeconfig file, or several with a colon between them',
    otherwise: 'inside a Pod its ServiceAccount; nothing elsewhere',
    schema: z.exactOptional(z.string().regex(/^[^~\0]*$/)),
  },
  namespace: {
    name: 'PORTHOLE_NAMESPACE',
    flag: '--namespace',
    meaning: 'Namespace of sessions, pools, accounts and sandboxes.',
    preset: 'porthole',
    ...namespace,
  },
  host: {
    name: 'PORTHOLE_HOST',
    flag: '--host',
    meaning: 'Address that the process listens on; 0.0.0.0 opens it to the network, as a Pod needs it.',
    preset: '127.0.0.1',
    ...host,
  },
  metricsPort: shared.metricsPort,
  logLevel: shared.logLevel,
} satisfies Record<string, Knob>;

const systemNamespace = {
  name: 'PORTHOLE_SYSTEM_NAMESPACE',
  flag: '--system-namespace',
  meaning: "Namespace of Porthole's own objects: its keys and the lease of the leading operator.",
  otherwise: 'inside a Pod its own namespace, else porthole-system',
  ...namespace,
} satisfies Knob;

const urls = {
  publicCdpUrl: {
    name: 'PORTHOLE_PUBLIC_CDP_URL',
    flag: '--public-cdp-url',
    meaning: 'Where CDP clients reach the gateway: what cdpUrl begins with.',
    preset: 'ws://127.0.0.1:8081',
    ...baseUrl('ws', 'wss'),
  },
  publicLiveUrl: {
    name: 'PORTHOLE_PUBLIC_LIVE_URL',
    flag: '--public-live-url',
    meaning: 'Where live view pages are: what liveViewUrl begins with.',
    preset: 'http://127.0.0.1:8081/live',
    ...baseUrl('http', 'https'),
  },
} satisfies Record<string, Knob>;

const refusePeers = {
  name: 'PORTHOLE_REFUSE_PEERS',
  flag: '--refuse-peers',
  meaning: 'Whose connections are dropped unheard: sandboxes have no business here.',
  preset: 'none',
  ...cidrs,
} satisfies Knob;

export const operatorKnobs = {
  ...cluster,
  systemNamespace,
  ...urls,
  egressDenyPorts: {
    name: 'PORTHOLE_EGRESS_DENY_PORTS',
    flag: '--egress-deny-ports',
    meaning: 'TCP ports that no browser may reach, whatever its pool allows.',
    preset: 'none',
    ...ports,
  },
  ...blobKnobs,
} satisfies Record<string, Knob>;

export const facadeKnobs = {
  ...cluster,
  systemNamespace,
  apiPort: shared.apiPort,
  ...urls,
  createDeadlineMs: {
    name: 'PORTHOLE_CREATE_DEADLINE_MS',
    flag: '--create-deadline-ms',
    value: 'ms',
    meaning: "Milliseconds that a POST waits for its browser; some more than the pools' startupDeadlineMs.",
    allowed: 'a whole number 1000 … 610000',
    preset: '35000',
    schema: wholeNumber(1_000, 610_000),
  },
  refusePeers,
  ...blobKnobs,
} satisfies Record<string, Knob>;

export const gatewayKnobs = {
  ...cluster,
  systemNamespace,
  gatewayPort: shared.gatewayPort,
  publicCdpUrl: urls.publicCdpUrl,
  frameAncestors: shared.frameAncestors,
  drainMs: {
    name: 'PORTHOLE_DRAIN_MS',
    flag: '--drain-ms',
    value: 'ms',
    meaning: 'How long clients may stay when the gateway is told to end; a second signal ends the wait.',
    allowed: 'a whole number 0 … 86400000',
    preset: '600000',
    schema: wholeNumber(0, 86_400_000),
  },
  refusePeers,
} satisfies Record<string, Knob>;

export const nodeKnobs = {
  ...cluster,
  nodeName: {
    name: 'PORTHOLE_NODE_NAME',
    flag: '--node-name',
    meaning: 'Name of the Node, which its credentials must be for.',
    otherwise: 'porthole-<host name>',
    ...objectName,
  },
  dataDir: {
    name: 'PORTHOLE_DATA_DIR',
    flag: '--data-dir',
    value: 'folder',
    meaning: 'Folder with all state of this node; one process uses it at a time.',
    allowed: 'a path (~ is not expanded here)',
    otherwise: '${XDG_DATA_HOME:-~/.local/share}/porthole-node',
    schema: filePath,
  },
  chromium: shared.chromium,
} satisfies Record<string, Knob>;
