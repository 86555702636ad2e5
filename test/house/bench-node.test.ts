import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { toCapabilityRow } from '../../hack/bench/capabilities.ts';
import { createHttpConnection } from '../../hack/bench/http-connection.ts';
import { getBy } from '../../hack/bench/dial.ts';
import { toBareSpec } from '../../hack/bench/node/bare-pods.ts';
import { kindOf, parseWorkingSet } from '../../hack/bench/node/pod-memory.ts';
import { judge } from '../../hack/bench/report.ts';
import { startDialer } from '../../hack/node/dialer.ts';

describe('a bare Pod', () => {
  it('is what the sandbox is, wherever there is room for it', () => {
    const containers = [{ name: 'browser', image: 'i', env: [{ name: 'A', value: 'b' }] }];
    const spec = { containers, initContainers: [{ name: 'proxy' }], runtimeClassName: 'gvisor', overhead: {} };
    expect(toBareSpec({ ...spec, nodeName: 'n' })).toEqual(spec);
  });
});

describe('memory of a Pod', () => {
  it.each([
    { version: 1, stat: 'cache 90\ninactive_file 7\ntotal_inactive_file 30\n', expected: 70 },
    { version: 2, stat: 'anon 60\ninactive_file 30\n', expected: 70 },
    { version: 2, stat: 'anon 60\ninactive_file 130\n', expected: 0 },
  ])('is counted with files that somebody still uses, with cgroup version $version', ({ stat, expected }) => {
    expect(parseWorkingSet(100, stat)).toBe(expected);
  });

  it.each([
    ['/usr/local/bin/node /opt/porthole/src/cmd/main.ts agent', 'agent'],
    ['/usr/local/bin/node /opt/porthole/src/cmd/main.ts proxy', 'proxy'],
    ['/usr/bin/Xtigervnc :0 -geometry 1280x720', 'Xvnc'],
    ['/usr/lib/chromium/chromium --type=renderer --no-zygote', 'Chromium'],
    ['/usr/lib/chromium/chrome_crashpad_handler --monitor-self', 'Chromium'],
    ['runsc-sandbox --root=/run/containerd/runsc/k8s.io boot', 'runsc sandbox'],
    ['/usr/bin/containerd-shim-runc-v2 -namespace k8s.io', 'shim'],
    ['/usr/bin/tini -- /usr/local/bin/node /opt/porthole/src/cmd/main.ts agent', 'tini'],
    ['/pause', 'pause'],
    ['', 'guests'],
  ])('%s is of the %s', (command, kind) => {
    expect(kindOf(command)).toBe(kind);
  });
});

describe('a capability', () => {
  const capability = { name: 'c', plain: {}, wish: {}, bareName: 'its own part', bare: () => Promise.resolve(0) };

  it('may take half as much again as without, and what it takes by itself, round by round', () => {
    const row = toCapabilityRow('s', capability, { plain: [10, 20], bare: [5, 100], with: [20, 130] });
    expect(row.baseline).toEqual({
      name: '1.5 × without + its own part',
      figure: { value: (20 + 130) / 2, unit: 'ms' },
    });
    expect(row.ratio?.value).toBe(1);
    expect(judge(row)).toBe('met');
    expect(judge(toCapabilityRow('s', capability, { plain: [10], bare: [5], with: [21] }))).toBe('missed');
  });
});

/** Answers each request with what it was. */
async function startEcho(): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer((socket) => {
    socket.once('data', (asked: Buffer) => {
      socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${asked.length}\r\nConnection: close\r\n\r\n${asked.toString()}`);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { port, [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) };
}

describe('a call that is timed', () => {
  it.each([
    { body: undefined, sent: 'Content-Length: 0\r\n\r\n' },
    { body: '{"proxyUrl":"http://ü"}', sent: 'Content-Length: 24\r\n\r\n{"proxyUrl":"http://ü"}' },
  ])('says what is wished for: $body', async ({ body, sent }) => {
    await using echo = await startEcho();
    using connection = createHttpConnection(`http://127.0.0.1:${echo.port}`);
    const answer = await connection.call('POST', '/x', 'key', body);
    expect(answer.body).toMatch(/^POST \/x HTTP\/1\.1\r\nHost: 127/);
    expect(answer.body.endsWith(sent)).toBe(true);
  });
});

const isRoot = process.getuid?.() === 0;

// It takes root to enter a network, were it one's own.
describe.runIf(isRoot)('a dialer', () => {
  it('gives connections of the network it is in to this process, and says who does not listen', async () => {
    await using echo = await startEcho();
    await using dialer = startDialer(process.pid);
    const place = { host: '127.0.0.1', port: echo.port };
    const { status, body } = await getBy((to) => dialer.dial(to), place, '/here');
    expect(status).toBe(200);
    expect(body).toContain('GET /here');
    await expect(dialer.dial({ host: '127.0.0.1', port: 1 })).rejects.toThrow('127.0.0.1:1: connect ECONNREFUSED');
  });

  it('rejects what is asked of it once it has ended', async () => {
    const dialer = startDialer(process.pid);
    await dialer[Symbol.asyncDispose]();
    await expect(dialer.dial({ host: '127.0.0.1', port: 1 })).rejects.toThrow('127.0.0.1:1');
  });
});
