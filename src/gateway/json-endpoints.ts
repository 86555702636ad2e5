import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { readText } from './agent-request.ts';
import { rewriteTarget, rewriteTargets, rewriteVersion, type PublicAddress } from './json-answers.ts';
import type { JsonEndpoint } from './routes.ts';

/** Chromium's own path for it. */
export function toJsonPath(endpoint: JsonEndpoint): string {
  const { name } = endpoint;
  return 'targetId' in endpoint ? `/json/${name}/${endpoint.targetId}` : `/json/${name}`;
}

const rewriters: Partial<Record<JsonEndpoint['name'], (body: string, address: PublicAddress) => string>> = {
  version: rewriteVersion,
  list: rewriteTargets,
  new: rewriteTarget,
};

/** Hands Chromium's answer on, with addresses that lead here. Rejects when it is not what it should be. */
export async function passJson(
  { name }: JsonEndpoint,
  { answer, response, address }: { answer: IncomingMessage; response: ServerResponse; address: PublicAddress },
): Promise<void> {
  const status = answer.statusCode ?? 502;
  const rewrite = status === 200 ? rewriters[name] : undefined;
  const headers = { 'content-type': answer.headers['content-type'] ?? 'text/plain', 'cache-control': 'no-store' };
  if (!rewrite) {
    response.writeHead(status, headers);
    await pipeline(answer, response);
    return;
  }
  const body = rewrite(await readText(answer), address);
  response.writeHead(200, { ...headers, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
