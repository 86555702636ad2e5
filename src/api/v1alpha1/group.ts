/** Names that Porthole puts on objects. */
export const group = 'porthole.dev';
export const apiVersion = 'porthole.dev/v1alpha1';

/** Labels. Values are object names or uids: both fit a label value (63 characters). */
export const labels = {
  /** The pool that a sandbox pod was made for. */
  pool: 'porthole.dev/pool',
  /** The session that a sandbox pod belongs to, for ever; absent while it is warm. */
  sessionUid: 'porthole.dev/session-uid',
  /** Hash of the pool's template that the pod was made from; a warm pod of another one is replaced. */
  templateHash: 'porthole.dev/template-hash',
  account: 'porthole.dev/account',
  /** On ConfigMaps that the facade remembers something in: `idempotency`. */
  record: 'porthole.dev/record',
} as const;

export const annotations = {
  /** sha256 of the body of the request that made the object, for Idempotency-Key. */
  requestHash: 'porthole.dev/request-hash',
  /** On a session that was made with a proxy URL of its own: that URL without its password. */
  proxyUrl: 'porthole.dev/proxy-url',
  /** On a session, `none`: whoever made it has no use for a Secret with its URLs. */
  binding: 'porthole.dev/binding',
  /** On a session: id of the recording that was last begun over REST. The facade sets it, and the operator stores that recording. */
  recording: 'porthole.dev/recording',
  /**
   * On a session: milliseconds from Ready within which somebody must have attached to it or acted on it; else it is deleted. The facade
   * sets it, and acts on the session once it has answered: so a session whose facade died first does not stay.
   */
  useWithinMs: 'porthole.dev/use-within-ms',
} as const;
