import { afterAll, describe, expect, test } from 'vitest';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startGatewayWorld, tokenFor } from '../../../test/support/gateway-world.ts';
import { startStandInAgent } from '../../../test/support/stand-in-agent.ts';
import WebSocket from 'ws';
import { refusalOf } from '../../../test/support/cdp-client.ts';
import { browserSessions, endReasons, type BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import { acceptFor, encodeFrame, opcodes } from '../../lib/websocket-frames.ts';
import { whyOver } from './why-over.ts';

const agent = await startStandInAgent();
const world = await startGatewayWorld({ agent, frameAncestors: ['self', 'https://app.example.com'] });
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await agent[Symbol.asyncDispose]();
});

const at = ({ metadata: { uid } }: BrowserSession, scope = 'live', rest = ''): string =>
  `http://${world.at}/live/${uid}${rest}?token=${tokenFor(uid, scope)}`;
const stateOf = async (session: BrowserSession, scope = 'live'): Promise<object> =>
  (await (await fetch(at(session, scope, '/state'))).json()) as object;

describe('the page', () => {
  test('comes with a policy that lets nothing in from elsewhere, and into the frames that may have it', async () => {
    const page = await fetch(at(await world.createSession()));
    expect(page.status).toBe(200);
    const policy = page.headers.get('content-security-policy')?.split('; ') ?? [];
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).toContain("frame-ancestors 'self' https://app.example.com");
    expect(policy.join()).not.toMatch(/unsafe|\*/);
    expect(page.headers.get('referrer-policy')).toBe('no-referrer');
    expect(page.headers.get('cache-control')).toBe('no-store');
  });

  test('goes into no frame by default', async () => {
    await using other = await startGatewayWorld({ agent });
    const { uid } = (await other.createSession()).metadata;
    const page = await fetch(`http://${other.at}/${uid}?token=${tokenFor(uid, 'live')}`);
    expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
  });

  test.each(['/live/', '/'])('names modules that are there, at %s<id> and with a slash behind it', async (prefix) => {
    const { uid } = (await world.createSession()).metadata;
    for (const slash of ['', '/']) {
      const address = `http://${world.at}${prefix}${uid}${slash}?token=${tokenFor(uid, 'live-readonly')}`;
      const html = await (await fetch(address)).text();
      const names = [...html.matchAll(/(?:src|href)="([^"]*assets[^"]*)"/g)].map(([, name = '']) => name);
      expect(names).toHaveLength(2);
      for (const name of names) {
        const asset = await fetch(new URL(name, address));
        expect(asset.status).toBe(200);
        expect(asset.headers.get('cache-control')).toContain('immutable');
      }
    }
  });

  test('hands out noVNC, and nothing of another version or place', async () => {
    const html = await (await fetch(at(await world.createSession()))).text();
    const version = /assets\/([0-9a-f]{16})/.exec(html)?.[1] ?? '';
    const get = (path: string): Promise<Response> => fetch(`http://${world.at}/assets/${path}`);
    const script = await get(`${version}/novnc/core/rfb.js`);
    expect(script.headers.get('content-type')).toContain('text/javascript');
    expect(await script.text()).toContain('export default class RFB');
    for (const path of [
      `${version}/novnc/package.json`,
      `${version}/live-view.html`,
      '0'.repeat(16) + '/live-view.js',
    ]) {
      expect((await get(path)).status).toBe(404);
    }
  });

  test.each(['', '?token=x', 'of cdp', 'of another session', 'expired'])(
    'is not there with the token "%s"',
    async (what) => {
      const { uid } = (await world.createSession()).metadata;
      const stranger = '00000000-0000-4000-8000-000000000001';
      const tokens: Readonly<Record<string, string>> = {
        'of cdp': tokenFor(uid),
        'of another session': tokenFor(stranger, 'live'),
        expired: tokenFor(uid, 'live', -1_000),
      };
      const query = what in tokens ? `?token=${tokens[what] ?? ''}` : what;
      for (const path of ['', '/state'])
        expect((await fetch(`http://${world.at}/live/${uid}${path}${query}`)).status).toBe(404);
      expect(await refusalOf(`ws://${world.at}/live/${uid}/rfb${query}`)).toBeGreaterThanOrEqual(400);
    },
  );

  test('opens no DevTools', async () => {
    const { uid } = (await world.createSession()).metadata;
    expect(await refusalOf(`ws://${world.at}/sessions/${uid}?token=${tokenFor(uid, 'live')}`)).toBe(401);
  });
});

describe('what the page is told:', () => {
  test('a session that starts', async () => {
    expect(await stateOf(await world.createSession({ phase: 'Starting' }))).toEqual({ state: 'starting' });
  });

  test('a sandbox that does not answer as an agent does', async () => {
    expect(await stateOf(await world.createSession())).toEqual({ state: 'unreachable' });
  });

  test('why a session is over, for as long as it is remembered', async () => {
    const session = await world.createSession();
    await world.store.patchStatus(browserSessions, session.metadata, { phase: 'Ended', endReason: 'IdleTimeout' });
    await expect
      .poll(() => stateOf(session))
      .toEqual({ state: 'over', why: whyOver({ status: { endReason: 'IdleTimeout' } } as BrowserSession) });
    await world.store.delete(browserSessions, session.metadata);
    await expect.poll(() => stateOf(session)).toEqual({ state: 'over', why: 'Somebody ended it.' });
  });

  test.each([
    ['headful', 'live', { state: 'ready', display: true, readOnly: false }],
    ['headful', 'live-readonly', { state: 'ready', display: true, readOnly: true }],
    ['headless', 'live', { state: 'ready', display: false, readOnly: false }],
  ])('a %s browser, by a token that is %s', async (display, scope, expected) => {
    await using own = await startDisplay(display);
    await using other = await startGatewayWorld({ agent, agentPort: own.port });
    const { uid } = (await other.createSession()).metadata;
    const answer = await fetch(`http://${other.at}/live/${uid}/state?token=${tokenFor(uid, scope)}`);
    expect(await answer.json()).toEqual(expected);
    expect(own.tickets).toEqual([expect.stringMatching(new RegExp(`/${uid}/control$`))]);
  });
});

/** An agent that has nothing but a status. */
async function startDisplay(display: string) {
  const tickets: string[] = [];
  const server = createServer(({ headers }, response: ServerResponse) => {
    tickets.push(headers.authorization ?? '');
    response.end(JSON.stringify({ browser: { display } }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    tickets,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

describe('the screen', () => {
  const open = async (session: BrowserSession, scope: string) => {
    agent.onUpgrade = (socket, key) => {
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptFor(key)}\r\n\r\n`,
      );
      socket.resume();
      socket.write(encodeFrame(opcodes.binary, Buffer.from('RFB 003.008\n')));
    };
    const client = new WebSocket(at(session, scope, '/rfb').replace(/^http/, 'ws'));
    const closed = new Promise((resolve) => {
      client.once('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    const [hello] = (await once(client, 'message')) as [Buffer];
    return { client, closed, hello, asked: agent.requests.at(-1) };
  };

  test.each([
    ['live', '/rfb'],
    ['live-readonly', '/rfb/read-only'],
  ])('is asked for with a ticket that is %s', async (scope, path) => {
    const session = await world.createSession();
    const { client, hello, asked } = await open(session, scope);
    expect(hello.toString()).toBe('RFB 003.008\n');
    expect(asked?.url).toBe(path);
    expect(asked?.headers.authorization).toMatch(new RegExp(`/${session.metadata.uid}/${scope}$`));
    client.terminate();
  });

  test('its viewer hears in a sentence why it is over', async () => {
    const session = await world.createSession();
    const { closed } = await open(session, 'live');
    await world.store.patchStatus(browserSessions, session.metadata, { phase: 'Ended', endReason: 'LifetimeExceeded' });
    expect(await closed).toEqual({
      code: 1001,
      reason: whyOver({ status: { endReason: 'LifetimeExceeded' } } as BrowserSession),
    });
  });

  test('every such sentence fits into a close frame', () => {
    for (const endReason of endReasons) {
      expect(Buffer.byteLength(whyOver({ status: { endReason } } as BrowserSession))).toBeLessThanOrEqual(123);
    }
  });
});
