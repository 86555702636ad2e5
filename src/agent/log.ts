/** One line of JSON in pino's shape (level 30 is info), without pino: each sandbox pays for this program's start and memory. */
export type Log = (level: 20 | 30 | 40 | 50, message: string, fields?: Readonly<Record<string, unknown>>) => void;

export interface LogOptions {
  readonly write: (line: string) => void;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Whether level 20 is written. */
  readonly isVerbose: boolean;
}

export function createLog({ write, now, isVerbose }: LogOptions): Log {
  return (level, msg, fields = {}) => {
    if (level === 20 && !isVerbose) return;
    write(`${JSON.stringify({ level, time: now(), name: 'agent', ...fields, msg })}\n`);
  };
}
