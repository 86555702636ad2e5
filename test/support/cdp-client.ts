import WebSocket from 'ws';

/** How a WebSocket ended: https://www.rfc-editor.org/rfc/rfc6455#section-7.4 */
export interface Closing {
  readonly code: number;
  readonly reason: string;
}

/** The server answered the upgrade with something else than 101. */
export class RefusedUpgrade extends Error {
  override readonly name = 'RefusedUpgrade';
  readonly status: number;
  constructor(status: number) {
    super(`the upgrade was answered ${status}`);
    this.status = status;
  }
}

/** A bare CDP client, as small as they come. Disposing it detaches. */
export interface CdpClient extends AsyncDisposable {
  call<T = unknown>(method: string, params?: object, sessionId?: string): Promise<T>;
  /** Resolves when the connection has ended, whoever ended it. */
  readonly closed: Promise<Closing>;
  readonly isOpen: boolean;
}

interface Reply {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

type Settle = (reply: Reply) => void;

function opened(socket: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
    socket.once('unexpected-response', (request, response) => {
      reject(new RefusedUpgrade(response.statusCode ?? 0));
      request.destroy();
    });
  });
}

function closing(socket: WebSocket): Promise<Closing> {
  return new Promise((resolve) => {
    socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() }));
  });
}

/** Connects and resolves when the connection is open; a refusal is a {@link RefusedUpgrade}. */
export async function attach(url: string, headers: Readonly<Record<string, string>> = {}): Promise<CdpClient> {
  const socket = new WebSocket(url, { headers, perMessageDeflate: false });
  const closed = closing(socket);
  const waiting = new Map<number, Settle>();
  let lastId = 0;
  await opened(socket);
  socket.on('error', () => undefined); // a lost connection shows in `closed`
  socket.on('message', (message) => {
    const reply = JSON.parse((message as Buffer).toString()) as Reply;
    if (reply.id !== undefined) waiting.get(reply.id)?.(reply);
  });
  void closed.then(({ code }) => {
    for (const settle of waiting.values()) settle({ error: { message: `the connection ended with ${code}` } });
  });
  return {
    closed,
    get isOpen() {
      return socket.readyState === WebSocket.OPEN;
    },
    call: <T>(method: string, params: object = {}, sessionId?: string) =>
      new Promise<T>((resolve, reject) => {
        // It would be sent to nobody, and nobody would answer.
        if (socket.readyState !== WebSocket.OPEN) throw new Error(`${method}: the connection has ended`);
        const id = (lastId += 1);
        waiting.set(id, (reply) => {
          waiting.delete(id);
          if (reply.error) reject(new Error(`${method}: ${reply.error.message}`));
          else resolve(reply.result as T);
        });
        socket.send(JSON.stringify({ id, method, params, ...(sessionId ? { sessionId } : {}) }));
      }),
    [Symbol.asyncDispose]: async () => {
      socket.close(1000);
      await closed;
    },
  };
}

/** The status with which an upgrade is refused; throws when it is not. */
export async function refusalOf(url: string, headers: Readonly<Record<string, string>> = {}): Promise<number> {
  try {
    await using client = await attach(url, headers);
    throw new Error(`the upgrade succeeded: ${client.isOpen ? 'open' : 'closed'}`);
  } catch (error) {
    if (error instanceof RefusedUpgrade) return error.status;
    throw error;
  }
}
