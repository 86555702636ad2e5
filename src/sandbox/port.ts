import type { Readable } from 'node:stream';
import type {
  Activity,
  AgentStatus,
  BindRequest,
  EndIfIdleAnswer,
  EndIfUnusedAnswer,
  PageInfo,
  UpstreamOrder,
} from '../api/agent/wire.ts';
import type { RecordingCalls } from './recording-calls.ts';

/** Which sandbox, and for which session: what every ticket says. */
export interface SandboxRef {
  readonly podUid: string;
  /** Pod address, IPv4. */
  readonly podIp: string;
  readonly sessionUid: string;
}

/**
 * spent: serves another session or has ended, for good. unreachable: no answer in time. not_ready: its browser cannot start.
 * capability: what was asked for cannot be had; the message says what, and what to do. recording_runs, no_recording: as the agent says.
 */
export type SandboxErrorCode = 'spent' | 'unreachable' | 'not_ready' | 'capability' | 'recording_runs' | 'no_recording';

export class SandboxError extends Error {
  override readonly name = 'SandboxError';
  readonly code: SandboxErrorCode;
  constructor(code: SandboxErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What a sandbox gets with its session. */
export interface BindWish extends Omit<BindRequest, 'sessionUid' | 'proxy'> {
  readonly upstream?: UpstreamOrder;
}

/** Bytes on their way to a sandbox. */
export interface Upload {
  /** How many there are in `body`. */
  readonly size: number;
  readonly body: Readable;
}

/** Calls to agents. Every failure is a {@link SandboxError}. */
export interface AgentClient extends AsyncDisposable, RecordingCalls {
  /**
   * Gives the sandbox to the session. With `signal`'s deadline far away it also waits: for the agent to listen and for the
   * browser to be usable. Resolves when a CDP client that connects now succeeds.
   */
  bind(sandbox: SandboxRef, wish: BindWish, signal: AbortSignal): Promise<AgentStatus>;
  /**
   * Brings a packed extension to the sandbox, for the bind of the same session to load: its bytes are read anew for each attempt. Waits as a
   * bind does. `capability`: it cannot be unpacked.
   */
  bringExtension(
    sandbox: SandboxRef,
    extension: { readonly sha256: string; open(): Promise<Upload> },
    signal: AbortSignal,
  ): Promise<void>;
  /**
   * Connects to a sandbox that nobody has yet, so that its bind finds the connection open (for a minute). Never fails: a sandbox that does not
   * answer shows when it is bound.
   */
  greet(sandbox: Pick<SandboxRef, 'podIp'>, signal: AbortSignal): Promise<void>;
  status(sandbox: SandboxRef, signal: AbortSignal): Promise<AgentStatus>;
  /** Counts as activity. */
  touch(sandbox: SandboxRef, signal: AbortSignal): Promise<Activity>;
  endIfIdle(sandbox: SandboxRef, idleForMs: number, signal: AbortSignal): Promise<EndIfIdleAnswer>;
  endIfUnused(sandbox: SandboxRef, signal: AbortSignal): Promise<EndIfUnusedAnswer>;
  pages(sandbox: SandboxRef, signal: AbortSignal): Promise<readonly PageInfo[]>;
}
