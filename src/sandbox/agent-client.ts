import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { Agent, request, type Dispatcher } from 'undici';
import type { z } from 'zod';
import { paths, ports, type TicketPurpose } from '../api/agent/contract.ts';
import type { AgentProblem, BindRequest, EndIfIdleRequest, UpstreamOrder } from '../api/agent/wire.ts';
import { sleep, type Clock } from '../lib/clock.ts';
import { answers, longestAnswer } from './answers.ts';
import { SandboxError, type AgentClient, type SandboxErrorCode, type SandboxRef, type Upload } from './port.ts';
import { createRecordingCalls } from './recording-calls.ts';
import type { TicketIssuer } from './ticket-issuer.ts';

export interface AgentClientOptions {
  readonly tickets: TicketIssuer;
  readonly clock: Clock;
  /** TCP port that agents listen on. Default {@link ports}.agent. */
  readonly port?: number;
}

/** How long a connection waits for its next call. An idle pod's connections are closed, and its pool with the last of them. */
const keepAliveMs = 60_000;
/** Between two attempts on an agent that does not listen yet: a cold session waits half of it on average. */
const retryMs = 10;
/** Errors of a sandbox that is about to listen. */
const notListening = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL']);

/** Errors of a connection that was there. */
const hungUp = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

interface Call<T> {
  readonly purpose: TicketPurpose;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: object;
  /** Instead of a JSON body: bytes, opened anew for each attempt. */
  readonly upload?: { open(): Promise<Upload> };
  readonly answer: z.ZodType<T>;
}

const codeOf: Readonly<Record<AgentProblem['code'], SandboxErrorCode>> = {
  spent: 'spent',
  // Bound to nobody although we bound it, or under another key: not the sandbox that we took it for.
  not_bound: 'spent',
  unauthorized: 'spent',
  bad_request: 'spent',
  not_found: 'spent',
  not_ready: 'not_ready',
  browser_gone: 'not_ready',
  capability_failed: 'capability',
  recording_runs: 'recording_runs',
  no_recording: 'no_recording',
};

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function toRefusal(status: number, text: string): SandboxError {
  const { success, data } = answers.problem.safeParse(parseJson(text));
  if (success) return new SandboxError(codeOf[data.code], data.message);
  return new SandboxError('spent', `The agent answered ${status} without saying why.`);
}

function toNetworkError(cause: unknown): SandboxError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new SandboxError('unreachable', `The agent did not answer: ${message}`, { cause });
}

/** The code that the operating system or undici gave to what went wrong, e.g. `ECONNREFUSED`. */
function codeOfCause(error: unknown): string {
  const cause = error instanceof SandboxError ? error.cause : error;
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
}

/** What is sent, and the headers that say what it is. */
async function contentOf({ body, upload }: Omit<Call<unknown>, 'answer'>): Promise<{
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Readable;
}> {
  if (body) return { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  if (!upload) return {};
  const { size, body: bytes } = await upload.open();
  return { headers: { 'content-type': 'application/octet-stream', 'content-length': String(size) }, body: bytes };
}

type Ask = <T>(sandbox: SandboxRef, call: Call<T>, signal: AbortSignal) => Promise<T>;

function createAsk(dispatcher: Dispatcher, tickets: TicketIssuer, port: number): Ask {
  const send = async (sandbox: SandboxRef, call: Omit<Call<unknown>, 'answer'>, signal: AbortSignal) => {
    const content = await contentOf(call);
    try {
      const { podUid, sessionUid, podIp } = sandbox;
      const authorization = `Bearer ${tickets.ticketFor({ podUid, sessionUid, purpose: call.purpose })}`;
      const { statusCode, body } = await request(`http://${podIp}:${port}${call.path}`, {
        dispatcher,
        method: call.method,
        signal,
        ...content,
        headers: { authorization, ...content.headers },
      });
      return { status: statusCode, text: await body.text() };
    } catch (error) {
      throw toNetworkError(error);
    }
  };
  return async (sandbox, call, signal) => {
    const { status, text } = await send(sandbox, call, signal);
    if (status !== 200) throw toRefusal(status, text);
    const parsed = call.answer.safeParse(parseJson(text));
    if (!parsed.success) throw new SandboxError('spent', 'The agent answered what no agent of ours answers.');
    return parsed.data;
  };
}

/** After so long without a byte of a recording, which grows each second, its sandbox is gone without having said so. */
const silenceLimitMs = 15_000;

type Open = (sandbox: SandboxRef, path: string, signal: AbortSignal) => Promise<Readable>;

function createOpen(dispatcher: Dispatcher, tickets: TicketIssuer, port: number): Open {
  return async ({ podUid, sessionUid, podIp }, path, signal) => {
    const authorization = `Bearer ${tickets.ticketFor({ podUid, sessionUid, purpose: 'control' })}`;
    const options = { dispatcher, signal, headers: { authorization } };
    const { statusCode, body } = await request(`http://${podIp}:${port}${path}`, options).catch((error: unknown) => {
      throw toNetworkError(error);
    });
    if (statusCode !== 200) throw toRefusal(statusCode, await body.text());
    return body;
  };
}

/** Whether a repeatable call that failed as `error` may be sent again; `hangUps` counts the connections that it lost before. */
function isWorthRepeating(error: unknown, hangUps: number): boolean {
  const code = codeOfCause(error);
  // A kept connection that the other side had just closed is lost once. Twice: it dies under us.
  return notListening.has(code) || (hungUp.has(code) && hangUps === 0);
}

/** What the agent hands on to the proxy. The ticket is good for this text only, whoever sees it. */
function sealUpstream(
  tickets: TicketIssuer,
  { podUid, sessionUid }: SandboxRef,
  upstream: UpstreamOrder,
): NonNullable<BindRequest['proxy']> {
  const order = JSON.stringify(upstream);
  const bodySha256 = createHash('sha256').update(order).digest('base64url');
  return { order, ticket: tickets.ticketFor({ podUid, sessionUid, purpose: 'upstream', bodySha256 }) };
}

/** Calls to agents over HTTP/1.1, their connections kept for the next call. */
export function createAgentClient({ tickets, clock, port = ports.agent }: AgentClientOptions): AgentClient {
  // No time limits of its own: each caller's signal is the limit, and a bind waits for as long as a browser takes to start.
  const dispatcher = new Agent({
    allowH2: false,
    keepAliveTimeout: keepAliveMs,
    headersTimeout: 0,
    bodyTimeout: 0,
    maxResponseSize: longestAnswer,
  });
  const ask = createAsk(dispatcher, tickets, port);
  const streams = new Agent({ allowH2: false, headersTimeout: 0, bodyTimeout: silenceLimitMs });

  /** A bind is repeatable: the same session again is a success. So what may not have arrived is sent again. */
  const askUntilHeard: Ask = async (sandbox, call, signal) => {
    for (let hangUps = 0; ;) {
      try {
        return await ask(sandbox, call, signal);
      } catch (error) {
        if (signal.aborted || !isWorthRepeating(error, hangUps)) throw error;
        if (hungUp.has(codeOfCause(error))) hangUps += 1;
        await sleep(clock, retryMs, signal);
      }
    }
  };

  return {
    bind: (sandbox, { upstream, ...wish }, signal) => {
      const proxy = upstream && sealUpstream(tickets, sandbox, upstream);
      const body: BindRequest = { sessionUid: sandbox.sessionUid, ...wish, ...(proxy && { proxy }) };
      const call = { purpose: 'bind', method: 'POST', path: paths.bind, body, answer: answers.status } as const;
      return askUntilHeard(sandbox, call, signal);
    },
    bringExtension: async (sandbox, { sha256, ...upload }, signal) => {
      const path = `${paths.extensions}/${sha256}`;
      await askUntilHeard(sandbox, { purpose: 'bind', method: 'PUT', path, upload, answer: answers.nothing }, signal);
    },
    greet: async ({ podIp }, signal) => {
      try {
        const { body } = await request(`http://${podIp}:${port}${paths.ready}`, { dispatcher, signal });
        await body.text();
      } catch {
        // Whatever it is, the bind will say so.
      }
    },
    status: (sandbox, signal) =>
      ask(sandbox, { purpose: 'control', method: 'GET', path: paths.status, answer: answers.status }, signal),
    touch: (sandbox, signal) =>
      ask(sandbox, { purpose: 'control', method: 'POST', path: paths.touch, answer: answers.activity }, signal),
    endIfIdle: (sandbox, idleForMs, signal) => {
      const body: EndIfIdleRequest = { idleForMs };
      const path = paths.endIfIdle;
      return ask(sandbox, { purpose: 'control', method: 'POST', path, body, answer: answers.endIfIdle }, signal);
    },
    endIfUnused: (sandbox, signal) => {
      const path = paths.endIfUnused;
      return ask(sandbox, { purpose: 'control', method: 'POST', path, answer: answers.endIfUnused }, signal);
    },
    pages: (sandbox, signal) =>
      ask(sandbox, { purpose: 'control', method: 'GET', path: paths.pages, answer: answers.pages }, signal),
    ...createRecordingCalls({ ask, open: createOpen(streams, tickets, port) }),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([dispatcher.destroy(), streams.destroy()]);
    },
  };
}
