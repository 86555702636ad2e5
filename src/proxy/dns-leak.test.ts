import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { chmod, chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request as startRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import CDP from 'chrome-remote-interface';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { managedPassword, startNotingUpstream } from '../../test/support/upstream-proxies.ts';
import { egressFlags } from '../api/agent/contract.ts';
import { parseCidrList } from '../lib/net-address.ts';
import { createTicketKeyPair, signTicket } from '../lib/ticket.ts';
import { startProxy, type RunningProxy } from './start.ts';

const podIp = '127.77.246.1';
const sinkIp = '127.0.0.63';
const user = 99_003;
const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());

/** Another /etc/resolv.conf for one program and all that it starts needs a mount namespace, and port 53 needs root. */
const inNamespace = (resolvConf: string, ...command: readonly string[]): [string, string[]] => [
  'unshare',
  ['--mount', '--', 'sh', '-c', 'mount --bind "$0" /etc/resolv.conf && exec "$@"', resolvConf, ...command],
];
const isPossible = process.getuid?.() === 0 && spawnSync('unshare', ['--mount', 'true']).status === 0;
if (!isPossible) process.stderr.write('The DNS sink is skipped: it needs root and a mount namespace.\n');

/** The first name of a question: https://www.rfc-editor.org/rfc/rfc1035#section-4.1.2 */
function nameIn(question: Buffer): string {
  const labels: string[] = [];
  for (let at = 12, length = question[at] ?? 0; length > 0; at += 1 + length, length = question[at] ?? 0)
    labels.push(question.subarray(at + 1, at + 1 + length).toString());
  return labels.join('.').toLowerCase();
}

async function startSink(): Promise<{ readonly asked: string[]; readonly socket: Socket }> {
  const asked: string[] = [];
  const socket = createSocket('udp4').bind(53, sinkIp);
  await once(socket, 'listening');
  socket.on('message', (question, { port, address }) => {
    asked.push(nameIn(question));
    // NXDOMAIN.
    socket.send(Buffer.concat([question.subarray(0, 2), Buffer.of(0x81, 0x83), question.subarray(4)]), port, address);
  });
  return { asked, socket };
}

async function bindUpstream({ ports }: RunningProxy, template: string, sign: (body: string) => string): Promise<void> {
  const body = JSON.stringify({ template, isInternalAllowed: false });
  const headers = { authorization: `Bearer ${sign(body)}` };
  const asking = startRequest({ host: podIp, port: ports.health, path: '/v1/upstream', method: 'POST', headers });
  asking.end(body);
  const [answer] = (await once(asking, 'response')) as [import('node:http').IncomingMessage];
  answer.resume();
  expect(answer.statusCode).toBe(200);
}

async function startChromium(resolvConf: string, folder: string, proxyPort: number): Promise<number> {
  const profile = join(folder, 'profile');
  const flags = [
    ...['--headless=new', '--disable-gpu', '--no-first-run', '--disable-quic'],
    ...[`--user-data-dir=${profile}`, '--remote-debugging-port=0', `--proxy-server=http://${podIp}:${proxyPort}`],
    ...[...egressFlags, 'about:blank'],
  ];
  const asUser = ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups', '--', '/usr/bin/chromium'];
  const env = { PATH: '/usr/bin:/bin', HOME: folder, TMPDIR: folder };
  const child = spawn(...inNamespace(resolvConf, ...asUser, ...flags), {
    env,
    stdio: 'ignore',
    detached: true,
    cwd: '/',
  });
  const exited = once(child, 'exit');
  stack.defer(async () => {
    process.kill(-(child.pid ?? 0), 'SIGKILL');
    await exited;
  });
  return vi.waitFor(async () => Number((await readFile(join(profile, 'DevToolsActivePort'), 'utf8')).split('\n')[0]), {
    timeout: 30_000,
  });
}

describe.skipIf(!isPossible)('with an upstream', () => {
  it('no resolver hears a name that the browser goes to', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'porthole-dns-'));
    stack.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));
    await chmod(folder, 0o755);
    await chown(folder, user, user);
    const resolvConf = join(folder, 'resolv.conf');
    await writeFile(resolvConf, `nameserver ${sinkIp}\noptions timeout:1 attempts:1\n`, { mode: 0o644 });
    const { asked, socket } = await startSink();
    stack.defer(() => void socket.close());
    // The sink works: whoever asks there, it hears.
    const getent = spawn(...inNamespace(resolvConf, 'getent', 'hosts', 'control.example.com'), { stdio: 'ignore' });
    await once(getent, 'exit');
    expect(asked).toContain('control.example.com');

    const upstream = stack.use(await startNotingUpstream());
    const { privateKey, publicKeyText } = createTicketKeyPair();
    const looked: string[] = [];
    const proxy = stack.use(
      await startProxy({
        settings: {
          ...{ podIp, podUid: 'pod', ticketKey: publicKeyText, isVerbose: false, egressDenyPorts: new Set<number>() },
          ...{ egressAllow: parseCidrList('127.0.0.0/8'), upstreamAllow: parseCidrList('') },
        },
        log: () => undefined,
        listen: { proxy: 0, health: 0 },
        lookup: (host) => {
          looked.push(host);
          return Promise.reject(new Error('nobody is asked'));
        },
      }),
    );
    await bindUpstream(proxy, `http://any:${managedPassword}@127.0.0.1:${upstream.port}`, (body) =>
      signTicket(privateKey, {
        ...{ podUid: 'pod', sessionUid: 's', purpose: 'upstream', expiresAt: Math.ceil(Date.now() / 1000) + 60 },
        bodySha256: createHash('sha256').update(body).digest('base64url'),
      }),
    );
    const devtools = await CDP({ port: await startChromium(resolvConf, folder, proxy.ports.proxy) });
    stack.defer(() => devtools.close());
    for (const url of ['http://plain.sink-test.invalid/', 'https://secure.sink-test.invalid/'])
      await devtools.Page.navigate({ url });
    await vi.waitFor(
      () =>
        expect(upstream.requests.map(({ host }) => host)).toEqual(
          expect.arrayContaining(['plain.sink-test.invalid', 'secure.sink-test.invalid']),
        ),
      { timeout: 20_000 },
    );
    expect(asked.filter((name) => name.includes('sink-test'))).toEqual([]);
    expect(looked).toEqual([]);
  });
});
