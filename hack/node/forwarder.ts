import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import path from 'node:path';
import { diesWithParent } from '../cluster/managed-process.ts';

/** What makes a command line one for a program in the node's network. */
type InNetwork = (argv: readonly string[]) => readonly string[];

/** A TCP port of this machine that leads to the same port of the node's loopback; or one to listen on, or to connect to, over there. */
export interface Route {
  readonly host: string;
  readonly port: number;
}

/** Starts a program of this folder there, with a channel to this process; it is to end when that closes. */
export function runInNetwork(inNetwork: InNetwork, program: string, args: readonly string[]): ChildProcess {
  const file = path.join(import.meta.dirname, program);
  const [command = '', ...rest] = diesWithParent(inNetwork([process.execPath, file, ...args]));
  return spawn(command, rest, { env: {}, cwd: '/', detached: true, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}

async function listen({ host, port }: Route): Promise<Server> {
  const server = createServer();
  server.listen({ host, port });
  await once(server, 'listening');
  return server;
}

/** Hands a listening socket on: connections are then taken in over there, and only there. */
async function handOver(child: ChildProcess, route: Route): Promise<void> {
  const server = await listen(route);
  const taken = new Promise<void>((resolve, reject) => {
    const hear = (message: { serves?: number }): void => {
      if (message.serves !== route.port) return;
      child.off('message', hear);
      resolve();
    };
    child.on('message', hear);
    child.once('exit', () => reject(new Error('The port forwarder has ended.')));
  });
  child.send({ port: route.port }, server);
  await taken;
  server.close();
}

const restartPauseMs = 200;

class Forwarder implements AsyncDisposable {
  readonly #inNetwork: InNetwork;
  readonly #routes: readonly Route[];
  #child: ChildProcess | undefined;
  #isWanted = true;

  constructor(inNetwork: InNetwork, routes: readonly Route[]) {
    this.#inNetwork = inNetwork;
    this.#routes = routes;
  }

  async start(): Promise<void> {
    const child = runInNetwork(this.#inNetwork, 'forward-program.ts', []);
    this.#child = child;
    child.once('exit', () => this.#onEnd());
    for (const route of this.#routes) await handOver(child, route);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isWanted = false;
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  #onEnd(): void {
    if (!this.#isWanted) return;
    const again = (): void => {
      if (this.#isWanted) this.start().catch(() => this.#child?.kill('SIGKILL'));
    };
    setTimeout(again, restartPauseMs);
  }
}

/** Makes ports of a node's loopback ports of this machine, until disposed. */
export async function forwardPorts(inNetwork: InNetwork, routes: readonly Route[]): Promise<AsyncDisposable> {
  const forwarder = new Forwarder(inNetwork, routes);
  await forwarder.start();
  return forwarder;
}

/** A listening socket in the node's network: what comes there is for this process to take in. Port 0: any that is free. */
export async function listenInNetwork(inNetwork: InNetwork, { host, port }: Route): Promise<Server> {
  const child = runInNetwork(inNetwork, 'listen-program.ts', [host, `${port}`]);
  const [, server] = (await once(child, 'message')) as [unknown, Server];
  return server;
}
