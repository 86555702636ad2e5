import type { Row } from './report.ts';

/** What every measurement gets from the run it is part of. */
export interface Run {
  /** Path of the browser. */
  readonly chromium: string;
  readonly repository: string;
  /** For the Node that runs Porthole, e.g. to profile it. */
  readonly nodeFlags: readonly string[];
  /** Samples to take: all of them, or a tenth in a quick run. */
  samples(full: number): number;
  /** Tells the user what is going on. Throws once the user has had enough: what was started is then ended. */
  progress(text: string): void;
  /** Aborts at that moment, for what takes long. */
  readonly signal: AbortSignal;
  /** A remark that belongs under the table: what was left out, and why. */
  remark(text: string): void;
  add(row: Row): void;
}

/** The user pressed Ctrl-C. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}
