import type { Binding } from '../../core/session/input.ts';
import { SandboxError, type AgentClient, type BindWish, type SandboxRef } from '../../sandbox/port.ts';

export interface BindCall {
  readonly sandbox: SandboxRef;
  readonly request: BindWish;
  /** What of the request has to be fetched first. Throws a SandboxError `capability` when it cannot be had. */
  readonly prepare?: (signal: AbortSignal) => Promise<Partial<BindWish>>;
  readonly wasWarm: boolean;
  /** Milliseconds after which the sandbox is given up. */
  readonly deadlineMs: number;
}

interface RunningCall {
  binding: Binding;
  readonly abort: AbortController;
}

/**
 * Calls that give sandboxes to sessions, one a session. They run beside the reconciler, so that a session can end while its
 * browser starts, and a slow one holds nobody else up.
 */
export class Bindings {
  readonly #calls = new Map<string, RunningCall>();
  readonly #agents: AgentClient;
  readonly #onSettled: (sessionUid: string) => void;
  #running = 0;

  constructor(agents: AgentClient, onSettled: (sessionUid: string) => void) {
    this.#agents = agents;
    this.#onSettled = onSettled;
  }

  /** Sessions that wait for their browser at this moment. */
  get running(): number {
    return this.#running;
  }

  of(sessionUid: string): Binding {
    return this.#calls.get(sessionUid)?.binding ?? { state: 'none' };
  }

  begin(call: BindCall): void {
    const { sessionUid } = call.sandbox;
    this.forget(sessionUid);
    const running: RunningCall = { binding: { state: 'running' }, abort: new AbortController() };
    this.#calls.set(sessionUid, running);
    this.#running += 1;
    void this.#call(call, running.abort.signal).then((binding) => {
      this.#running -= 1;
      running.binding = binding;
      if (!running.abort.signal.aborted) this.#onSettled(sessionUid);
    });
  }

  /** The session is gone, has ended, or takes another sandbox. */
  forget(sessionUid: string): void {
    this.#calls.get(sessionUid)?.abort.abort();
    this.#calls.delete(sessionUid);
  }

  async #call({ sandbox, request, prepare, wasWarm, deadlineMs }: BindCall, aborted: AbortSignal): Promise<Binding> {
    try {
      const wish = prepare ? { ...request, ...(await prepare(aborted)) } : request;
      const signal = AbortSignal.any([aborted, AbortSignal.timeout(deadlineMs)]);
      return { state: 'bound', agent: await this.#agents.bind(sandbox, wish, signal), wasWarm };
    } catch (error) {
      return { state: 'failed', why: whyOf(error), message: error instanceof Error ? error.message : String(error) };
    }
  }
}

function whyOf(error: unknown): Extract<Binding, { state: 'failed' }>['why'] {
  const code = error instanceof SandboxError ? error.code : 'unreachable';
  return code === 'spent' || code === 'capability' ? code : 'unusable';
}
