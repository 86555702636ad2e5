/** One attempt at a request, for metrics. */
export interface ApiAttempt {
  readonly method: string;
  /** Host and port of the server. */
  readonly host: string;
  /** The status code, or `<error>` when there was no answer: the words of client-go's rest_client_requests_total. */
  readonly code: string;
  /** Until the whole answer; of a watch until its beginning. */
  readonly durationMs: number;
  /** Whether it repeats an attempt that failed: rest_client_request_retries_total. */
  readonly isRetry: boolean;
}

/** Told what happens, for metrics under client-go's names; must not throw. */
export interface ApiHooks {
  onAttempt?(attempt: ApiAttempt): void;
}
