import type { EgressError } from './egress-error.ts';
import type { Target } from './target.ts';

/** One line of JSON in pino's shape (level 30 is info), without pino: each sandbox pays for this program's memory. */
export type Log = (level: 20 | 30 | 40, message: string, fields?: Readonly<Record<string, unknown>>) => void;

export function createLog(write: (line: string) => void, now: () => number): Log {
  return (level, msg, fields = {}) =>
    write(`${JSON.stringify({ level, time: now(), name: 'proxy', ...fields, msg })}\n`);
}

/** A page may try a thousand times and must not fill the disk: a kind of refusal is told once, and so many kinds only. */
const longestMemory = 200;

/** Tells refusals, each code and target once; failures of hosts only when `isVerbose`. */
export function createProblemLog(
  log: Log,
  isVerbose: boolean,
): (error: EgressError, target: Target | undefined) => void {
  const told = new Set<string>();
  return (error, target) => {
    const fields = { code: error.code, host: target?.host, port: target?.port };
    if (isVerbose) {
      log(20, 'a request did not go out', {
        ...fields,
        cause: error.cause instanceof Error ? error.cause.message : error.message,
      });
      return;
    }
    const kind = JSON.stringify(fields);
    if (error.status !== 403 || told.has(kind) || told.size >= longestMemory) return;
    told.add(kind);
    log(30, 'a request was refused', fields);
  };
}
