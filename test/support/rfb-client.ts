import { once } from 'node:events';
import WebSocket from 'ws';
import type { Closing } from './cdp-client.ts';

/** A bare RFB client over the gateway: says what it likes, whatever a page of ours would. Disposing it leaves. */
export interface RfbClient extends AsyncDisposable {
  send(...bytes: number[]): void;
  /** What came after the server's first words, up to 64 KiB: for those who ask for no pixels. */
  received(): Buffer;
  receivedBytes(): number;
  readonly closed: Promise<Closing>;
}

const most = 65_536;
const hello = 'RFB 003.008\n';

/** Greets as RFC 6143 has it, up to and with ServerInit. */
export async function openRfb(liveViewUrl: string): Promise<RfbClient> {
  const url = new URL(liveViewUrl.replace(/^http/, 'ws'));
  url.pathname += '/rfb';
  const socket = new WebSocket(url, { perMessageDeflate: false });
  const closed = new Promise<Closing>((resolve) => {
    socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  socket.on('error', () => undefined);
  let all = Buffer.alloc(0);
  let bytes = 0;
  socket.on('message', (message: Buffer) => {
    bytes += message.length;
    if (all.length < most) all = Buffer.concat([all, message]);
  });
  const take = async (length: number): Promise<Buffer> => {
    while (all.length < length) {
      const ended = closed.then(({ code }) => Promise.reject(new Error(`the connection ended with ${code}`)));
      await Promise.race([once(socket, 'message'), ended]);
    }
    const taken = all.subarray(0, length);
    all = all.subarray(length);
    return taken;
  };
  await take(hello.length);
  socket.send(Buffer.from(hello));
  await take((await take(1)).readUInt8(0));
  socket.send(Buffer.from([1]));
  await take(4);
  socket.send(Buffer.from([1]));
  await take((await take(24)).readUInt32BE(20));
  return {
    send: (...bytes) => socket.send(Buffer.from(bytes)),
    received: () => all,
    receivedBytes: () => bytes,
    closed,
    [Symbol.asyncDispose]: async () => {
      socket.terminate();
      await closed;
    },
  };
}
