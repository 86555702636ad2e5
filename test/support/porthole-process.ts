import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const repository = resolve(import.meta.dirname, '../..');

/** A line of a log; `level` 30 is info, 40 a warning, 50 an error. */
export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** `porthole <role>` as a process of this machine. Disposing kills it. */
export interface PortholeProcess extends AsyncDisposable {
  readonly pid: number;
  readonly log: readonly LogLine[];
  readonly stderr: string;
  /** Resolves with the line that begins so, which may have come before. */
  said(beginning: string): Promise<LogLine>;
  /** Status and body of `/metrics`, `/healthz` or `/readyz`. */
  ask(path: string): Promise<readonly [number, string]>;
  /** The port of what it listens on for callers. */
  port(): Promise<number>;
  signal(name: NodeJS.Signals): void;
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

export interface PortholeProcessOptions {
  readonly role: 'operator' | 'facade' | 'gateway' | 'node';
  /** Path. */
  readonly kubeconfig: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts it on free ports and waits for nothing. */
export function startPortholeProcess({ role, kubeconfig, env = {} }: PortholeProcessOptions): PortholeProcess {
  const { PATH = '', HOME = '' } = process.env;
  const ports = { PORTHOLE_METRICS_PORT: '0', PORTHOLE_API_PORT: '0', PORTHOLE_GATEWAY_PORT: '0' };
  const child = spawn(process.execPath, [join(repository, 'src/cmd/main.ts'), role], {
    cwd: repository,
    env: { PATH, HOME, KUBECONFIG: kubeconfig, ...ports, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log: LogLine[] = [];
  const waiting = new Set<() => void>();
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  createInterface({ input: child.stdout }).on('line', (line) => {
    log.push(JSON.parse(line) as LogLine);
    for (const look of waiting) look();
  });
  const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  const said = async (beginning: string): Promise<LogLine> => {
    const heard = Promise.withResolvers<LogLine>();
    const look = (): void => {
      const line = log.find(({ msg }) => msg.startsWith(beginning));
      if (line) heard.resolve(line);
    };
    waiting.add(look);
    look();
    const over = ended.then((how) => {
      throw new Error(`the ${role} ended (${how}) before it said "${beginning}": ${stderr}${JSON.stringify(log)}`);
    });
    over.catch(() => undefined);
    return Promise.race([heard.promise, over]).finally(() => waiting.delete(look));
  };
  return {
    pid: child.pid ?? 0,
    log,
    get stderr() {
      return stderr;
    },
    said,
    ask: async (path) => {
      const { port } = await said('metrics listen');
      const answer = await fetch(`http://127.0.0.1:${String(port)}${path}`);
      return [answer.status, await answer.text()];
    },
    port: async () => Number((await said(`the ${role} listens`))['port']),
    signal: (name) => void child.kill(name),
    ended,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
