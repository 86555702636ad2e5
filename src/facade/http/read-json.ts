import type { IncomingMessage } from 'node:http';
import { maxBodyBytes } from '../../api/rest/paths.ts';
import { Problem } from '../../api/rest/problem.ts';

/** So much of a body that is too large is still read and dropped, so that the client gets to see the 413. */
const drainBytes = 16 * maxBodyBytes;

/** https://www.rfc-editor.org/rfc/rfc8259#section-8.1: JSON is UTF-8. */
const jsonForm = /^application\/(?:[a-z0-9.-]+\+)?json *(?:; *charset *= *"?utf-?8"? *)?;?$/i;

const utf8 = new TextDecoder('utf-8', { fatal: true });

function hasBody(req: IncomingMessage): boolean {
  const { 'transfer-encoding': encoding, 'content-length': length } = req.headers;
  return encoding !== undefined || (length !== undefined && length !== '0');
}

function checkHeaders(req: IncomingMessage): void {
  const { 'content-type': type, 'content-encoding': encoding } = req.headers;
  if (type === undefined || !jsonForm.test(type))
    throw new Problem('unsupported_media_type', 'Send the body as Content-Type: application/json, in UTF-8.');
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
    throw new Problem('unsupported_media_type', 'Send the body uncompressed, without Content-Encoding.');
}

/** All of the body, or undefined when it is over the limit. */
async function readAtMost(req: IncomingMessage, limit: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Leaving the loop must not destroy the request: its socket still has to carry the answer.
  for await (const chunk of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= limit) chunks.push(chunk);
    if (bytes > drainBytes) return undefined;
  }
  return bytes <= limit ? Buffer.concat(chunks, bytes) : undefined;
}

async function readOrRefuse(req: IncomingMessage): Promise<Buffer> {
  const bytes = await readAtMost(req, maxBodyBytes).catch((cause: unknown) => {
    throw new Problem('invalid_request', 'The body broke off.', { cause });
  });
  if (!bytes) throw tooLarge();
  return bytes;
}

function tooLarge(): Problem {
  return new Problem('payload_too_large', `The body may have at most ${maxBodyBytes} bytes.`);
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(utf8.decode(bytes)) as unknown;
  } catch (cause) {
    throw new Problem('invalid_request', 'The body is not valid JSON in UTF-8.', { cause });
  }
}

/** What was read of a request, as JSON. Throws unsupported_media_type, invalid_request. */
export function parseJsonOf(req: IncomingMessage, bytes: Buffer): unknown {
  checkHeaders(req);
  return parse(bytes);
}

/** The body as JSON; undefined when there is none. Throws unsupported_media_type, payload_too_large, invalid_request. */
export async function readJson(req: IncomingMessage): Promise<unknown> {
  if (!hasBody(req)) return undefined;
  checkHeaders(req);
  if (Number(req.headers['content-length'] ?? 0) > drainBytes) throw tooLarge();
  const bytes = await readOrRefuse(req);
  return bytes.length === 0 ? undefined : parse(bytes);
}
