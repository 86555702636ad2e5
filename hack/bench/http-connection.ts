import type { Socket } from 'node:net';
import { dialFromHere, placeOf, type Dial } from './dial.ts';

export interface Answer {
  readonly status: number;
  readonly body: string;
  /** Request written → first byte of the answer, in milliseconds. */
  readonly ms: number;
}

/** One keep-alive connection that has nothing of a library between the clock and the socket. One call at a time. */
export interface HttpConnection extends Disposable {
  /** `body`: JSON; absent: none. */
  call(method: 'POST' | 'DELETE', path: string, apiKey: string, body?: string): Promise<Answer>;
}

/** Undefined until it is whole. Answers of the REST API have a Content-Length, or none and no body (204). */
function parseAnswer(text: string): { readonly status: number; readonly body: string } | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const head = text.slice(0, end);
  const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0);
  const body = text.slice(end + 4);
  if (Buffer.byteLength(body) < length) return undefined;
  return { status: Number(head.slice('HTTP/1.1 '.length, 'HTTP/1.1 '.length + 3)), body };
}

function readAnswer(socket: Socket, startedAt: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let text = '';
    let ms = 0;
    const stop = (): void => void socket.off('data', read).off('close', fail);
    const fail = (): void => {
      stop();
      reject(new Error('the REST API closed the connection'));
    };
    const read = (chunk: Buffer): void => {
      if (text === '') ms = performance.now() - startedAt;
      text += chunk.toString();
      const answer = parseAnswer(text);
      if (!answer) return;
      stop();
      resolve({ ...answer, ms });
    };
    socket.on('data', read).on('close', fail);
  });
}

interface Opened {
  readonly socket: Socket;
  /** The server has closed it or said something unasked (a 408, as nothing came for long): it takes no request any more. */
  isStale: boolean;
  readonly spoil: () => void;
}

async function open(dialled: Promise<Socket>): Promise<Opened> {
  const socket = await dialled;
  const opened: Opened = { socket, isStale: false, spoil: () => void (opened.isStale = true) };
  socket.on('error', opened.spoil).on('close', opened.spoil);
  return opened;
}

/** The end of the head, and what follows. */
function formatBody(body = ''): string {
  const type = body === '' ? '' : 'Content-Type: application/json\r\n';
  return `${type}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

/** A call finds the connection open: what it takes to open it is not in the time that it gives. */
export function createHttpConnection(apiUrl: string, dial: Dial = dialFromHere): HttpConnection {
  const place = placeOf(apiUrl);
  const { host } = new URL(apiUrl);
  let current: Opened | undefined;
  const take = async (): Promise<Opened> => {
    if (current && !current.isStale) return current;
    current?.socket.destroy();
    return (current = await open(dial(place)));
  };
  return {
    call: async (method, path, apiKey, body) => {
      const { socket, spoil } = await take();
      socket.off('data', spoil);
      const head = `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${apiKey}\r\n`;
      const request = `${head}${method === 'POST' ? formatBody(body) : '\r\n'}`;
      const startedAt = performance.now();
      socket.write(request);
      const answer = await readAnswer(socket, startedAt);
      socket.on('data', spoil);
      return answer;
    },
    [Symbol.dispose]: () => current?.socket.destroy(),
  };
}
