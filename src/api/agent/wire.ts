import { z } from 'zod';
import { idlePolicies } from '../v1alpha1/browser-account.ts';
import type { upstreamProblems } from './contract.ts';

/** JSON bodies of the agent's control API. Everything here crosses from operator, facade or gateway to a sandbox. */

/**
 * Where all traffic of a session goes out: what the operator tells the proxy, in the agent's hands a text that it passes on. It holds
 * credentials.
 */
export interface UpstreamOrder {
  /** http, https, socks4 or socks5 URL with whatever userinfo; each `{session}` in it becomes an identity. */
  readonly template: string;
  /** The identity of every connection; absent: each gets a random one of its own. */
  readonly identity?: string;
  /** Whether whoever runs the cluster says that the upstream may be at a private address. */
  readonly isInternalAllowed: boolean;
  /** Certificates (PEM) that an https upstream may be signed by, instead of the well-known ones. */
  readonly ca?: string;
}

/** What has become of a session's upstream. failed: `problem` says how; the next success makes it ready. */
export interface UpstreamReport {
  readonly state: 'probing' | 'ready' | 'failed';
  readonly problem?: UpstreamProblem;
}
export type UpstreamProblem = (typeof upstreamProblems)[number];

/** Bytes of a session's connections to the outside, as TCP carries them; `in` is towards the browser. */
export interface TrafficTotals {
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** `POST /v1/bind`: gives the sandbox to one session, for ever. The same session again is a success. */
export const bindRequest = z.strictObject({
  sessionUid: z.uuid(),
  idlePolicy: z.enum(idlePolicies),
  viewport: z.strictObject({ width: z.int(), height: z.int() }).optional(),
  /** Records the screen from the first moment, under this id. */
  recording: z.strictObject({ recordingId: z.uuid() }).optional(),
  /** Loads these, which were brought before, in this order; the names are for messages. */
  extensions: z.array(z.strictObject({ name: z.string(), sha256: z.string() })).optional(),
  /** Looks like an ordinary browser: at this place, by an IANA time zone and a BCP 47 language; absent, they stay as they are. */
  stealth: z.strictObject({ timezone: z.string().optional(), locale: z.string().optional() }).optional(),
  /** An {@link UpstreamOrder} as JSON, and the ticket that goes with this very text. */
  proxy: z.strictObject({ order: z.string(), ticket: z.string() }).optional(),
});
export type BindRequest = z.infer<typeof bindRequest>;

/** What the sandbox observed about itself; `LocalProcess` is no isolation at all. */
export const isolationKinds = ['LocalProcess', 'Container', 'GVisor', 'VirtualMachine'] as const;
export type IsolationKind = (typeof isolationKinds)[number];

/** `GET /v1/status`, and the answer to a bind. */
export interface AgentStatus {
  /** starting: no usable browser yet. ready: warm. bound: serves `sessionUid`. ended: takes nobody any more. */
  readonly phase: 'starting' | 'ready' | 'bound' | 'ended';
  readonly sessionUid?: string;
  readonly browser: {
    readonly alive: boolean;
    /** As in `/json/version`, e.g. `Chrome/156.0.8078.79`. */
    readonly product: string;
    /** Whether Chromium's own sandbox is on. */
    readonly sandboxed: boolean;
    readonly display: 'headful' | 'headless';
    /** Milliseconds from exec to DevTools answering. */
    readonly bootMs: number;
  };
  readonly isolation: IsolationKind;
  readonly activity: Activity;
  /** Of a session that asked for a proxy. Absent in the answer to a bind: nothing is known yet. */
  readonly upstream?: UpstreamReport;
  /** Absent in the answer to a bind, and while the proxy does not answer. */
  readonly traffic?: TrafficTotals;
  /** Open connections to the screen, those that only look on included. Absent: the agent is of an older version. */
  readonly viewers?: number;
}

/** `GET /v1/activity`, and the answer of `POST /v1/touch`. */
export interface Activity {
  /** Open CDP connections. */
  readonly attachedClients: number;
  /** Milliseconds since the last activity by the session's idle policy; 0 while it counts as active. */
  readonly idleForMs: number;
}

/** `POST /v1/end-if-idle`: ends the session at once unless it was active within `idleForMs`; atomic in the agent. */
export interface EndIfIdleRequest {
  readonly idleForMs: number;
}
export interface EndIfIdleAnswer extends Activity {
  readonly ended: boolean;
  readonly traffic?: TrafficTotals;
}

/**
 * `POST /v1/end-if-unused`, without a body: ends the session at once when nobody has attached to it or touched it since it was bound;
 * atomic in the agent.
 */
export interface EndIfUnusedAnswer {
  readonly ended: boolean;
}

/** `GET /v1/pages`: open tabs, in Chromium's own order (most recently active or opened first). `active`: the one that is seen. */
export interface PageInfo {
  /** CDP target id. */
  readonly pageId: string;
  readonly url: string;
  readonly title: string;
  readonly active: boolean;
}

/**
 * Why a recording ended. Requested: somebody stopped it. SessionEnded: its session did. BrowserGone: the browser died. SizeLimit: it was
 * as large as one may be. RecorderFailed: ffmpeg or the screen did.
 */
export const recordingStops = ['Requested', 'SessionEnded', 'BrowserGone', 'SizeLimit', 'RecorderFailed'] as const;
export type RecordingStop = (typeof recordingStops)[number];

/** A recording as its agent knows it; times are epoch milliseconds by the sandbox's clock. */
export interface AgentRecording {
  readonly recordingId: string;
  readonly status: 'recording' | 'stopped';
  readonly startedAtMs: number;
  readonly stoppedAtMs?: number;
  readonly stopReason?: RecordingStop;
  /** Bytes of the fragmented MP4 so far. */
  readonly bytes: number;
  /** Bytes of the MP4 that replaces it, its index in front; absent: it runs still, or that could not be made. */
  readonly finalBytes?: number;
}

/** `POST /v1/recordings`: begins one; `recording_runs` when one runs. The same id again is a success. */
export interface StartRecordingRequest {
  readonly recordingId: string;
}

/** `POST /v1/stop-recording`: answers once the recording is whole; `no_recording` when none runs. */
export interface StopRecordingRequest {
  readonly reason: Extract<RecordingStop, 'Requested' | 'SessionEnded'>;
}

/**
 * Error body of the agent. `spent`: bound to another session or ended, give up on this sandbox. `capability_failed`: something that the
 * session asks for cannot be had in this sandbox, nor in another one like it; the message names it and says what to do.
 */
export interface AgentProblem {
  readonly code:
    | 'bad_request'
    | 'unauthorized'
    | 'spent'
    | 'not_bound'
    | 'not_ready'
    | 'not_found'
    | 'browser_gone'
    | 'capability_failed'
    | 'recording_runs'
    | 'no_recording';
  readonly message: string;
}
