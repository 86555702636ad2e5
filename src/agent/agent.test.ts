import { once } from 'node:events';
import { accessSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { patience } from '../../test/support/patience.ts';
import { WebSocket } from 'ws';
import { agentExitCodes, ports } from '../api/agent/contract.ts';
import type { AgentStatus, PageInfo } from '../api/agent/wire.ts';
import { createTicketKeyPair, signTicket } from '../lib/ticket.ts';
import {
  findDisplayFiles,
  findInSession,
  findSession,
  startTestAgent,
  unprivileged,
  type TestAgent,
} from '../../test/support/test-agent.ts';

const isRoot = process.getuid?.() === 0;
const stranger = '00000000-0000-4000-8000-000000000001';
const soon = (): AbortSignal => AbortSignal.timeout(10_000);
const isInstalled = (file: string): boolean => {
  try {
    accessSync(file);
    return true;
  } catch {
    return false;
  }
};
const hasXvnc = isInstalled('/usr/bin/Xtigervnc') || isInstalled('/usr/bin/Xvnc');

function openCdp(agent: TestAgent, path = '/cdp/browser', ticket = agent.ticket('cdp')): WebSocket {
  return new WebSocket(`ws://${agent.ref.podIp}:${ports.agent}${path}`, {
    headers: { authorization: `Bearer ${ticket}`, origin: 'http://somewhere.example' },
  });
}

/** The status that an upgrade was refused with. */
function refusalOf(socket: WebSocket): Promise<number> {
  return new Promise((resolve, reject) => {
    socket.on('error', () => undefined);
    socket.on('unexpected-response', (request, response) => {
      resolve(response.statusCode ?? 0);
      request.destroy();
    });
    socket.on('open', () => reject(new Error('it was let in')));
  });
}

interface Answer {
  readonly id: number;
  readonly result: { readonly product?: string; readonly result?: { readonly value: unknown } };
}

let lastId = 0;
async function callCdp(socket: WebSocket, method: string, params: object = {}): Promise<Answer['result']> {
  const id = (lastId += 1);
  const { promise, resolve } = Promise.withResolvers<Answer['result']>();
  const read = (data: Buffer): void => {
    const answer = JSON.parse(data.toString()) as Answer;
    if (answer.id === id) resolve(answer.result);
  };
  socket.on('message', read);
  socket.send(JSON.stringify({ id, method, params }));
  const result = await promise;
  socket.off('message', read);
  return result;
}

async function attach(agent: TestAgent, path?: string): Promise<WebSocket> {
  const socket = openCdp(agent, path);
  await once(socket, 'open');
  return socket;
}

async function detach(agent: TestAgent, socket: WebSocket): Promise<void> {
  socket.close();
  await vi.waitFor(
    async () => expect((await agent.client.status(agent.ref, soon())).activity.attachedClients).toBe(0),
    patience,
  );
}

describe('an agent', () => {
  let agent: TestAgent;
  beforeAll(async () => {
    agent = await startTestAgent({ index: 11 });
    await agent.waitUntilReady();
  });
  afterAll(() => agent[Symbol.asyncDispose]());

  it('lets nobody in before it is bound', async () => {
    expect((await agent.fetch('/v1/status', { purpose: 'control' })).status).toBe(409);
    expect((await agent.fetch('/cdp/json/version', { purpose: 'cdp' })).status).toBe(409);
    expect(await refusalOf(openCdp(agent))).toBe(409);
  });

  it('refuses tickets that are not for this', async () => {
    const { podUid, sessionUid } = agent.ref;
    const claims = { podUid, sessionUid, purpose: 'bind', expiresAt: Math.ceil(Date.now() / 1000) + 60 };
    const tickets = {
      none: undefined,
      garbage: 'abc.def',
      'of another key': signTicket(createTicketKeyPair().privateKey, claims),
      'for another pod': agent.ticket('bind', { podUid: stranger }),
      'for another purpose': agent.ticket('control'),
      'for another session than the body says': agent.ticket('bind', { sessionUid: stranger }),
    };
    const body = { sessionUid, idlePolicy: 'attached' };
    for (const [what, ticket] of Object.entries(tickets)) {
      const { status } = await agent.fetch('/v1/bind', { method: 'POST', body, ...(ticket && { ticket }) });
      expect([what, status]).toEqual([what, 401]);
    }
  });

  it('is bound by one session, for ever, and takes the same one again', async () => {
    const viewport = { width: 1500, height: 900 };
    const bound = await agent.client.bind(agent.ref, { idlePolicy: 'attached', viewport }, soon());
    expect(bound).toMatchObject({ phase: 'bound', sessionUid: agent.ref.sessionUid });
    const other = agent.client.bind({ ...agent.ref, sessionUid: stranger }, { idlePolicy: 'attached' }, soon());
    await expect(other).rejects.toMatchObject({ name: 'SandboxError', code: 'spent' });
    await expect(agent.client.bind(agent.ref, { idlePolicy: 'attached' }, soon())).resolves.toMatchObject({
      phase: 'bound',
    });
    expect(
      (await agent.fetch('/v1/status', { ticket: agent.ticket('control', { sessionUid: stranger }) })).status,
    ).toBe(409);
  });

  it('says what its browser is, and that its sandbox is on', async () => {
    const { browser, isolation }: AgentStatus = await agent.client.status(agent.ref, soon());
    expect(browser).toMatchObject({ alive: true, sandboxed: true, display: hasXvnc ? 'headful' : 'headless' });
    expect(browser.product).toMatch(/^Chrome\/\d+\./);
    expect(browser.bootMs).toBeGreaterThan(50);
    expect(isolation).toBe('LocalProcess');
  });

  it('relays the protocol to a client that sends an Origin and asks for deflate', async () => {
    const socket = await attach(agent);
    expect(socket.extensions).toBe('');
    expect((await callCdp(socket, 'Browser.getVersion')).product).toMatch(/^Chrome\//);
    expect(await agent.client.status(agent.ref, soon())).toMatchObject({
      activity: { attachedClients: 1, idleForMs: 0 },
    });
    await detach(agent, socket);
  });

  it('relays megabytes both ways unchanged', async () => {
    const [page] = (await agent.client.pages(agent.ref, soon())) as [PageInfo];
    const socket = await attach(agent, `/cdp/devtools/page/${page.pageId}`);
    const expression = `${JSON.stringify('ab'.repeat(1_500_000))}.replaceAll('a', 'ä') + 'z'`;
    const { result } = await callCdp(socket, 'Runtime.evaluate', { expression, returnByValue: true });
    expect(result?.value === `${'äb'.repeat(1_500_000)}z`).toBe(true);
    await detach(agent, socket);
  });

  it('gave the page the size that was asked for', async () => {
    const [page] = (await agent.client.pages(agent.ref, soon())) as [PageInfo];
    const socket = await attach(agent, `/cdp/devtools/page/${page.pageId}`);
    const expression =
      '[innerWidth, innerHeight, screen.width - outerWidth, screen.height - outerHeight, screenX, screenY]';
    const measure = { expression, returnByValue: true };
    await vi.waitFor(async () => {
      const seen = (await callCdp(socket, 'Runtime.evaluate', measure)).result?.value as readonly number[];
      expect(seen.slice(0, 2)).toEqual([1500, 900]);
      // The window fills the screen, which was smaller.
      if (hasXvnc) expect(seen.slice(2)).toEqual([1, 1, 0, 0]);
    }, patience);
    await detach(agent, socket);
  });

  it('lists tabs only, the active one first, and lets them be opened', async () => {
    const opened = await agent.fetch('/cdp/json/new?about:blank%23second', { method: 'PUT', purpose: 'cdp' });
    const { id } = (await opened.json()) as { id: string };
    const pages = await agent.client.pages(agent.ref, soon());
    expect(pages).toHaveLength(2);
    expect(pages[0]).toMatchObject({ pageId: id, active: true });
    expect(pages[1]).toMatchObject({ url: 'about:blank', active: false });
  });

  it('does not take a tab that was opened behind for the active one', async () => {
    const active = async (): Promise<readonly string[]> =>
      (await agent.client.pages(agent.ref, soon())).filter((page) => page.active).map(({ url }) => url);
    const before = await active();
    expect(before).toHaveLength(1);
    const socket = await attach(agent);
    await callCdp(socket, 'Target.createTarget', { url: 'about:blank#behind', background: true });
    const pages = await agent.client.pages(agent.ref, soon());
    expect(pages.map(({ url }) => url)).toContain('about:blank#behind');
    expect(await active()).toEqual(before);
    await detach(agent, socket);
  });

  it('serves the pages of DevTools', async () => {
    const version = (await (await agent.fetch('/cdp/json/version', { purpose: 'cdp' })).json()) as object;
    expect(version).toHaveProperty('webSocketDebuggerUrl');
    expect(await (await agent.fetch('/cdp/json/protocol', { purpose: 'cdp' })).json()).toHaveProperty('domains');
    expect((await agent.fetch('/cdp/json/version')).status).toBe(401);
    expect((await agent.fetch('/cdp/json/version', { method: 'DELETE', purpose: 'cdp' })).status).toBe(400);
  });

  it.each(['/cdp', '/cdp/', '/cdp/devtools/page/../browser', '/cdp/json/version', '/elsewhere'])(
    'has no socket at %s',
    async (path) => {
      const socket = new WebSocket(`ws://${agent.ref.podIp}:${ports.agent}/`, {
        headers: { authorization: `Bearer ${agent.ticket('cdp')}` },
        finishRequest: (request) => {
          request.path = path; // as it is: a URL would be put right before it is sent
          request.end();
        },
      });
      expect(await refusalOf(socket)).toBe(404);
    },
  );

  it('keeps the browser when its last tab is closed', async () => {
    const socket = await attach(agent);
    for (const { pageId } of await agent.client.pages(agent.ref, soon())) {
      await callCdp(socket, 'Target.closeTarget', { targetId: pageId });
    }
    await vi.waitFor(async () => expect(await agent.client.pages(agent.ref, soon())).toEqual([]), patience);
    await callCdp(socket, 'Target.createTarget', { url: 'about:blank' });
    await vi.waitFor(async () => expect(await agent.client.pages(agent.ref, soon())).toHaveLength(1), patience);
    await detach(agent, socket);
  });

  it('gives the browser an environment of its own, and its own user', async () => {
    const [browser = 0] = await findInSession(agent.pid, /--remote-debugging-port=/);
    const environment = await readFile(`/proc/${browser}/environ`, 'latin1');
    expect(environment).not.toMatch(/PORTHOLE|POD_/);
    for (const member of findSession(agent.pid)) {
      const { uid } = await stat(`/proc/${member}`);
      const status = await readFile(`/proc/${member}/status`, 'utf8');
      if (isRoot) expect(/^Uid:\t(\d+)\t\1\t\1\t\1$/m.exec(status)?.[1]).toBe(String(unprivileged));
      else expect(uid).toBe(process.getuid?.());
    }
  });

  it('keeps what the browser makes to play sound in the folder of the pod', async () => {
    const [page] = (await agent.client.pages(agent.ref, soon())) as [PageInfo];
    const socket = await attach(agent, `/cdp/devtools/page/${page.pageId}`);
    const expression =
      'const context = new AudioContext(); const tone = context.createOscillator(); tone.connect(context.destination); tone.start(); context.resume()';
    await callCdp(socket, 'Runtime.evaluate', { expression, awaitPromise: true, userGesture: true });
    await vi.waitFor(() => accessSync(join(agent.workDir, 'home', '.pulse')), patience);
    await detach(agent, socket);
  });

  it.runIf(hasXvnc)('shows its screen to nobody without the cookie, and listens on no other port', async () => {
    const display = 100 + agent.devtoolsPort - 21_000;
    const socket = connect(`/tmp/.X11-unix/X${display}`);
    socket.write(Buffer.from([0x6c, 0, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0])); // X11 connection setup without authorization
    const [answer] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    expect(answer[0]).toBe(0); // Failed
    const listening = (await readFile('/proc/net/tcp', 'utf8')) + (await readFile('/proc/net/tcp6', 'utf8'));
    const portOf = (port: number): RegExp => new RegExp(`:${port.toString(16).toUpperCase().padStart(4, '0')} `);
    expect(listening).not.toMatch(portOf(5900 + display));
    expect(listening).not.toMatch(portOf(6000 + display));
  });

  it('ends when idle, and never under an attached client', async () => {
    const socket = await attach(agent);
    expect(await agent.client.endIfIdle(agent.ref, 0, soon())).toMatchObject({ ended: false, attachedClients: 1 });
    await detach(agent, socket);
    expect(await agent.client.endIfUnused(agent.ref, soon())).toEqual({ ended: false });
    expect(await agent.client.endIfIdle(agent.ref, 60_000, soon())).toMatchObject({ ended: false });
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect((await agent.client.touch(agent.ref, soon())).idleForMs).toBeLessThan(100);
    const { ended } = await agent.client.endIfIdle(agent.ref, 0, soon());
    expect(ended).toBe(true);
  });

  it('takes nobody any more once it has ended', async () => {
    expect(await refusalOf(openCdp(agent))).toBe(409);
    const again = agent.client.bind(agent.ref, { idlePolicy: 'attached' }, soon());
    await expect(again).rejects.toMatchObject({ code: 'spent' });
    expect((await agent.fetch('/readyz')).status).toBe(503);
  });

  it('leaves nothing when it is told to end', async () => {
    const startedAt = performance.now();
    agent.process.kill('SIGTERM');
    expect(await agent.exited).toBe(agentExitCodes.told);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    // Orphans that are dead belong to init, which buries them when it gets to it.
    await vi.waitFor(() => expect(findSession(agent.pid)).toEqual([]), { timeout: 5_000 });
    expect(await findDisplayFiles(agent.devtoolsPort)).toEqual([]);
  });
});

describe('an agent whose session counts messages only', () => {
  it('is idle under a silent client, and sees its browser die', async () => {
    await using agent = await startTestAgent({ index: 12, environment: { PORTHOLE_DISPLAY: 'headless' } });
    // At once: the call waits for the agent to listen and for the browser to be usable.
    const bound = await agent.client.bind(agent.ref, { idlePolicy: 'messages' }, soon());
    expect(bound).toMatchObject({ phase: 'bound', browser: { display: 'headless', sandboxed: true } });

    const socket = await attach(agent);
    const closed = once(socket, 'close');
    await new Promise((resolve) => setTimeout(resolve, 200));
    const silent = await agent.client.status(agent.ref, soon());
    expect(silent.activity.attachedClients).toBe(1);
    expect(silent.activity.idleForMs).toBeGreaterThanOrEqual(200);
    await callCdp(socket, 'Browser.getVersion');
    const active = await agent.client.status(agent.ref, soon());
    expect(active.activity.idleForMs).toBeLessThan(silent.activity.idleForMs);

    const [browser = 0] = await findInSession(agent.pid, /--remote-debugging-port=/);
    const killedAt = performance.now();
    process.kill(browser, 'SIGKILL');
    await closed;
    expect(await agent.exited).toBe(agentExitCodes.browserGone);
    expect(performance.now() - killedAt).toBeLessThan(2_000);
    await vi.waitFor(() => expect(findSession(agent.pid)).toEqual([]), { timeout: 5_000 });
  });
});

describe('an agent whose screen cannot be made so large', () => {
  it('refuses the bind in words', async () => {
    await using agent = await startTestAgent({ index: 18, environment: { PORTHOLE_DISPLAY: 'headful' } });
    const binding = agent.client.bind(
      agent.ref,
      { idlePolicy: 'attached', viewport: { width: 20_000, height: 900 } },
      soon(),
    );
    const message = expect.stringMatching(/16384/) as string;
    await expect(binding).rejects.toMatchObject({ code: 'capability', message });
  });
});

describe('an agent that cannot start', () => {
  it.each([
    [
      'as root without somebody to become',
      { PORTHOLE_RUN_AS: undefined },
      agentExitCodes.badSettings,
      /PORTHOLE_RUN_AS/,
    ],
    ['without a key', { PORTHOLE_TICKET_KEY: '' }, agentExitCodes.badSettings, /PORTHOLE_TICKET_KEY: it must be set/],
    ['without Xvnc', { PORTHOLE_DISPLAY: 'headful', PATH: '/' }, agentExitCodes.neverUsable, /install TigerVNC/],
    ['without Chromium', { PORTHOLE_CHROMIUM: '/nowhere' }, agentExitCodes.neverUsable, /\/nowhere/],
    [
      'with a Chromium that ends',
      { PORTHOLE_CHROMIUM: '/bin/false', PORTHOLE_DISPLAY: 'headless' },
      agentExitCodes.neverUsable,
      /ended with code 1/,
    ],
  ])('%s says so', async (what, environment, exitCode, says) => {
    if (!isRoot && what.startsWith('as root')) return;
    await using agent = await startTestAgent({ index: 13, environment });
    expect(await agent.exited).toBe(exitCode);
    expect(agent.output()).toMatch(says);
    expect(findSession(agent.pid)).toEqual([]);
  });
});
