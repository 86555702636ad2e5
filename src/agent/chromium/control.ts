import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createFrameScanner, encodeTextFrame, opcodes, type FrameScanner } from '../../lib/websocket-frames.ts';
import type { DevtoolsEndpoint } from './launch.ts';

/** A JSON object. */
type Values = Readonly<Record<string, unknown>>;

/** What Chromium answered to a command, or that it cannot answer any more. */
export class ControlError extends Error {
  override readonly name = 'ControlError';
}

/**
 * The agent's own CDP connection to the browser.
 * https://chromedevtools.github.io/devtools-protocol/
 */
export interface Control extends Disposable {
  /** Rejects with a {@link ControlError}. `session` is a flat session's id, for commands to one target. */
  call(method: string, parameters?: object, session?: string): Promise<Values>;
  /** Calls `fn` with the parameters of each event of that name; returns what stops it. */
  listen(event: string, fn: (parameters: Values) => void): () => void;
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Values;
  readonly result?: Values;
  readonly error?: { readonly message: string };
}

interface Waiting {
  readonly resolve: (result: Values) => void;
  readonly reject: (error: Error) => void;
}

/** A client's frames are masked; by zeros, since masks protect proxies between them, and there is none. */
function mask(frame: Buffer): Buffer {
  const length = frame[1] ?? 0;
  const headerLength = length === 127 ? 10 : length === 126 ? 4 : 2;
  frame[1] = length | 0x80;
  return Buffer.concat([frame.subarray(0, headerLength), Buffer.alloc(4), frame.subarray(headerLength)]);
}

/** Calls `onMessage` with each whole text message that went by. */
function createMessageReader(onMessage: (text: string) => void): (chunk: Buffer) => void {
  const scanner = createFrameScanner();
  let parts: Buffer[] = [];
  const isText = (frame: FrameScanner): boolean => !frame.isControl && frame.opcode !== opcodes.binary;
  return (chunk) => {
    for (let at = 0; at < chunk.length;) {
      const wasInPayload = scanner.inPayload;
      const next = scanner.advance(chunk, at, chunk.length);
      if (wasInPayload && isText(scanner)) parts.push(Buffer.from(chunk.subarray(at, next)));
      at = next;
      if (!scanner.atBoundary || !scanner.fin || !isText(scanner)) continue;
      onMessage(Buffer.concat(parts).toString());
      parts = [];
    }
  };
}

/** Resolves with what came after the 101's head. */
function shakeHands(socket: Socket, path: string): Promise<Buffer> {
  const key = randomBytes(16).toString('base64');
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
  );
  return new Promise((resolve, reject) => {
    let head = Buffer.alloc(0);
    const read = (chunk: Buffer): void => {
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) return;
      socket.off('data', read);
      if (head.toString('latin1', 0, 12) === 'HTTP/1.1 101') resolve(head.subarray(end + 4));
      else reject(new ControlError(`Chromium answered ${head.toString('latin1', 9, 12)} to its own agent.`));
    };
    socket.on('data', read);
    socket.once('error', (error) => reject(new ControlError(error.message, { cause: error })));
    socket.once('close', () => reject(new ControlError('Chromium closed the connection.')));
  });
}

function settle(waiting: Map<number, Waiting>, { id, result, error }: Message): void {
  const waiter = id === undefined ? undefined : waiting.get(id);
  if (id === undefined || !waiter) return;
  waiting.delete(id);
  if (error) waiter.reject(new ControlError(error.message));
  else waiter.resolve(result ?? {});
}

export async function connectControl({ port, browserPath }: DevtoolsEndpoint): Promise<Control> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  const waiting = new Map<number, Waiting>();
  const events = new EventEmitter();
  let lastId = 0;
  const rest = await shakeHands(socket, browserPath);
  const read = createMessageReader((text) => {
    const message = JSON.parse(text) as Message;
    if (message.method !== undefined) events.emit(message.method, message.params ?? {});
    else settle(waiting, message);
  });
  read(rest);
  socket.on('data', read);
  socket.on('close', () => {
    for (const { reject } of waiting.values()) reject(new ControlError('Chromium closed the connection.'));
    waiting.clear();
  });
  return {
    call: (method, params = {}, sessionId) =>
      new Promise((resolve, reject) => {
        if (socket.destroyed) {
          reject(new ControlError('Chromium is gone.'));
          return;
        }
        const id = (lastId += 1);
        waiting.set(id, { resolve, reject });
        socket.write(mask(encodeTextFrame(JSON.stringify({ id, method, params, ...(sessionId && { sessionId }) }))));
      }),
    listen: (event, fn) => {
      events.on(event, fn);
      return () => void events.off(event, fn);
    },
    [Symbol.dispose]: () => void socket.destroy(),
  };
}
