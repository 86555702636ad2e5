import { pipeline } from 'node:stream/promises';
import type { Request, Response } from 'express';
import { problems, Problem, type ProblemBody } from '../../api/rest/problem.ts';
import type { Answer } from './exchange.ts';

export function toProblemBody(problem: Problem, requestId: string): ProblemBody {
  const { code, message, details, quota } = problem;
  return { error: { code, message, details: [...details], requestId, ...quota } };
}

export function problemHeaders(problem: Problem): Record<string, string> {
  const { status, ...rest } = problems[problem.code];
  const retry = 'retryAfterS' in rest ? { 'retry-after': String(rest.retryAfterS) } : {};
  // What is left of an unread body would be taken for the next request's head otherwise.
  const close = status === 413 || status === 408 ? { connection: 'close' } : {};
  return { ...retry, ...close, ...problem.headers };
}

/** Answers hold tokens and change by the second: nobody may keep them. */
export function send(res: Response, { status, body, stream, headers = {} }: Answer): void {
  res.statusCode = status;
  res.setHeader('cache-control', 'no-store');
  res.setHeader('x-content-type-options', 'nosniff');
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
  if (stream) {
    sendStream(res, stream);
    return;
  }
  if (body === undefined) {
    res.end();
    return;
  }
  const text = JSON.stringify(body);
  res.setHeader('content-type', 'application/json; charset=utf-8');
  res.setHeader('content-length', Buffer.byteLength(text));
  res.end(text);
}

/** A body that breaks off is seen to: the connection ends before its length is there. */
function sendStream(res: Response, { length, open }: NonNullable<Answer['stream']>): void {
  res.setHeader('content-length', length);
  if (res.req.method === 'HEAD') {
    res.end();
    return;
  }
  pipeline(open(), res).catch(() => res.destroy());
}

export function sendProblem(res: Response, problem: Problem, requestId: string): void {
  const { status } = problems[problem.code];
  send(res, { status, body: toProblemBody(problem, requestId), headers: problemHeaders(problem) });
}

/** Whatever was thrown, as something that may be shown. */
export function toProblem(error: unknown, req: Request): Problem {
  if (error instanceof Problem) return error;
  // The router throws this for a path that is not valid percent-encoding: no such resource.
  if (error instanceof URIError) return new Problem('not_found', 'No such path.');
  return new Problem('internal_error', `Porthole failed at ${req.method}; try again, and report the requestId.`, {
    cause: error,
  });
}
