import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { runInNetwork, type Route } from './forwarder.ts';
import { inNetworkOf } from './machine.ts';

/** What the program in the other network is told. */
export interface DialOrder extends Route {
  readonly id: number;
}

interface DialAnswer {
  readonly id: number;
  readonly problem?: string;
}

/** Connections from another network, which this process has as if it were there itself: nothing lies between. */
export interface Dialer extends AsyncDisposable {
  dial(to: Route): Promise<Socket>;
}

type Settle = (problem: string | undefined, socket: Socket | undefined) => void;

class RunningDialer implements Dialer {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Settle>();
  #lastId = 0;

  constructor(pid: number) {
    this.#child = runInNetwork((argv) => inNetworkOf(pid, argv), 'dial-program.ts', []);
    this.#child.on('message', ({ id, problem }: DialAnswer, handle) => {
      this.#waiting.get(id)?.(problem, handle as Socket | undefined);
      this.#waiting.delete(id);
    });
    this.#child.once('exit', () => {
      for (const settle of this.#waiting.values()) settle('whoever dials there has ended', undefined);
      this.#waiting.clear();
    });
  }

  dial({ host, port }: Route): Promise<Socket> {
    const id = (this.#lastId += 1);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, (problem, socket) => {
        if (socket) resolve(socket);
        else reject(new Error(`${host}:${port}: ${problem ?? 'the connection was lost on its way'}`));
      });
      this.#child.send({ id, host, port } satisfies DialOrder, (error) => {
        if (error) this.#waiting.get(id)?.(error.message, undefined);
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }
}

/** Dials in the network of the process `pid`, which may be any of this machine's. */
export function startDialer(pid: number): Dialer {
  return new RunningDialer(pid);
}
