import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { resizeScreen } from './resize-screen.ts';

const size = { width: 1501, height: 988 };
const stack: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of stack.splice(0).reverse()) await end();
});

/** An X server that greets, says what size it has, and is asked for another. */
async function startServer(answer: (socket: Socket, asked: Buffer) => void): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'porthole-rfb-'));
  const socketPath = path.join(folder, 'rfb');
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    let heard = Buffer.alloc(0);
    let hasGreeted = false;
    let isDone = false;
    socket.write('RFB 003.008\n');
    socket.on('data', (chunk: Buffer) => {
      heard = Buffer.concat([heard, chunk]);
      if (!hasGreeted && heard.length >= 12) {
        hasGreeted = true;
        // Security types, SecurityResult and ServerInit; a bell and a text of the clipboard, which are nobody's business.
        socket.write(Buffer.concat([Buffer.from([1, 1, 0, 0, 0, 0]), Buffer.alloc(23), Buffer.from([1, 120])]));
        socket.write(Buffer.concat([Buffer.from([2, 3, 0, 0, 0, 0, 0, 0, 2]), Buffer.from('hi')]));
        socket.write(Buffer.concat([update(2), pixel(), sizeRectangle(0, 0)]));
      }
      const at = heard.indexOf(Buffer.from([251, 0]), 14);
      if (at < 0 || heard.length < at + 24 || isDone) return;
      isDone = true;
      answer(socket, heard.subarray(at, at + 24));
    });
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  stack.push(
    () => rm(folder, { recursive: true }),
    () => new Promise((resolve) => server.close(resolve)),
  );
  return socketPath;
}

const update = (rectangles: number): Buffer => Buffer.from([0, 0, 0, rectangles]);
const pixel = (): Buffer => Buffer.concat([Buffer.from([0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0]), Buffer.alloc(4, 9)]);
/** One screen, whose id is 77. */
function sizeRectangle(why: number, status: number): Buffer {
  const rectangle = Buffer.alloc(12 + 4 + 16);
  rectangle.writeUInt16BE(why, 0);
  rectangle.writeUInt16BE(status, 2);
  rectangle.writeInt32BE(-308, 8);
  rectangle.writeUInt8(1, 12);
  rectangle.writeUInt32BE(77, 16);
  return rectangle;
}

it('asks for the size of the screen that there is', async () => {
  let asked = Buffer.alloc(0);
  const socket = await startServer((viewer, message) => {
    asked = Buffer.from(message);
    viewer.write(Buffer.concat([update(1), sizeRectangle(1, 0)]));
  });
  await resizeScreen(socket, size);
  expect([asked.readUInt16BE(2), asked.readUInt16BE(4), asked.readUInt8(6)]).toEqual([1501, 988, 1]);
  expect([asked.readUInt32BE(8), asked.readUInt16BE(16), asked.readUInt16BE(18)]).toEqual([77, 1501, 988]);
});

it.each<[string, (viewer: Socket) => unknown, RegExp]>([
  [
    'refuses',
    (viewer) => viewer.write(Buffer.concat([update(1), sizeRectangle(1, 3)])),
    /1501x988: .*refused it \(3\)/,
  ],
  ['goes away', (viewer) => viewer.destroy(), /1501x988: /],
  ['says what nobody asked for', (viewer) => viewer.write(Buffer.from([9])), /1501x988: .*type 9/],
  ['says nothing', () => undefined, /1501x988: /],
])('says so when the server %s', async (_what, answer, message) => {
  const socket = await startServer((viewer) => void answer(viewer));
  await expect(resizeScreen(socket, size)).rejects.toThrow(message);
});

it('knows how large a screen can be', async () => {
  await expect(resizeScreen('/nowhere', { width: 20_000, height: 10 })).rejects.toThrow('16384');
});

it('says so when there is no server', async () => {
  await expect(resizeScreen('/nowhere/rfb', size)).rejects.toThrow('1501x988');
});
