import { spawn, execFileSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Server as ChainServer } from 'proxy-chain';
import { freePort } from './free-port.ts';

/** Programs of Debian's packages of the same names (dante-server, microsocks, squid). */
const programs = { squid: '/usr/sbin/squid', microsocks: '/usr/bin/microsocks', danted: '/usr/sbin/danted' } as const;
const missing = Object.values(programs).filter((file) => !existsSync(file));

/** Why stories with real proxies are left out; undefined: they are not. */
export const noRealProxies =
  missing.length === 0 ? undefined : `not here: ${missing.join(', ')} (apt-get install squid microsocks dante-server)`;
if (noRealProxies) process.stderr.write(`Tests with real upstream proxies are skipped: ${noRealProxies}\n`);

export const login = { username: 'somebody', password: 'a-Secret-of-the-Upstream' } as const;

/** Of those within this process, which a provider's template may hold. */
export const managedPassword = 'what-every-user-of-the-provider-has';

/** An upstream proxy on loopback. */
export interface RunningUpstream extends AsyncDisposable {
  readonly port: number;
  /** What it has said of its clients. */
  log(): Promise<string>;
}

async function untilListening(port: number, child: ChildProcess, output: () => string): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt += 1) {
    if (child.exitCode !== null) break;
    const socket = connect({ host: '127.0.0.1', port });
    const isThere = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isThere) return;
    await wait(50);
  }
  throw new Error(`The upstream proxy did not listen. It said:\n${output()}`);
}

interface Daemon {
  readonly program: keyof typeof programs;
  readonly port: number;
  readonly files: Readonly<Record<string, string>>;
  readonly args: (folder: string) => readonly string[];
  readonly logFile?: string;
}

async function start({ program, port, files, args, logFile }: Daemon): Promise<RunningUpstream> {
  const folder = await mkdtemp(join(tmpdir(), `porthole-${program}-`));
  // squid becomes a user of its own when root starts it.
  await chmod(folder, 0o777);
  for (const [name, text] of Object.entries(files))
    await writeFile(join(folder, name), text.replaceAll('@folder@', folder), { mode: 0o644 });
  const child = spawn(programs[program], args(folder), { stdio: ['ignore', 'pipe', 'pipe'], cwd: folder });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const stop = async (): Promise<void> => {
    const exited = child.exitCode === null ? once(child, 'exit') : undefined;
    child.kill('SIGKILL');
    await exited;
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await untilListening(port, child, () => output);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    port,
    log: async () => (logFile === undefined ? output : readFile(join(folder, logFile), 'utf8').catch(() => '')),
    [Symbol.asyncDispose]: stop,
  };
}

/** An HTTP proxy that wants the login; it resolves `page.porthole.test` to this machine. */
export async function startSquid(): Promise<RunningUpstream> {
  const port = await freePort();
  const hash = execFileSync('openssl', ['passwd', '-apr1', login.password], { encoding: 'utf8' }).trim();
  const conf = `
http_port 127.0.0.1:${port}
auth_param basic program /usr/lib/squid/basic_ncsa_auth @folder@/passwd
auth_param basic credentialsttl 1 second
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all
hosts_file @folder@/hosts
access_log stdio:@folder@/access.log
cache_log @folder@/cache.log
pid_filename none
cache deny all
memory_cache_shared off
pinger_enable off
visible_hostname upstream.test
shutdown_lifetime 0 seconds
`;
  const files = {
    'squid.conf': conf,
    passwd: `${login.username}:${hash}\n`,
    hosts: '127.0.0.1 page.porthole.test\n',
  };
  const args = (folder: string): readonly string[] => ['-N', '-f', join(folder, 'squid.conf')];
  return start({ program: 'squid', port, files, args, logFile: 'access.log' });
}

/** A SOCKS 5 proxy that wants the login. */
export async function startMicrosocks(): Promise<RunningUpstream> {
  const port = await freePort();
  const args = ['-i', '127.0.0.1', '-p', String(port), '-u', login.username, '-P', login.password];
  return start({ program: 'microsocks', port, files: {}, args: () => args });
}

/** A SOCKS 4 and 5 proxy for everybody. */
export async function startDante(): Promise<RunningUpstream> {
  const port = await freePort();
  const everybody = 'from: 0.0.0.0/0 to: 0.0.0.0/0';
  const conf = `
logoutput: stderr
internal: 127.0.0.1 port = ${port}
external: 127.0.0.1
clientmethod: none
socksmethod: none
client pass { ${everybody} }
socks pass { ${everybody}
  log: connect }
`;
  const args = (folder: string): readonly string[] => ['-f', join(folder, 'danted.conf'), '-p', join(folder, 'pid')];
  return start({ program: 'danted', port, files: { 'danted.conf': conf }, args });
}

/** An HTTP or https proxy within this process, which notes by which user each connection came, and for which host, as it was spelt. */
export interface NotingUpstream extends AsyncDisposable {
  readonly port: number;
  readonly requests: { readonly user: string; readonly host: string }[];
  /** PEM; of an https one, what its certificate is signed by. */
  readonly ca: string;
}

/** Takes whoever has the password, under any name. Port 0 is any that is free; `host` is what its clients know it by. */
export async function startNotingUpstream({
  isTls = false,
  port = 0,
  host = '127.0.0.1',
} = {}): Promise<NotingUpstream> {
  const requests: NotingUpstream['requests'] = [];
  const tls = isTls ? await makeCertificate(host) : undefined;
  const options: ConstructorParameters<typeof ChainServer>[0] = {
    host: '127.0.0.1',
    port,
    prepareRequestFunction: ({ username, password, hostname }) => {
      const isKnown = password === managedPassword;
      // It is knocked at with a host that is nowhere.
      if (isKnown && hostname !== 'probe.invalid') requests.push({ user: username, host: hostname });
      return { requestAuthentication: !isKnown };
    },
  };
  const server = new ChainServer(tls ? { ...options, serverType: 'https', httpsOptions: tls } : options);
  await server.listen();
  return { port: server.port, requests, ca: tls?.cert ?? '', [Symbol.asyncDispose]: () => server.close(true) };
}

async function makeCertificate(host: string): Promise<{ key: string; cert: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'porthole-upstream-tls-'));
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
  const subject = ['-subj', '/CN=upstream.test', '-addext', `subjectAltName=IP:${host}`];
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  try {
    execFileSync('openssl', ['req', ...kind, '-keyout', key, '-out', cert, ...subject], { stdio: 'ignore' });
    return { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
