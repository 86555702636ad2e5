import type { Socket } from 'node:net';
import { createConnector } from '../live/rfb-socket.ts';
import type { ScreenSize } from './xvnc.ts';

/** https://github.com/rfbproto/rfbproto/blob/master/rfbproto.rst#extendeddesktopsize-pseudo-encoding */
const extendedDesktopSize = -308;
const version = 'RFB 003.008\n';
const patienceMs = 3_000;
/** Pixels of a side: what X can count. */
const largestSide = 16_384;

/** Why the size is told: 1 is that this client asked for it. */
interface Told {
  readonly byUs: boolean;
  /** 0: done. */
  readonly status: number;
  /** The first screen's. */
  readonly screenId: number;
}

/** Reads so many bytes at a time. */
function createReader(socket: Socket): (length: number) => Promise<Buffer> {
  const stream = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let have = Buffer.alloc(0);
  return async (length) => {
    while (have.length < length) {
      const next = await stream.next();
      if (next.done) throw new Error('the X server closed the connection');
      have = Buffer.concat([have, next.value]);
    }
    const taken = have.subarray(0, length);
    have = have.subarray(length);
    return taken;
  };
}

type Read = ReturnType<typeof createReader>;

/** RFC 6143, 7.1 to 7.3, without security: the socket is the sandbox's own. */
async function greet(socket: Socket, read: Read): Promise<void> {
  await read(version.length);
  socket.write(version);
  await read((await read(1)).readUInt8(0));
  socket.write(Buffer.from([1]));
  await read(4);
  socket.write(Buffer.from([1]));
  await read((await read(24)).readUInt32BE(20));
}

/** One pixel, as it is or as it becomes: the server says nothing, of sizes either, but when it is asked for pixels. */
const askForUpdate = (socket: Socket, isIncremental: boolean): boolean =>
  socket.write(Buffer.from([3, isIncremental ? 1 : 0, 0, 0, 0, 0, 0, 1, 0, 1]));

function askForSizes(socket: Socket): void {
  const encodings = Buffer.from([2, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0]);
  encodings.writeInt32BE(extendedDesktopSize, 8);
  socket.write(encodings);
  askForUpdate(socket, false);
}

function askToResize(socket: Socket, { width, height }: ScreenSize, screenId: number): void {
  const message = Buffer.alloc(24);
  message.writeUInt8(251, 0);
  message.writeUInt16BE(width, 2);
  message.writeUInt16BE(height, 4);
  message.writeUInt8(1, 6);
  message.writeUInt32BE(screenId, 8);
  message.writeUInt16BE(width, 16);
  message.writeUInt16BE(height, 18);
  socket.write(message);
}

async function readRectangle(read: Read): Promise<Told | undefined> {
  const head = await read(12);
  const encoding = head.readInt32BE(8);
  if (encoding === 0) {
    await read(4 * head.readUInt16BE(4) * head.readUInt16BE(6));
    return undefined;
  }
  if (encoding !== extendedDesktopSize) throw new Error(`the X server sent encoding ${encoding} unasked`);
  const screens = (await read(4)).readUInt8(0);
  const layout = await read(16 * screens);
  return {
    byUs: head.readUInt16BE(0) === 1,
    status: head.readUInt16BE(2),
    screenId: screens > 0 ? layout.readUInt32BE(0) : 0,
  };
}

/** Skips what this client has no use for. */
async function readMessage(read: Read): Promise<readonly Told[]> {
  const type = (await read(1)).readUInt8(0);
  const told: Told[] = [];
  if (type === 0) {
    for (let left = (await read(3)).readUInt16BE(1); left > 0; left--) {
      const size = await readRectangle(read);
      if (size) told.push(size);
    }
  } else if (type === 3) await read((await read(7)).readUInt32BE(3));
  else if (type !== 2) throw new Error(`the X server sent a message of type ${type}`);
  return told;
}

async function resize(socket: Socket, size: ScreenSize): Promise<void> {
  const read = createReader(socket);
  await greet(socket, read);
  askForSizes(socket);
  for (let hasAsked = false; ;) {
    for (const { byUs, status, screenId } of await readMessage(read)) {
      if (byUs && status !== 0) throw new Error(`the X server refused it (${status})`);
      if (byUs) return;
      if (!hasAsked) askToResize(socket, size, screenId);
      hasAsked = true;
    }
    askForUpdate(socket, true);
  }
}

/**
 * Makes the X server's screen so large, as a VNC client of it: no viewer can. Rejects when it does not within 3 s, or when the size is
 * none of a screen.
 */
export async function resizeScreen(rfbSocket: string, size: ScreenSize): Promise<void> {
  if (Math.max(size.width, size.height) > largestSide)
    throw new Error(`the largest screen has ${largestSide} pixels a side`);
  const socket = createConnector(rfbSocket)();
  socket.on('error', () => undefined);
  const timer = setTimeout(() => socket.destroy(), patienceMs);
  try {
    await resize(socket, size);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`The screen cannot be made ${size.width}x${size.height}: ${why}.`, { cause });
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}
