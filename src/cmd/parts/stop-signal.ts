/** One Ctrl-C may arrive twice: from the terminal, and passed on by npm. */
const sameSignalMs = 1_000;

export interface StopSignals {
  /** The first SIGINT, SIGTERM or SIGHUP. */
  readonly first: Promise<NodeJS.Signals>;
  /** Aborts at the second one: whoever sent it will not wait. A third ends the process at once. */
  readonly hurry: AbortSignal;
}

/** From now on those signals end the process no more by themselves. */
export function takeStopSignals(): StopSignals {
  const first = Promise.withResolvers<NodeJS.Signals>();
  const hurry = new AbortController();
  let lastMs = -Infinity;
  let heard = 0;
  const hear = (signal: NodeJS.Signals): void => {
    if (performance.now() - lastMs < sameSignalMs) return;
    lastMs = performance.now();
    heard += 1;
    if (heard === 1) first.resolve(signal);
    else if (heard === 2) hurry.abort();
    else process.exit(1);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, hear);
  return { first: first.promise, hurry: hurry.signal };
}
