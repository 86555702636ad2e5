import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, closeSync, constants, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { readBootId, readStartTicks } from '../../src/localnode/process-table.ts';

/** One of the cluster's programs, as it was asked for: every start of it is the same. */
export interface ProcessSpec {
  /** Names its log and pid files. */
  readonly name: string;
  /** Program (absolute path) and arguments. Secrets do not belong here: everybody may read them. */
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** From SIGTERM to SIGKILL, in milliseconds. */
  readonly graceMs: number;
  /** Started again, sooner or later, when it ends without having been told to. Default: false. */
  readonly supervised?: boolean;
  /**
   * The program is the only child of what `argv` starts, which waits for it and ends as it does: a pid namespace can be entered in
   * no other way. Pid and signals are the program's. Default: false.
   */
  readonly isBelow?: boolean;
}

/** A process of this machine that can be ended, frozen and started again. Disposing stops it for good. */
export interface ManagedProcess extends AsyncDisposable {
  readonly name: string;
  /** Of the start that runs; of the last one, when none does. */
  readonly pid: number;
  readonly isRunning: boolean;
  /** How often it has been started. */
  readonly starts: number;
  readonly logFile: string;
  /** Starts it again with the same arguments; nothing happens when it runs. */
  start(): void;
  /** SIGTERM, and SIGKILL when its grace is over. It stays down. */
  stop(): Promise<void>;
  /** SIGKILL. It stays down until `start`, whether it is supervised or not. */
  kill(): Promise<void>;
  /** SIGSTOP: it stands still and holds all that it holds. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** Resolves when the start that runs now has ended. */
  ended(): Promise<void>;
}

/** util-linux' setpriv sets what the kernel does to a process whose parent dies: https://man7.org/linux/man-pages/man1/setpriv.1.html */
const setpriv = '/usr/bin/setpriv';

/**
 * The kernel kills it when this process ends, however it ends. Where there is no setpriv, the next start on the same folder
 * finds what was left.
 */
export function diesWithParent(argv: readonly string[]): readonly string[] {
  try {
    accessSync(setpriv, constants.X_OK);
    return [setpriv, '--pdeathsig', 'KILL', '--', ...argv];
  } catch {
    return argv;
  }
}

export const pidFile = (dir: string, name: string): string => path.join(dir, 'pids', name);
/** Beside the pid, what tells the process from a later one with its number. */
export const birthFile = (dir: string, name: string): string => path.join(dir, 'pids', `.${name}`);

function writePid(dir: string, name: string, pid: number): void {
  mkdirSync(path.join(dir, 'pids'), { recursive: true });
  writeFileSync(birthFile(dir, name), JSON.stringify({ pid, startTicks: readStartTicks(pid), bootId: readBootId() }));
  writeFileSync(pidFile(dir, name), `${pid}\n`);
}

/** Nothing of this name runs any more. */
export function removePid(dir: string, name: string): void {
  rmSync(pidFile(dir, name), { force: true });
  rmSync(birthFile(dir, name), { force: true });
}

/** Undefined when it has none, or is gone. */
export function firstChildOf(pid: number): number | undefined {
  try {
    // https://man7.org/linux/man-pages/man5/proc_pid_task.5.html
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
    return child === undefined ? undefined : Number(child);
  } catch {
    return undefined;
  }
}

const lookEveryMs = 5;

const firstPauseMs = 200;
const longestPauseMs = 10_000;
/** A start that lasted this long was a good one: the pauses begin anew. */
const goodStartMs = 30_000;

class ChildOf implements ManagedProcess {
  readonly name: string;
  readonly logFile: string;
  readonly #dir: string;
  readonly #spec: ProcessSpec;
  #child: ChildProcess;
  #isWanted = true;
  #pauseMs = firstPauseMs;
  #starts = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(dir: string, spec: ProcessSpec) {
    this.name = spec.name;
    this.logFile = path.join(dir, 'logs', `${spec.name}.log`);
    this.#dir = dir;
    this.#spec = spec;
    mkdirSync(path.dirname(this.logFile), { recursive: true });
    this.#child = this.#spawn();
  }

  get pid(): number {
    const { pid = 0 } = this.#child;
    return this.#spec.isBelow === true ? (firstChildOf(pid) ?? pid) : pid;
  }

  get isRunning(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get starts(): number {
    return this.#starts;
  }

  start(): void {
    this.#isWanted = true;
    clearTimeout(this.#timer);
    if (!this.isRunning) this.#child = this.#spawn();
  }

  async stop(): Promise<void> {
    this.#letGo();
    if (this.isRunning) {
      this.#signal('SIGTERM');
      // Whoever stands still hears nothing.
      this.resume();
      const timer = setTimeout(() => this.#signal('SIGKILL'), this.#spec.graceMs);
      await this.ended();
      clearTimeout(timer);
    }
    removePid(this.#dir, this.name);
  }

  async kill(): Promise<void> {
    this.#letGo();
    this.#signal('SIGKILL');
    // What waits for a program that stood still stands still too.
    if (this.#spec.isBelow === true) this.#child.kill('SIGCONT');
    await this.ended();
  }

  pause(): void {
    this.#signal('SIGSTOP');
  }

  resume(): void {
    this.#signal('SIGCONT');
    if (this.#spec.isBelow === true) this.#child.kill('SIGCONT');
  }

  async ended(): Promise<void> {
    if (this.isRunning) await once(this.#child, 'exit');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #signal(signal: NodeJS.Signals): void {
    const program = this.#spec.isBelow === true ? firstChildOf(this.#child.pid ?? 0) : undefined;
    if (program === undefined) this.#child.kill(signal);
    else {
      try {
        process.kill(program, signal);
      } catch {
        // It has just ended.
      }
    }
  }

  #letGo(): void {
    this.#isWanted = false;
    clearTimeout(this.#timer);
  }

  #spawn(): ChildProcess {
    const { argv, cwd, env } = this.#spec;
    const [program = '', ...args] = diesWithParent(argv);
    const log = openSync(this.logFile, 'a', 0o600);
    const startedMs = performance.now();
    this.#starts += 1;
    // A session of its own: Ctrl-C in a terminal reaches the launcher alone, which ends all in order.
    const child = spawn(program, args, { cwd, env, detached: true, stdio: ['ignore', log, log] });
    closeSync(log);
    // `spawn` has failed when there is no pid; that is an end like any other.
    child.on('error', () => this.#onEnd(child, startedMs));
    child.once('exit', () => this.#onEnd(child, startedMs));
    if (child.pid !== undefined) this.#notePid(child, child.pid);
    return child;
  }

  /** A program below another one is there a moment later. */
  #notePid(child: ChildProcess, started: number): void {
    const pid = this.#spec.isBelow === true ? firstChildOf(started) : started;
    if (pid !== undefined) writePid(this.#dir, this.name, pid);
    else if (child.exitCode === null && child.signalCode === null) {
      setTimeout(() => this.#notePid(child, started), lookEveryMs).unref();
    }
  }

  #onEnd(child: ChildProcess, startedMs: number): void {
    if (child !== this.#child || !this.#isWanted || !this.#spec.supervised) return;
    if (performance.now() - startedMs > goodStartMs) this.#pauseMs = firstPauseMs;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.start(), this.#pauseMs);
    this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs);
  }
}

/** Starts a program with its output in `<dir>/logs/<name>.log` and its pid in `<dir>/pids/<name>`. */
export function startProcess(dir: string, spec: ProcessSpec): ManagedProcess {
  return new ChildOf(dir, spec);
}
