import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { PublicAddress } from './json-answers.ts';

/**
 * The pages and scripts of DevTools name each other by relative addresses, without the token: a cookie carries it. It is good
 * for these files only; no WebSocket and no `/json` is opened by it, so another site can do nothing with it.
 */
const cookieName = 'porthole-devtools';

export function tokenFromCookie(header: string | undefined): string | undefined {
  const cookies = header?.split(';').map((cookie) => cookie.trim()) ?? [];
  return cookies.find((cookie) => cookie.startsWith(`${cookieName}=`))?.slice(cookieName.length + 1);
}

function cookieFor({ base, sessionUid, token }: PublicAddress): string {
  const { pathname, protocol } = new URL(base);
  const path = `${pathname.replace(/\/$/, '')}/sessions/${sessionUid}/devtools/`;
  return `${cookieName}=${token}; Path=${path}; HttpOnly; SameSite=Strict${protocol === 'wss:' ? '; Secure' : ''}`;
}

/** Hands on a file of the front-end that Chromium has built in. Nothing but its bytes and its type is taken over. */
export async function passFrontend(
  answer: IncomingMessage,
  response: ServerResponse,
  address: PublicAddress,
): Promise<void> {
  response.writeHead(answer.statusCode ?? 502, {
    'content-type': answer.headers['content-type'] ?? 'application/octet-stream',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
    'set-cookie': cookieFor(address),
  });
  await pipeline(answer, response);
}
