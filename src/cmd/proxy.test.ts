import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

const program = fileURLToPath(new URL('./proxy.ts', import.meta.url));
const isRoot = process.getuid?.() === 0;
const runAs = isRoot ? { PORTHOLE_RUN_AS: '99002:99002' } : {};

const running: ChildProcess[] = [];
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

function start(environment: Readonly<Record<string, string>>): ChildProcess {
  const child = spawn(process.execPath, [program], { env: { PATH: '/usr/bin:/bin', ...environment } });
  running.push(child);
  return child;
}

async function firstLine(child: ChildProcess): Promise<string> {
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await expect.poll(() => output, { timeout: 10_000 }).toContain('\n');
  return output;
}

describe('the program', () => {
  it('serves, as nobody, and ends within a second of SIGTERM though connections are open', async () => {
    const podIp = '127.77.243.1';
    const child = start({ ...runAs, POD_IP: podIp, PORTHOLE_EGRESS_ALLOW: '127.0.0.0/8' });
    expect(JSON.parse(await firstLine(child))).toMatchObject({ address: podIp, proxy: 7701, health: 7702 });
    expect((await fetch(`http://${podIp}:7702/readyz`)).status).toBe(200);
    if (isRoot) {
      const status = readFileSync(`/proc/${child.pid ?? 0}/status`, 'utf8');
      expect(status).toMatch(/^Uid:\t99002\t99002\t99002\t99002$/m);
      expect(status).toMatch(/^CapPrm:\t0+$/m);
    }

    await using server = createServer((socket) => socket.on('error', () => undefined));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect(7701, podIp);
    client.write(`CONNECT localhost:${(server.address() as AddressInfo).port} HTTP/1.1\r\nHost: x\r\n\r\n`);
    const [answer] = (await once(client, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 /);

    const before = performance.now();
    child.kill('SIGTERM');
    const [code] = (await once(child, 'exit')) as [number | null];
    expect(code).toBe(0);
    expect(performance.now() - before).toBeLessThan(1000);
    client.destroy();
  });

  it.runIf(isRoot)('refuses to serve as root', async () => {
    const child = start({ POD_IP: '127.77.243.2' });
    const message = child.stderr && text(child.stderr);
    expect(await once(child, 'exit')).toEqual([1, null]);
    expect(await message).toContain('PORTHOLE_RUN_AS');
  });

  it('says which setting is wrong', async () => {
    const child = start({ ...runAs, POD_IP: '127.77.243.3', PORTHOLE_EGRESS_ALLOW: '127.0.0.0/8,everything' });
    const message = child.stderr && text(child.stderr);
    expect(await once(child, 'exit')).toEqual([1, null]);
    expect(await message).toBe(
      'proxy: PORTHOLE_EGRESS_ALLOW: "everything" is not a CIDR such as 10.0.0.0/8 or fd00::/8\n',
    );
  });
});
