import type { IncomingMessage } from 'node:http';
import type {
  BindRequest,
  EndIfIdleRequest,
  StartRecordingRequest,
  StopRecordingRequest,
} from '../../api/agent/wire.ts';
import { Refusal } from './refusal.ts';

/** Bytes; a bind is 150, and as long as its certificates with those of an upstream. */
const longestBody = 256 * 1024;

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>;
  } catch {
    // said below
  }
  throw new Refusal('bad_request', 'The body must be a JSON object.');
}

/** The JSON object in a request's body. Throws `bad_request`. */
export function readBody(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const { promise, resolve, reject } = Promise.withResolvers<Readonly<Record<string, unknown>>>();
  const chunks: Buffer[] = [];
  let length = 0;
  request.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length > longestBody) {
      request.pause();
      reject(new Refusal('bad_request', 'The body is too long.'));
    } else chunks.push(chunk);
  });
  request.on('end', () => {
    try {
      resolve(parseObject(Buffer.concat(chunks).toString()));
    } catch (error) {
      reject(error);
    }
  });
  request.on('error', reject);
  return promise;
}

function isUuid(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value);
}

/** Pixels: X11's coordinates have 15 bits. */
function isLength(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) > 0 && Number(value) < 32_768;
}

function isViewport(value: unknown): value is BindRequest['viewport'] {
  if (value === undefined) return true;
  if (typeof value !== 'object' || value === null) return false;
  const { width, height } = value as Readonly<Record<string, unknown>>;
  return isLength(width) && isLength(height);
}

function isRecordingWish(value: unknown): value is NonNullable<BindRequest['recording']> {
  return typeof value === 'object' && value !== null && 'recordingId' in value && isUuid(value.recordingId);
}

function isProxyWish(value: unknown): value is NonNullable<BindRequest['proxy']> {
  if (typeof value !== 'object' || value === null) return false;
  const { order, ticket } = value as Readonly<Record<string, unknown>>;
  return typeof order === 'string' && typeof ticket === 'string';
}

function isExtensionWish(value: unknown): value is NonNullable<BindRequest['extensions']> {
  const isOne = (wish: unknown): boolean => {
    if (typeof wish !== 'object' || wish === null) return false;
    const { name, sha256 } = wish as Readonly<Record<string, unknown>>;
    return typeof name === 'string' && typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256);
  };
  return Array.isArray(value) && value.every(isOne);
}

/** What a session may ask for besides: how that must look, and how it is said. */
const extras: Readonly<Record<Exclude<keyof BindRequest, 'sessionUid' | 'idlePolicy'>, Extra>> = {
  viewport: { fits: isViewport, rule: 'viewport must have a width and a height, in pixels.' },
  recording: { fits: isRecordingWish, rule: 'recording must have a recordingId, which is a UUID.' },
  extensions: { fits: isExtensionWish, rule: 'extensions must be a list of name and sha256.' },
  proxy: { fits: isProxyWish, rule: 'proxy must have an order and a ticket.' },
  stealth: { fits: isStealthWish, rule: 'stealth may have a timezone and a locale, as strings.' },
};

interface Extra {
  readonly fits: (value: unknown) => boolean;
  readonly rule: string;
}

function isStealthWish(value: unknown): value is NonNullable<BindRequest['stealth']> {
  if (typeof value !== 'object' || value === null) return false;
  const { timezone, locale } = value as Readonly<Record<string, unknown>>;
  return [timezone, locale].every((text) => text === undefined || typeof text === 'string');
}

/** By hand, not by zod: its import would cost as much as this whole program's. Unknown members are let pass. */
export function parseBindRequest(body: Readonly<Record<string, unknown>>): BindRequest {
  const { sessionUid, idlePolicy } = body;
  if (!isUuid(sessionUid)) throw new Refusal('bad_request', 'sessionUid must be a UUID.');
  if (idlePolicy !== 'attached' && idlePolicy !== 'messages') {
    throw new Refusal('bad_request', 'idlePolicy must be attached or messages.');
  }
  const asked = Object.entries(extras).filter(([name]) => body[name] !== undefined);
  for (const [name, { fits, rule }] of asked) if (!fits(body[name])) throw new Refusal('bad_request', rule);
  return { sessionUid, idlePolicy, ...Object.fromEntries(asked.map(([name]) => [name, body[name]])) };
}

export function parseEndIfIdleRequest({ idleForMs }: Readonly<Record<string, unknown>>): EndIfIdleRequest {
  if (typeof idleForMs !== 'number' || !(idleForMs >= 0)) {
    throw new Refusal('bad_request', 'idleForMs must be a duration in milliseconds.');
  }
  return { idleForMs };
}

export function parseStartRecordingRequest({ recordingId }: Readonly<Record<string, unknown>>): StartRecordingRequest {
  if (!isUuid(recordingId)) throw new Refusal('bad_request', 'recordingId must be a UUID.');
  return { recordingId };
}

export function parseStopRecordingRequest({ reason }: Readonly<Record<string, unknown>>): StopRecordingRequest {
  if (reason !== 'Requested' && reason !== 'SessionEnded') {
    throw new Refusal('bad_request', 'reason must be Requested or SessionEnded.');
  }
  return { reason };
}
