import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { paths } from '../../api/agent/contract.ts';
import type { DevtoolsEndpoint } from '../chromium/launch.ts';
import { createMethodWatch } from './method-watch.ts';
import { Refusal, refuseUpgrade } from './refusal.ts';
import type { Sandbox } from './sandbox.ts';
import { splice } from './splice.ts';
import type { TicketGate } from './ticket-gate.ts';

/** So that whoever ended the session can say so to its clients (close code 1001) before their connections break. */
const farewellMs = 1_000;

const browserAlias = /^\/devtools\/browser(\/|$)/;
const targetPath = /^\/devtools\/[\w-]+\/[\w.-]+$/;

/**
 * Chromium's own WebSocket path for a path of ours; undefined for none. The browser's id is its own secret to keep: any stands for
 * the one browser there is.
 */
export function toDevtoolsPath(url: string, endpoint: DevtoolsEndpoint): string | undefined {
  const path = url.split('?')[0] ?? '';
  if (path === paths.cdpBrowser) return endpoint.browserPath;
  if (!path.startsWith(`${paths.cdp}/`)) return undefined;
  const inner = path.slice(paths.cdp.length);
  if (browserAlias.test(inner)) return endpoint.browserPath;
  return targetPath.test(inner) ? inner : undefined;
}

/**
 * All that Chromium is told about a client. No Origin, which it would refuse; no extensions, since deflate between two programs of one
 * machine costs more than it saves; none of what authenticates.
 */
export function buildUpgradeHead(path: string, headers: IncomingMessage['headers']): string {
  const key = headers['sec-websocket-key'];
  const version = headers['sec-websocket-version'];
  if (key === undefined || version === undefined) throw new Refusal('bad_request', 'This is no WebSocket handshake.');
  const protocol = headers['sec-websocket-protocol'];
  const lines = [
    `GET ${path} HTTP/1.1`,
    'Host: localhost',
    'Connection: Upgrade',
    'Upgrade: websocket',
    `Sec-WebSocket-Key: ${key}`,
    `Sec-WebSocket-Version: ${version}`,
    ...(protocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
  ];
  return `${lines.join('\r\n')}\r\n\r\n`;
}

export interface DevtoolsSockets extends Disposable {
  readonly onUpgrade: (request: IncomingMessage, socket: Socket, head: Buffer) => void;
}

/** The WebSocket side: each client gets a connection of its own to Chromium, and counts as attached from its request on. */
export function createDevtoolsSockets(sandbox: Sandbox, gate: TicketGate): DevtoolsSockets {
  const open = new Set<Socket>();
  const closeAll = (): void => {
    for (const socket of open) socket.destroy();
  };
  const attach = (request: IncomingMessage, socket: Socket, head: Buffer): void => {
    const sessionUid = gate(request.headers, 'cdp');
    sandbox.tenancy.check(sessionUid);
    const { endpoint } = sandbox.requireBrowser();
    const path = toDevtoolsPath(request.url ?? '', endpoint);
    if (path === undefined) throw new Refusal('not_found', 'There is no such DevTools socket.');
    const upgrade = buildUpgradeHead(path, request.headers);
    const { activity } = sandbox;
    const watch = activity.policy === 'messages' ? createMethodWatch(() => activity.touch()) : undefined;
    const attachment = activity.attach();
    open.add(socket);
    socket.once('close', () => {
      open.delete(socket);
      attachment[Symbol.dispose]();
    });
    if (head.length > 0) socket.unshift(head);
    splice(socket, { port: endpoint.port, head: upgrade, watch });
  };
  sandbox.onEnd(() => void setTimeout(closeAll, farewellMs).unref());
  return {
    onUpgrade: (request, socket, head) => {
      socket.on('error', () => undefined); // a client that goes away while it is refused
      try {
        attach(request, socket, head);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        refuseUpgrade(socket, error);
      }
    },
    [Symbol.dispose]: closeAll,
  };
}
