import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { paths, ports } from '../../src/api/agent/contract.ts';
import { importPrivateKey, signTicket } from '../../src/lib/ticket.ts';
import { connectCdp, type CdpConnection, type CdpOptions } from './cdp-connection.ts';
import { startProgram } from './child-program.ts';
import { findNginx, startNginx } from './nginx.ts';
import type { Porthole } from './porthole.ts';
import type { Run } from './run.ts';
import { readBrowserVersion } from './session-browser.ts';

export const hopNames = ['direct', 'nginx', 'gateway', 'agent', 'whole path'] as const;
export type HopName = (typeof hopNames)[number];

/** One way to the same browser. */
export interface Hop {
  readonly name: HopName;
  readonly cdp: CdpConnection;
  /** Whose CPU time it costs besides the client's and Chromium's. */
  readonly pids: readonly number[];
}

async function signCdpTicket({ dataDir }: Porthole, podUid: string, sessionUid: string): Promise<string> {
  const key = importPrivateKey((await readFile(path.join(dataDir, 'ticket.key'), 'utf8')).trim());
  return signTicket(key, { podUid, sessionUid, purpose: 'cdp', expiresAt: Math.ceil(Date.now() / 1000) + 60 });
}

async function openNginxHop(
  run: Run,
  stack: AsyncDisposableStack,
  { port, browserPath }: { port: number; browserPath: string },
): Promise<Hop[]> {
  const program = findNginx(process.env['PATH'] ?? '');
  if (!program) {
    run.remark('There is no nginx to stand beside: apt-get install nginx-light');
    return [];
  }
  const nginx = stack.use(await startNginx(program, port));
  const cdp = stack.use(await connectCdp(`ws://127.0.0.1:${nginx.port}${browserPath}`));
  return [{ name: 'nginx', cdp, pids: nginx.pids }];
}

/** A session's browser, attached to by every way there is. All is let go of with `stack`. */
export async function openHops(run: Run, porthole: Porthole, stack: AsyncDisposableStack): Promise<readonly Hop[]> {
  const session = await porthole.create();
  stack.defer(() => porthole.end(session.id));
  const [sandbox] = porthole.sandboxes();
  if (!sandbox) throw new Error('the session has no sandbox');
  const { podUid, podIp, devtoolsPort, agent } = sandbox;
  const { browserPath } = await readBrowserVersion(sandbox);
  const connect = async (url: string, options: CdpOptions = {}): Promise<CdpConnection> =>
    stack.use(await connectCdp(url, options));

  const direct: Hop = { name: 'direct', cdp: await connect(`ws://127.0.0.1:${devtoolsPort}${browserPath}`), pids: [] };
  const nginx = await openNginxHop(run, stack, { port: devtoolsPort, browserPath });
  const program = fileURLToPath(import.meta.resolve('./gateway-alone.ts'));
  const alone = stack.use(
    startProgram([process.execPath, ...run.nodeFlags, program, `${devtoolsPort}`, browserPath], {
      cwd: run.repository,
    }),
  );
  const gateway: Hop = {
    name: 'gateway',
    cdp: await connect(`ws://127.0.0.1:${await alone.firstLine}`),
    pids: [alone.pid],
  };
  const authorization = `Bearer ${await signCdpTicket(porthole, podUid, session.id)}`;
  const agentHop: Hop = {
    name: 'agent',
    cdp: await connect(`ws://${podIp}:${ports.agent}${paths.cdpBrowser}`, { headers: { authorization } }),
    pids: [agent.pid],
  };
  const whole: Hop = { name: 'whole path', cdp: await connect(session.cdpUrl), pids: [porthole.pid, agent.pid] };
  return [direct, ...nginx, gateway, agentHop, whole];
}
