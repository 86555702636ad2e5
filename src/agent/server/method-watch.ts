import { createFrameScanner, opcodes, unmask } from '../../lib/websocket-frames.ts';

/** Every client library names the method among the first members; a reply of theirs to the page has none. */
const lookedAt = 160;
const sign = '"method"';

/**
 * Follows what a client sends, and calls `onMethod` for each text message that is a command: `"method"` stands in the first 160
 * bytes. Feed it every chunk, in order.
 */
export function createMethodWatch(onMethod: () => void): (chunk: Uint8Array) => void {
  const head = Buffer.alloc(lookedAt);
  let isLooking = false;
  const scanner = createFrameScanner((frame) => (isLooking = frame.opcode === opcodes.text));

  const collect = (part: Uint8Array, from: number): void => {
    const wanted = part.subarray(0, lookedAt - from);
    const here = head.subarray(from, from + wanted.length);
    here.set(wanted);
    unmask(scanner, here, from);
    if (from + wanted.length < Math.min(lookedAt, scanner.payloadLength)) return;
    isLooking = false;
    if (head.subarray(0, from + wanted.length).includes(sign)) onMethod();
  };

  return (chunk) => {
    for (let at = 0; at < chunk.length;) {
      const from = scanner.payloadSoFar;
      const wasInPayload = scanner.inPayload;
      const next = scanner.advance(chunk, at, chunk.length);
      if (wasInPayload && isLooking) collect(chunk.subarray(at, next), from);
      at = next;
    }
  };
}
