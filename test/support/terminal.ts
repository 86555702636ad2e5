import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';

/** Longest that one paste may take, in milliseconds: whoever waits in vain is told for what. */
const limitMs = 120_000;

export interface TerminalOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

/** A shell that is pasted into: what one paste sets and starts is there for the next. Disposing it ends all that it has started. */
export interface Terminal extends AsyncDisposable {
  /** What the lines write to stdout. Throws with all that was written when a command fails, and when they do not come to an end. */
  paste(lines: string): Promise<string>;
}

export function openTerminal({ cwd, env }: TerminalOptions): Terminal {
  // A process group of its own: jobs in the background are in it, too.
  const shell = spawn('sh', ['-e'], { cwd, env, stdio: 'pipe', detached: true });
  const exited = once(shell, 'exit');
  let written = '';
  let complaints = '';
  let look = (): void => undefined;
  shell.stdout.on('data', (chunk: Buffer) => {
    written += chunk.toString();
    look();
  });
  shell.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()));
  shell.stdin.on('error', () => undefined); // it has ended, which is told below
  let pasted = 0;
  return {
    paste: async (lines) => {
      const end = `--- end of paste ${(pasted += 1)} ---\n`;
      written = '';
      const done = new Promise<boolean>((resolve) => (look = () => written.endsWith(end) && resolve(true)));
      shell.stdin.write(`${lines}\nprintf '%s\\n' '${end.trim()}'\n`);
      const late = wait(limitMs, false, { ref: false });
      if (await Promise.race([done, exited.then(() => false), late])) return written.slice(0, -end.length);
      throw new Error(`This failed, or did not end:\n${lines}\nIt wrote:\n${written}${complaints}`);
    },
    [Symbol.asyncDispose]: async () => {
      try {
        process.kill(-(shell.pid ?? 0), 'SIGKILL');
      } catch {
        // all of it has ended
      }
      await exited;
    },
  };
}
