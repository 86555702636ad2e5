import { spawn, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';

/** A program that runs beside the bench until disposed. */
export interface ChildProgram extends AsyncDisposable {
  readonly pid: number;
  /** Its first line of output; rejects when it ends before it says one. */
  readonly firstLine: Promise<string>;
}

export function startProgram(argv: readonly [string, ...string[]], options: SpawnOptions = {}): ChildProgram {
  const [program, ...args] = argv;
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => (complaint = `${complaint}${chunk.toString()}`.slice(-1000)));
  const firstLine = new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().split('\n')[0] ?? ''));
    exited.then(() => reject(new Error(`${program} ended. It said: ${complaint.trim()}`)), reject);
  });
  firstLine.catch(() => undefined); // not everybody listens
  return {
    pid: child.pid ?? 0,
    firstLine,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      await exited.catch(() => undefined);
    },
  };
}
