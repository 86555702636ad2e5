import { z } from 'zod';

/**
 * Every way a request can fail: the stable `code` of the error body, its HTTP status
 * (https://www.rfc-editor.org/rfc/rfc9110#name-status-codes), when to come back, and what it means.
 */
export const problems = {
  invalid_request: { status: 400, meaning: 'The request does not follow this document; `details` names each field.' },
  unauthorized: { status: 401, meaning: 'The API key is missing, malformed or unknown.' },
  not_found: { status: 404, meaning: 'No such path, or no such resource of this account.' },
  method_not_allowed: { status: 405, meaning: 'The path exists, but not with this method; `Allow` lists the methods.' },
  request_timeout: { status: 408, meaning: 'The request did not arrive in time.' },
  idempotency_conflict: { status: 409, meaning: 'The Idempotency-Key was used before with another body.' },
  recording_running: { status: 409, meaning: 'It is being recorded; stop the recording first.' },
  payload_too_large: { status: 413, meaning: 'The body is over the limit.' },
  unsupported_media_type: { status: 415, meaning: 'The body is not JSON in UTF-8, or is compressed.' },
  range_not_satisfiable: { status: 416, meaning: 'None of the bytes of the Range is there.' },
  headers_too_large: { status: 431, meaning: 'The request line and headers are over 16 KiB.' },
  internal_error: { status: 500, meaning: 'Porthole failed; the log has the requestId.' },
  concurrency_limit_reached: {
    status: 503,
    retryAfterS: 5,
    meaning: 'The account has as many sessions as it may; `limit` and `current` say how many.',
  },
  pool_exhausted: { status: 503, retryAfterS: 5, meaning: 'No sandbox is free and no more may be started.' },
  blobs_unavailable: {
    status: 503,
    retryAfterS: 5,
    meaning: 'Where files are kept does not answer, or is not configured.',
  },
  sandbox_failed: { status: 503, retryAfterS: 1, meaning: 'The browser did not become usable, or does not answer.' },
} as const satisfies Readonly<Record<string, { status: number; retryAfterS?: number; meaning: string }>>;

export type ProblemCode = keyof typeof problems;
export const problemCodes = Object.keys(problems) as [ProblemCode, ...ProblemCode[]];

export const problemDetail = z
  .strictObject({
    path: z.string().describe('Dotted path of the field in the body; `header.<name>` or `query.<name>` elsewhere.'),
    message: z.string(),
  })
  .meta({ description: 'One thing wrong with the request.' });
export type ProblemDetail = z.infer<typeof problemDetail>;

export const problemBody = z
  .strictObject({
    error: z.strictObject({
      code: z.enum(problemCodes).describe('Stable, machine-readable reason.'),
      message: z.string().describe('What to do, for people.'),
      details: z.array(problemDetail).describe('Empty unless single fields are at fault.'),
      requestId: z.string().describe('As in the x-request-id header; quote it when asking for help.'),
      limit: z.int().optional().describe('With `concurrency_limit_reached`: sessions the account may have at once.'),
      current: z.int().optional().describe('With `concurrency_limit_reached`: sessions it had.'),
    }),
  })
  .meta({ description: 'Body of every 4xx and 5xx.' });
export type ProblemBody = z.infer<typeof problemBody>;

export interface ProblemOptions extends ErrorOptions {
  readonly details?: readonly ProblemDetail[];
  /** With concurrency_limit_reached. */
  readonly quota?: { readonly limit: number; readonly current: number };
  readonly headers?: Readonly<Record<string, string>>;
}

/** The one error that reaches a caller. Its message and details are public; its cause goes to the log only. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: ProblemCode;
  readonly details: readonly ProblemDetail[];
  readonly quota: { readonly limit: number; readonly current: number } | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ProblemCode, message: string, options: ProblemOptions = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.details = options.details ?? [];
    this.quota = options.quota;
    this.headers = options.headers ?? {};
  }
}
