/** How a process of Porthole ends, for whoever runs it; docs/configuration.md has the table. 2 is the shell's for misuse. */
export const exitCodes = {
  ended: 0,
  unforeseen: 1,
  misused: 2,
  noCluster: 3,
  notInstalled: 4,
  forbidden: 5,
  badKeys: 6,
  leaseLost: 7,
} as const;

export type FailureCode = Exclude<keyof typeof exitCodes, 'ended' | 'unforeseen'>;

/** Why a process ends although nobody told it to. The message is a sentence for people: what is wrong, and what to do. */
export class ProcessFailure extends Error {
  override readonly name = 'ProcessFailure';
  readonly code: FailureCode;

  constructor(code: FailureCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export function exitCodeOf(error: unknown): number {
  return error instanceof ProcessFailure ? exitCodes[error.code] : exitCodes.unforeseen;
}
