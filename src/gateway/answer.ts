import type { ServerResponse } from 'node:http';
import type { Refusal } from './refusal.ts';

/** Answers with text; what is said about a session is for its caller only. */
export function answerText(
  response: ServerResponse,
  { status, message, headers }: Pick<Refusal, 'status' | 'message' | 'headers'>,
): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store', ...headers });
  response.end(`${message}\n`);
}
