import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createServer } from 'node:http';
import { devtoolsPorts, env, ports, type TicketPurpose } from '../../src/api/agent/contract.ts';
import { listProcesses } from '../../src/agent/process-tree.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createTicketKeyPair } from '../../src/lib/ticket.ts';
import { createAgentClient } from '../../src/sandbox/agent-client.ts';
import type { AgentClient, SandboxRef } from '../../src/sandbox/port.ts';
import { createTicketIssuer } from '../../src/sandbox/ticket-issuer.ts';

/** For tests: the agent's program as a process of its own, in a session of its own, with a real browser. */
export interface TestAgent extends AsyncDisposable {
  readonly process: ChildProcess;
  readonly pid: number;
  readonly ref: SandboxRef;
  readonly client: AgentClient;
  readonly devtoolsPort: number;
  readonly workDir: string;
  /** What it wrote so far, both streams. */
  readonly output: () => string;
  /** Resolves with the exit code. */
  readonly exited: Promise<number | null>;
  ticket(purpose: TicketPurpose, claims?: Partial<SandboxRef>): string;
  /** `init.ticket`, else one for `purpose`. */
  fetch(
    path: string,
    init?: { method?: string; purpose?: TicketPurpose; ticket?: string; body?: unknown },
  ): Promise<Response>;
  waitUntilReady(): Promise<void>;
}

export interface TestAgentOptions {
  /** Last number of its address, and what makes its DevTools port its own. */
  readonly index: number;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Whether something answers for the egress proxy. Default true. */
  readonly hasProxy?: boolean;
}

const program = fileURLToPath(new URL('../../src/cmd/agent.ts', import.meta.url));
export const unprivileged = 99_001;

/** Everything in the session that `pid` leads, or led. */
export function findSession(pid: number): readonly number[] {
  return listProcesses()
    .filter((entry) => entry.session === pid)
    .map((entry) => entry.pid);
}

/** Pids in the agent's session whose command line fits. */
export async function findInSession(pid: number, commandLine: RegExp): Promise<readonly number[]> {
  const found = await Promise.all(
    findSession(pid).map(async (member) => {
      const text = await readFile(`/proc/${member}/cmdline`, 'latin1').catch(() => '');
      return commandLine.test(text.replaceAll('\0', ' ')) ? [member] : [];
    }),
  );
  return found.flat();
}

/** Says that it is ready, and is nothing more: pages that need no network need no proxy. */
async function startProxyStandIn(host: string): Promise<AsyncDisposable> {
  const server = createServer((_request, response) => response.end('{}'));
  await new Promise<void>((resolve) => void server.listen(ports.proxyHealth, host, resolve));
  return {
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export async function startTestAgent({ index, environment, hasProxy = true }: TestAgentOptions): Promise<TestAgent> {
  const folder = await mkdtemp(join(tmpdir(), 'porthole-agent-'));
  await chmod(folder, 0o711);
  const workDir = join(folder, 'work');
  const { privateKey, publicKeyText } = createTicketKeyPair();
  const issuer = createTicketIssuer({ key: privateKey, clock: systemClock });
  const client = createAgentClient({ tickets: issuer, clock: systemClock });
  const ref = { podUid: randomUUID(), podIp: `127.77.200.${index}`, sessionUid: randomUUID() };
  const devtoolsPort = devtoolsPorts.last - index;
  const proxy = hasProxy ? await startProxyStandIn(ref.podIp) : undefined;
  const child = spawn(process.execPath, [program], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: '/usr/local/bin:/usr/bin:/bin',
      [env.podUid]: ref.podUid,
      [env.podIp]: ref.podIp,
      [env.ticketKey]: publicKeyText,
      [env.devtoolsPort]: String(devtoolsPort),
      [env.workDir]: workDir,
      [env.isolation]: 'LocalProcess',
      [env.runAs]: process.getuid?.() === 0 ? `${unprivileged}:${unprivileged}` : undefined,
      ...environment,
    },
  });
  const pid = child.pid ?? 0;
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve));

  const fetchFrom: TestAgent['fetch'] = (path, { method = 'GET', purpose, ticket, body } = {}) => {
    const shown = ticket ?? (purpose && issuer.ticketFor({ ...ref, purpose }));
    return fetch(`http://${ref.podIp}:${ports.agent}${path}`, {
      method,
      headers: shown ? { authorization: `Bearer ${shown}` } : {},
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  };
  return {
    process: child,
    pid,
    ref,
    client,
    devtoolsPort,
    workDir,
    output: () => output,
    exited,
    ticket: (purpose, claims) => issuer.ticketFor({ ...ref, ...claims, purpose }),
    fetch: fetchFrom,
    waitUntilReady: async () => {
      for (;;) {
        const isReady = await fetchFrom('/readyz').then(
          ({ status }) => status === 200,
          () => false,
        );
        if (isReady) return;
        if (child.exitCode !== null) throw new Error(`the agent ended: ${output}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    [Symbol.asyncDispose]: async () => {
      await client[Symbol.asyncDispose]();
      for (const member of findSession(pid)) {
        try {
          process.kill(member, 'SIGKILL');
        } catch {
          // gone
        }
      }
      await exited;
      await proxy?.[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
    },
  };
}

/** Names of files that an X server of this agent would have left. */
export async function findDisplayFiles(devtoolsPort: number): Promise<readonly string[]> {
  const display = 100 + devtoolsPort - devtoolsPorts.first;
  const inTmp = await readdir('/tmp');
  const sockets = await readdir('/tmp/.X11-unix').catch(() => []);
  return [...inTmp, ...sockets].filter((name) => [`.X${display}-lock`, `X${display}`].includes(name));
}
