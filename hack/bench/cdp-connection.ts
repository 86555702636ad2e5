import WebSocket from 'ws';
import { dialFromHere, placeOf, type Dial } from './dial.ts';

/**
 * A client for measuring: one call at a time, nothing parsed but the id. The same library for every path, and the one that
 * Playwright and Puppeteer use.
 */
export interface CdpConnection extends AsyncDisposable {
  /** Resolves with the whole answer, unparsed. */
  call(method: string, params?: object, sessionId?: string): Promise<Buffer>;
}

const idForm = /^\{"id":(\d+)/;

export interface CdpOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: from this process' own network. */
  readonly dial?: Dial | undefined;
}

export async function connectCdp(url: string, options: CdpOptions = {}): Promise<CdpConnection> {
  const { headers = {}, dial = dialFromHere } = options;
  const connection = await dial(placeOf(url));
  const socket = new WebSocket(url, {
    headers,
    perMessageDeflate: false,
    skipUTF8Validation: true,
    createConnection: () => connection,
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve).once('error', reject);
  });
  let lastId = 0;
  let settle: ((answer: Buffer) => void) | undefined;
  let fail: ((error: Error) => void) | undefined;
  socket.on('error', () => undefined); // shows as a close
  socket.on('close', (code) => fail?.(new Error(`${url.split('?')[0] ?? ''} closed with ${code}`)));
  socket.on('message', (message: Buffer) => {
    if (Number(idForm.exec(message.toString('latin1', 0, 24))?.[1]) === lastId) settle?.(message);
  });
  return {
    call: async (method, params = {}, sessionId) => {
      const id = (lastId += 1);
      const answer = await new Promise<Buffer>((resolve, reject) => {
        [settle, fail] = [resolve, reject];
        socket.send(JSON.stringify({ id, method, params, ...(sessionId !== undefined && { sessionId }) }));
      });
      if (answer.includes('"error":')) throw new Error(`${method}: ${answer.toString('utf8', 0, 300)}`);
      return answer;
    },
    [Symbol.asyncDispose]: async () => {
      fail = undefined;
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.close(1000);
      await closed;
    },
  };
}

interface Targets {
  readonly targetInfos: readonly { readonly targetId: string; readonly type: string }[];
}

const resultOf = (answer: Buffer): unknown => (JSON.parse(answer.toString()) as { result: unknown }).result;

/** The CDP session of the first page, flat: https://chromedevtools.github.io/devtools-protocol/tot/Target/#method-attachToTarget */
export async function attachToPage(cdp: CdpConnection): Promise<string> {
  for (;;) {
    const { targetInfos } = resultOf(await cdp.call('Target.getTargets')) as Targets;
    const page = targetInfos.find(({ type }) => type === 'page');
    if (!page) continue; // a browser that is starting has none yet
    const params = { targetId: page.targetId, flatten: true };
    return (resultOf(await cdp.call('Target.attachToTarget', params)) as { sessionId: string }).sessionId;
  }
}
