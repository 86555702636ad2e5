/** Exit code of a command line that was not understood, as the shell's own programs have it. */
const misused = 2;

/** Answers a question on standard output. Returns the exit code. */
export function say(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}

/** Says on standard error why nothing was done. Returns the exit code. */
export function refuse(text: string): number {
  process.stderr.write(`${text}\n`);
  return misused;
}
