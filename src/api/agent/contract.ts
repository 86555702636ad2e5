/**
 * Ports, paths, headers, environment and tickets between the sandbox's programs and everybody else. One file, so that
 * both sides cannot drift (cloudnative-pg's `pkg/management/url`). No zod here: the agent starts on this file's cost.
 */

/** What is wrong with the upstream of a session, as the proxy says it in an `UpstreamReport`. */
export const upstreamProblems = ['unreachable', 'authentication_failed', 'refused', 'not_allowed'] as const;

/** TCP, on the pod's address. */
export const ports = {
  /** The agent: control API, CDP relay, VNC relay. */
  agent: 7700,
  /** The egress proxy; speaks to its own pod only. */
  proxy: 7701,
  /** The proxy's health. */
  proxyHealth: 7702,
} as const;

/**
 * Chromium listens on 127.0.0.1 whatever it is told. Where pods are processes of one machine, each gets its own port from this
 * range, below Linux's ephemeral ports; no egress proxy ever connects to it. In a pod of its own the first is used.
 */
export const devtoolsPorts = { first: 21_000, last: 24_999 } as const;

/** Where pods that are local processes get their addresses from. No egress proxy ever connects to it. */
export const localPodCidr = '127.77.0.0/16';

export const paths = {
  live: '/livez',
  ready: '/readyz',
  bind: '/v1/bind',
  status: '/v1/status',
  activity: '/v1/activity',
  touch: '/v1/touch',
  endIfIdle: '/v1/end-if-idle',
  endIfUnused: '/v1/end-if-unused',
  pages: '/v1/pages',
  /**
   * GET: all recordings that are kept here. POST: begins one. Below it, by id, GET with `?from=<byte>`: the fragmented MP4 from there on,
   * for as long as it grows; with `?part=final`: the MP4 that replaces it; with `?part=kept`: nothing, once somebody has said by DELETE that
   * it is kept elsewhere.
   */
  recordings: '/v1/recordings',
  /** PUT, followed by `/<sha256>`: a packed extension that the session will load; before its bind, with a ticket of the same purpose. */
  extensions: '/v1/extensions',
  /** POST: ends the one that runs, and makes it whole. */
  stopRecording: '/v1/stop-recording',
  /** Followed by Chromium's own path, e.g. `/cdp/json/version`, `/cdp/devtools/browser/<id>`. */
  cdp: '/cdp',
  /** WebSocket path of the browser's own CDP endpoint, whatever its id: `/cdp/browser`. */
  cdpBrowser: '/cdp/browser',
  /** WebSocket path of the screen, RFB in binary messages; ticket of purpose `live`. */
  rfb: '/rfb',
  /** The same, without input; ticket of purpose `live-readonly`. */
  rfbReadOnly: '/rfb/read-only',
  /** On the proxy's health port: its connections, bytes and refusals so far, as JSON. */
  traffic: '/v1/traffic',
  /** On the proxy's health port, for its own pod only: takes the upstream of the sandbox's session, once. */
  upstream: '/v1/upstream',
} as const;

/** Bytes that one packed extension may have: 50 MiB. */
export const maxPackedExtensionBytes = 52_428_800;

/** Environment of agent and proxy, set in the Pod. */
export const env = {
  podUid: 'POD_UID',
  podIp: 'POD_IP',
  /** Ed25519 public key (base64url SPKI DER) that tickets are checked with. */
  ticketKey: 'PORTHOLE_TICKET_KEY',
  display: 'PORTHOLE_DISPLAY',
  chromium: 'PORTHOLE_CHROMIUM',
  /** Of the browser, in full, where whoever starts the pod knows it; else the agent asks the browser, which takes 30 ms of its start. */
  chromiumVersion: 'PORTHOLE_CHROMIUM_VERSION',
  devtoolsPort: 'PORTHOLE_DEVTOOLS_PORT',
  /** Folder for profile, HOME and sockets; private to the pod. */
  workDir: 'PORTHOLE_WORK_DIR',
  isolation: 'PORTHOLE_ISOLATION',
  /** `SeparateKernel` or `VirtualMachine`: a sandbox that is less ends itself. Absent: whatever it is will do. */
  requireIsolation: 'PORTHOLE_REQUIRE_ISOLATION',
  /** `true`: a sandbox whose Chromium runs without its own sandbox ends itself. */
  requireBrowserSandbox: 'PORTHOLE_REQUIRE_BROWSER_SANDBOX',
  /** `uid:gid` to become once everything is loaded; only when started as root. */
  runAs: 'PORTHOLE_RUN_AS',
  /** Process id; where pods are local processes, a program of theirs ends when this is no longer its parent. */
  parentPid: 'PORTHOLE_PARENT_PID',
  /** Comma-separated CIDRs a sandbox may reach besides the public internet. */
  egressAllow: 'PORTHOLE_EGRESS_ALLOW',
  /** Comma-separated CIDRs where upstream proxies may be besides the public internet and what a sandbox may reach itself. */
  upstreamAllow: 'PORTHOLE_UPSTREAM_ALLOW',
  /** Comma-separated TCP ports that no sandbox may reach on any address of this machine: Porthole's own. */
  egressDenyPorts: 'PORTHOLE_EGRESS_DENY_PORTS',
  /** Frames per second of recordings. */
  recordingRate: 'PORTHOLE_RECORDING_RATE',
  /** Bytes at which a recording ends. */
  recordingMaxBytes: 'PORTHOLE_RECORDING_MAX_BYTES',
  logLevel: 'PORTHOLE_LOG_LEVEL',
} as const;

/** Container names in a sandbox pod. */
export const containers = { agent: 'browser', proxy: 'proxy' } as const;

/** Volume and mount path of the sandbox's scratch space. */
export const workVolume = { name: 'work', mountPath: '/work' } as const;

/** What a ticket allows. */
export type TicketPurpose = 'bind' | 'control' | 'cdp' | 'live' | 'live-readonly' | 'upstream';

/**
 * Claims of the ticket in `Authorization: Bearer <ticket>` on every call to an agent but /livez and /readyz, and of the one that
 * the agent hands on to the proxy with the upstream.
 */
export interface TicketClaims {
  readonly podUid: string;
  /** The session on whose behalf the caller comes; the agent refuses any but the one it is bound to. */
  readonly sessionUid: string;
  readonly purpose: TicketPurpose;
  /** Epoch seconds. */
  readonly expiresAt: number;
  /** Of `upstream`: SHA-256 of the body that comes with it, base64url; so whoever sees the ticket can use it for nothing else. */
  readonly bodySha256?: string;
}

/**
 * What Chromium needs beside `--proxy-server` so that nothing goes past the proxy: by itself it leaves loopback out, and sends
 * WebRTC's UDP directly (`--force-webrtc-ip-handling-policy` is not heeded by Chromium 156).
 */
export const egressFlags = [
  '--proxy-bypass-list=<-loopback>',
  '--webrtc-ip-handling-policy=disable_non_proxied_udp',
] as const;

/** How an agent ends, for whoever reads the Pod's status. 0: it was asked to. */
export const agentExitCodes = {
  /** Its browser ended by itself. */
  browserGone: 70,
  /** Its browser, or the desktop for it, did not come up. */
  neverUsable: 71,
  /** It is weaker than its pool demands; the termination message says in which way. */
  tooWeak: 72,
  /** Its environment is not what it must be; standard error says which variable. */
  badSettings: 78,
  /**
   * It was told to end: 128 + SIGTERM, as a shell has it. Not 0: of containers that end with 0 a kubelet makes a Pod that has succeeded, and
   * forgets that it was evicting it.
   */
  told: 143,
} as const;
