import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { paths } from '../../api/agent/contract.ts';
import { acceptFor, encodeCloseFrame } from '../../lib/websocket-frames.ts';
import { Refusal, refuseUpgrade } from '../server/refusal.ts';
import type { Sandbox } from '../server/sandbox.ts';
import type { TicketGate } from '../server/ticket-gate.ts';
import { createClientFilter, RfbError } from './client-messages.ts';
import { createConnector } from './rfb-socket.ts';
import { binaryHeader, createFrameReader, FrameError } from './viewer-frames.ts';

export interface LiveSocketsOptions {
  readonly sandbox: Sandbox;
  readonly gate: TicketGate;
  /** Undefined: there is no display. */
  readonly rfbSocket: string | undefined;
}

export interface LiveSockets extends Disposable {
  isFor(request: IncomingMessage): boolean;
  readonly onUpgrade: (request: IncomingMessage, socket: Socket, head: Buffer) => void;
}

/** So that whoever ended the session can say so to its viewers before their connections break. */
const farewellMs = 1_000;
const keepAliveMs = 15_000;
/** How long a viewer that is sent away may take to go. */
const leaveMs = 2_000;

const pathOf = ({ url }: IncomingMessage): string => (url ?? '').split('?')[0] ?? '';

/**
 * The door to the sandbox's screen: RFB over WebSocket (one byte stream in binary messages, as websockify has it), spliced to the X
 * server's own socket. What viewers send is understood before it goes on: those who may only look on cannot do more.
 */
export function createLiveSockets({ sandbox, gate, rfbSocket }: LiveSocketsOptions): LiveSockets {
  const open = new Set<Socket>();
  const connectDisplay = rfbSocket === undefined ? undefined : createConnector(rfbSocket);
  const closeAll = (): void => {
    for (const socket of open) socket.destroy();
  };
  const admit = (request: IncomingMessage, socket: Socket, head: Buffer): void => {
    const isReadOnly = pathOf(request) === paths.rfbReadOnly;
    sandbox.tenancy.check(gate(request.headers, isReadOnly ? 'live-readonly' : 'live'));
    if (!connectDisplay) throw new Refusal('not_found', 'This sandbox has no display.');
    const key = request.headers['sec-websocket-key'];
    if (key === undefined) throw new Refusal('bad_request', 'This is no WebSocket handshake.');
    const seat = sandbox.audience.join();
    open.add(socket);
    socket.once('close', () => {
      open.delete(socket);
      seat[Symbol.dispose]();
    });
    const accept = `Sec-WebSocket-Accept: ${acceptFor(key)}\r\n\r\n`;
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${accept}`);
    show(socket, { display: connectDisplay(), isReadOnly, onInput: () => sandbox.activity.touch() });
    if (head.length > 0) socket.unshift(head);
  };
  sandbox.onEnd(() => void setTimeout(closeAll, farewellMs).unref());
  return {
    isFor: (request) => [paths.rfb, paths.rfbReadOnly].some((path) => path === pathOf(request)),
    onUpgrade: (request, socket, head) => {
      socket.on('error', () => undefined); // 'close' follows
      try {
        admit(request, socket, head);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        refuseUpgrade(socket, error);
      }
    },
    [Symbol.dispose]: closeAll,
  };
}

interface Show {
  readonly display: Socket;
  readonly isReadOnly: boolean;
  readonly onInput: () => void;
}

/** Joins a viewer to the display. A side that does not take what it is sent makes the other wait. */
function show(viewer: Socket, { display, isReadOnly, onInput }: Show): void {
  const filter = createClientFilter({ isReadOnly });
  const leave = (code: number, reason: string): void => {
    display.destroy();
    viewer.removeAllListeners('data').resume();
    if (viewer.writable) viewer.end(encodeCloseFrame(code, reason));
    setTimeout(() => viewer.destroy(), leaveMs).unref();
  };
  const read = createFrameReader({
    onBytes: (bytes) => {
      const passed = filter.take(bytes);
      if (passed.hadInput) onInput();
      if (passed.bytes.length > 0 && !display.write(passed.bytes)) viewer.pause();
    },
    onReply: (frame) => void viewer.write(frame),
    onClose: () => {
      display.destroy();
      viewer.end();
    },
  });
  viewer.setNoDelay(true).setKeepAlive(true, keepAliveMs);
  viewer.on('data', (chunk: Buffer) => {
    try {
      read(chunk);
    } catch (error) {
      if (error instanceof RfbError) leave(1008, error.message);
      else if (error instanceof FrameError) leave(error.code, error.message);
      else throw error;
    }
  });
  // Sockets of an HTTP server stay half open: a viewer that has gone would count until the screen next changes.
  viewer.once('end', () => viewer.destroy());
  viewer.on('drain', () => display.resume()).once('close', () => display.destroy());
  display.on('data', (chunk: Buffer) => {
    viewer.cork();
    viewer.write(binaryHeader(chunk.length));
    if (!viewer.write(chunk)) display.pause();
    viewer.uncork();
  });
  display.on('drain', () => viewer.resume()).on('error', () => undefined);
  display.once('close', () => leave(1011, 'the display is gone'));
}
