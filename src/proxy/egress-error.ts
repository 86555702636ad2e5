/**
 * Why a request did not go out. The code stands in the header `x-porthole-egress` of the proxy's answer and in its counters,
 * so a code once given keeps its meaning.
 */
export const egressProblems = {
  foreign_client: { status: 403, message: 'This proxy serves its own sandbox only.' },
  private_address: {
    status: 403,
    message:
      'The address is not on the public internet and not among those that this installation lets sandboxes reach.',
  },
  metadata_address: { status: 403, message: 'Sandboxes never reach a metadata service of a cloud.' },
  sandbox_address: { status: 403, message: 'Sandboxes never reach one another.' },
  devtools_port: { status: 403, message: 'Sandboxes never reach a DevTools port of this machine.' },
  porthole_port: { status: 403, message: "Sandboxes never reach Porthole's own ports." },
  internal_name: { status: 403, message: 'The name is one of an internal network; a proxy is not asked for it.' },
  upstream_not_allowed: {
    status: 403,
    message: "The session's proxy is at an address that this installation does not let sandboxes reach.",
  },
  upstream_unreachable: { status: 502, message: "The session's proxy does not answer." },
  upstream_authentication_failed: { status: 502, message: "The session's proxy refuses the user or the password." },
  upstream_refused: { status: 502, message: "The session's proxy refuses the request." },
  upstream_cannot_reach: { status: 502, message: "The session's proxy does not reach the host." },
  bad_request: {
    status: 400,
    message: 'The proxy takes CONNECT host:port, and http:// or ws:// URLs in absolute form.',
  },
  dns_failure: { status: 502, message: 'The name could not be resolved.' },
  unreachable: { status: 502, message: 'No address of the host accepted a connection.' },
  bad_response: { status: 502, message: 'The host closed the connection or answered with something that is not HTTP.' },
  timeout: { status: 504, message: 'The host did not answer in time.' },
} as const satisfies Record<string, { status: number; message: string }>;

export type EgressCode = keyof typeof egressProblems;

/** What a policy may refuse with. */
export type DenyReason =
  'private_address' | 'metadata_address' | 'sandbox_address' | 'devtools_port' | 'porthole_port' | 'internal_name';

/** The one error of the proxy. Its message is for the log, the sentence of its code for the page. */
export class EgressError extends Error {
  readonly code: EgressCode;

  constructor(code: EgressCode, options: { readonly message?: string; readonly cause?: unknown } = {}) {
    super(options.message ?? egressProblems[code].message, { cause: options.cause });
    this.name = 'EgressError';
    this.code = code;
  }

  /** Of the answer that tells it. */
  get status(): number {
    return egressProblems[this.code].status;
  }
}

/** Any failure as an EgressError; one that has no code yet came out of the exchange with the host. */
export function toEgressError(error: unknown): EgressError {
  return error instanceof EgressError ? error : new EgressError('bad_response', { cause: error });
}
