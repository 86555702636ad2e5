import type { IncomingMessage } from 'node:http';
import type { Clock } from '../lib/clock.ts';
import { request } from '../lib/http.ts';
import type { Destination } from './socket-end.ts';

export interface AgentRequest {
  readonly to: Destination;
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly ticket: string;
  readonly clock: Clock;
  /** The client has left. */
  readonly signal: AbortSignal;
}

/** From connecting to the end of the answer; a new tab may take a while on a busy machine. */
const answerMs = 15_000;

/** One plain HTTP request to an agent, on a connection of its own. Rejects when there is no answer in time. */
export function requestAgent({ to, method, path, ticket, clock, signal }: AgentRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { host: 'localhost', authorization: `Bearer ${ticket}`, connection: 'close', 'content-length': 0 };
    const sent = request({ ...to, method, path, headers, agent: false, signal }, resolve);
    const timer = clock.schedule(answerMs, () => sent.destroy(new Error('it did not answer in time')));
    sent.once('close', () => timer[Symbol.dispose]());
    sent.once('error', reject);
    sent.end();
  });
}

/** A list of a thousand tabs with the longest URLs is far smaller. */
const largestBody = 32 * 1024 * 1024;

/** Rejects when it is longer than 32 MiB or breaks off. */
export async function readText(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > largestBody) throw new Error('its answer is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
