import { hash } from 'node:crypto';

/**
 * WebSocket frames (RFC 6455, section 5) for programs that relay bytes and only look at the headers: a scanner that is fed
 * with whatever the socket gives and allocates nothing per frame, and encoders for the few small frames such a program says itself.
 * https://www.rfc-editor.org/rfc/rfc6455#section-5.2
 */
export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

const longestHeader = 14;

/**
 * Called when a frame's header is complete. `payloadAt` is where its payload begins in `chunk`; there may be none, part or all
 * of it in there. The scanner is one mutable object: read it, do not keep it.
 */
export type OnFrame = (frame: FrameScanner, chunk: Uint8Array, payloadAt: number) => void;

/** Follows one direction of one connection. Says what the frame under the cursor is; judges nothing. */
export class FrameScanner {
  /** Of the current frame, or of the last one while {@link atBoundary}. */
  opcode = 0;
  fin = false;
  /** Any of RSV1–3 set: an extension was agreed on that this program does not know. */
  reserved = false;
  masked = false;
  /** Bytes. Beyond 2^53 inexact, as no one should care. */
  payloadLength = 0;
  /** Bytes of the payload that have gone by. */
  payloadSoFar = 0;
  /** Bytes of the header, 2–14. */
  headerLength = 0;
  /** Payload bytes that the current message announced so far, over all of its frames; control frames do not count. */
  messageLength = 0;
  readonly #header = new Uint8Array(longestHeader);
  readonly #onFrame: OnFrame | undefined;
  #have = 0;
  #need = 2;
  #inPayload = false;

  constructor(onFrame?: OnFrame) {
    this.#onFrame = onFrame;
  }

  /** Between two frames: the only place where a frame of one's own may be put in. */
  get atBoundary(): boolean {
    return !this.#inPayload && this.#have === 0;
  }

  /** The payload of the current frame has begun, and has not ended. */
  get inPayload(): boolean {
    return this.#inPayload;
  }

  /** Close, ping, pong. */
  get isControl(): boolean {
    return this.opcode >= opcodes.close;
  }

  /** Byte `index` (0–3) of the current frame's masking key; 0 when it has none. */
  maskByte(index: number): number {
    return this.masked ? (this.#header[this.headerLength - 4 + (index & 3)] ?? 0) : 0;
  }

  /** Goes over a whole chunk. `end` is for a buffer that is only filled in part. */
  feed(chunk: Uint8Array, end = chunk.length): void {
    for (let at = 0; at < end;) at = this.advance(chunk, at, end);
  }

  /**
   * Goes from `at` to whatever comes first, and returns where that is: the end of a header (then {@link OnFrame} was called and
   * {@link inPayload} holds, unless the frame is empty), the end of a payload (then {@link atBoundary} holds), or `end`.
   */
  advance(chunk: Uint8Array, at: number, end: number): number {
    if (this.#inPayload) return this.#skipPayload(at, end);
    const header = this.#header;
    let position = at;
    while (position < end && this.#have < this.#need) {
      header[this.#have++] = chunk[position++] ?? 0;
      if (this.#have === 2) this.#need = this.#lengthOfHeader();
    }
    if (this.#have === this.#need) {
      this.#readHeader();
      this.#onFrame?.(this, chunk, position);
    }
    return position;
  }

  #skipPayload(at: number, end: number): number {
    const left = this.payloadLength - this.payloadSoFar;
    const here = Math.min(left, end - at);
    this.payloadSoFar += here;
    if (here === left) this.#inPayload = false;
    return at + here;
  }

  #lengthOfHeader(): number {
    const second = this.#header[1] ?? 0;
    const short = second & 0x7f;
    const extended = short === 127 ? 8 : short === 126 ? 2 : 0;
    return 2 + extended + (second & 0x80 ? 4 : 0);
  }

  #readHeader(): void {
    const header = this.#header;
    const first = header[0] ?? 0;
    const second = header[1] ?? 0;
    this.opcode = first & 0x0f;
    this.fin = (first & 0x80) !== 0;
    this.reserved = (first & 0x70) !== 0;
    this.masked = (second & 0x80) !== 0;
    this.headerLength = this.#need;
    const short = second & 0x7f;
    this.payloadLength = short < 126 ? short : bigEndian(header, short === 126 ? 4 : 10);
    this.payloadSoFar = 0;
    if (this.opcode === opcodes.continuation) this.messageLength += this.payloadLength;
    else if (this.opcode < opcodes.close) this.messageLength = this.payloadLength;
    this.#have = 0;
    this.#need = 2;
    this.#inPayload = this.payloadLength > 0;
  }
}

/** The number in `bytes[2..end)`, most significant first. */
function bigEndian(bytes: Uint8Array, end: number): number {
  let value = 0;
  for (let index = 2; index < end; index++) value = value * 256 + (bytes[index] ?? 0);
  return value;
}

export function createFrameScanner(onFrame?: OnFrame): FrameScanner {
  return new FrameScanner(onFrame);
}

/** Takes the mask off `payload` in place. `from` is how many bytes of the frame's payload went before. */
export function unmask(frame: FrameScanner, payload: Uint8Array, from = 0): void {
  if (!frame.masked) return;
  for (let index = 0; index < payload.length; index++) {
    payload[index] = (payload[index] ?? 0) ^ frame.maskByte(from + index);
  }
}

/** A whole frame from a server: final, not masked. */
export function encodeFrame(opcode: number, payload: Uint8Array): Buffer {
  const length = payload.length;
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const frame = Buffer.allocUnsafe(2 + extended + length);
  frame[0] = 0x80 | opcode;
  frame[1] = extended === 0 ? length : extended === 2 ? 126 : 127;
  if (extended === 2) frame.writeUInt16BE(length, 2);
  if (extended === 8) frame.writeBigUInt64BE(BigInt(length), 2);
  frame.set(payload, 2 + extended);
  return frame;
}

export function encodeTextFrame(text: string): Buffer {
  return encodeFrame(opcodes.text, Buffer.from(text));
}

/** A control frame's payload is at most 125 bytes, two of which are the code. */
const longestReason = 123;

/**
 * Close with a status code (https://www.rfc-editor.org/rfc/rfc6455#section-7.4) and a reason, cut to what fits without
 * breaking a character.
 */
export function encodeCloseFrame(code: number, reason = ''): Buffer {
  const payload = Buffer.alloc(2 + longestReason);
  payload.writeUInt16BE(code, 0);
  const { written } = new TextEncoder().encodeInto(reason, payload.subarray(2));
  return encodeFrame(opcodes.close, payload.subarray(0, 2 + written));
}

/** What a server answers to a client's `Sec-WebSocket-Key`. GUID of https://www.rfc-editor.org/rfc/rfc6455#section-1.3 */
export function acceptFor(key: string): string {
  return hash('sha1', `${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`, 'base64');
}
