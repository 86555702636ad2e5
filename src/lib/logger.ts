import { pino, type DestinationStream, type Logger as PinoLogger } from 'pino';

export type Logger = PinoLogger;
export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/**
 * Wherever one of these appears in a logged object, up to two levels deep, its value is not written. Tokens travel in URLs,
 * because CDP clients can do nothing else: so URLs are not logged at all.
 */
const secretFields = [
  'authorization',
  'cookie',
  'apiKey',
  'token',
  'ticket',
  'password',
  'proxyUrl',
  'cdpUrl',
  'url',
  'liveViewUrl',
];
const redactedPaths = secretFields.flatMap((f) => [f, `*.${f}`, `*.*.${f}`]);

export interface LoggerOptions {
  readonly name: string;
  readonly level: LogLevel;
  /** Where lines go; default standard output. */
  readonly destination?: DestinationStream;
}

/** JSON lines by pino, secrets redacted by field name. */
export function createLogger({ name, level, destination }: LoggerOptions): Logger {
  const options = { name, level, redact: { paths: redactedPaths, censor: '[redacted]' } };
  return destination ? pino(options, destination) : pino(options);
}
