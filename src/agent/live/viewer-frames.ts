import { encodeFrame, FrameScanner, opcodes } from '../../lib/websocket-frames.ts';

/** A viewer sent what is no WebSocket frame of a client, or none that may come here. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
  /** https://www.rfc-editor.org/rfc/rfc6455#section-7.4 */
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

export interface ViewerFrames {
  /** Unmasked bytes of the stream, in order, in pieces as they come. */
  readonly onBytes: (bytes: Buffer) => void;
  /** What is to be answered at once: a pong, or the close frame that answers theirs. */
  readonly onReply: (frame: Buffer) => void;
  readonly onClose: () => void;
}

const longestControlPayload = 125;

/** Reads the byte stream that a client's binary messages are, whatever their bounds. Throws {@link FrameError}. */
export function createFrameReader({ onBytes, onReply, onClose }: ViewerFrames): (chunk: Buffer) => void {
  const frames = new FrameScanner();
  let control: Buffer[] = [];
  let hasClosed = false;

  const checkHeader = (): void => {
    if (frames.reserved || !frames.masked) throw new FrameError(1002, 'not a valid frame of a client');
    if (frames.isControl) {
      const isWhole = frames.fin && frames.payloadLength <= longestControlPayload;
      if (!isWhole) throw new FrameError(1002, 'not a valid control frame');
    } else if (frames.opcode !== opcodes.binary && frames.opcode !== opcodes.continuation) {
      throw new FrameError(1003, 'RFB is binary');
    }
  };
  const takePayload = (payload: Buffer, from: number): void => {
    const key = [frames.maskByte(0), frames.maskByte(1), frames.maskByte(2), frames.maskByte(3)];
    const plain = Buffer.allocUnsafe(payload.length);
    for (let at = 0; at < payload.length; at++) plain[at] = (payload[at] ?? 0) ^ (key[(from + at) & 3] ?? 0);
    if (frames.isControl) control.push(plain);
    else onBytes(plain);
  };
  const endControl = (): void => {
    const payload = Buffer.concat(control);
    control = [];
    if (frames.opcode === opcodes.ping) onReply(encodeFrame(opcodes.pong, payload));
    if (frames.opcode !== opcodes.close) return;
    hasClosed = true;
    onReply(encodeFrame(opcodes.close, payload.subarray(0, 2)));
    onClose();
  };

  return (chunk) => {
    for (let at = 0; at < chunk.length && !hasClosed;) {
      const { inPayload: wasInPayload, payloadSoFar: from } = frames;
      const next = frames.advance(chunk, at, chunk.length);
      if (wasInPayload) takePayload(chunk.subarray(at, next), from);
      else if (frames.inPayload || frames.atBoundary) checkHeader();
      if (frames.atBoundary && frames.isControl) endControl();
      at = next;
    }
  };
}

/** The header of a frame whose payload is written behind it, so that pixels are not copied. */
export function binaryHeader(length: number): Buffer {
  if (length < 126) return Buffer.from([0x80 | opcodes.binary, length]);
  if (length < 65_536) return Buffer.from([0x80 | opcodes.binary, 126, length >> 8, length & 0xff]);
  const header = Buffer.alloc(10);
  header[0] = 0x80 | opcodes.binary;
  header[1] = 127;
  header.writeBigUInt64BE(BigInt(length), 2);
  return header;
}
