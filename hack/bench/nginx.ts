import { accessSync, chmodSync, chownSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { descendantsOf } from '../../test/support/process-table.ts';
import { startProgram } from './child-program.ts';

/** nginx as it is commonly put in front of a WebSocket server: https://nginx.org/en/docs/http/websocket.html */
const configuration = (folder: string, port: number, upstreamPort: number): string => `
daemon off;
worker_processes 1;
pid ${folder}/pid;
error_log ${folder}/error.log warn;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://127.0.0.1:${upstreamPort};
      proxy_http_version 1.1;
      proxy_set_header Host localhost;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      proxy_read_timeout 600s;
    }
  }
}
`;

export interface Nginx extends AsyncDisposable {
  readonly port: number;
  readonly pids: readonly number[];
}

export function findNginx(searchPath: string): string | undefined {
  const folders = [...searchPath.split(path.delimiter), '/usr/sbin', '/usr/local/sbin'].filter(path.isAbsolute);
  return folders
    .map((folder) => path.join(folder, 'nginx'))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  }).finally(() => socket.destroy()) as Promise<boolean>;
}

/** Debian's `nobody`. */
const nobody = { uid: 65_534, gid: 65_534 };
const startLimitMs = 5_000;

/** nginx with one worker, as an unprivileged user, before `http://127.0.0.1:<upstreamPort>`. */
export async function startNginx(program: string, upstreamPort: number): Promise<Nginx> {
  await using stack = new AsyncDisposableStack();
  const folder = mkdtempSync(path.join(tmpdir(), 'porthole-nginx-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o755);
  const port = await findFreePort();
  const file = path.join(folder, 'nginx.conf');
  writeFileSync(file, configuration(folder, port, upstreamPort));
  const isRoot = process.getuid?.() === 0;
  if (isRoot) chownSync(folder, nobody.uid, nobody.gid);
  const argv = [program, '-p', folder, '-e', `${folder}/error.log`, '-c', file] as const;
  const child = stack.use(startProgram([...argv], isRoot ? nobody : {}));
  let failure: unknown;
  child.firstLine.catch((error: unknown) => (failure = error));
  const deadline = performance.now() + startLimitMs;
  while (!(await isListening(port))) {
    if (failure) throw failure as Error;
    if (performance.now() > deadline) throw new Error(`nginx did not listen within ${startLimitMs / 1000} s`);
    await delay(20);
  }
  // It listens a moment before it has its worker.
  while (descendantsOf(child.pid).length === 0) await delay(5);
  const running = stack.move();
  return {
    port,
    pids: [child.pid, ...descendantsOf(child.pid).map((entry) => entry.pid)],
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
