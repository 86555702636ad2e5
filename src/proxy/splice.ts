import type { OnReadOpts, Socket } from 'node:net';

/** How long the second direction of a connection may be silent once the first has ended. */
const halfClosedTimeoutMs = 120_000;
const bufferBytes = 64 * 1024;

/** What the end of one connection means for the other; `from`'s bytes go another way. */
function tie(from: Socket, to: Socket): void {
  from.once('end', () => {
    to.end();
    // One end is gone for good; a second that never says anything again must not be kept for ever.
    for (const socket of [from, to]) socket.setTimeout(halfClosedTimeoutMs, () => socket.destroy());
  });
  from.once('error', () => to.resetAndDestroy());
  from.once('close', () => {
    // After an orderly end `to` has been ended, and may still have something to send.
    if (!from.readableEnded) to.destroy();
  });
}

/** Joins two connections byte for byte until both have ended: back-pressure, half-close and resets pass through. */
export function splice(one: Socket, other: Socket): void {
  tie(one, other);
  tie(other, one);
  one.pipe(other);
  other.pipe(one);
}

/**
 * The same for a connection that is still to be made, with one buffer for all that will arrive on it: streams allocate 64 KiB
 * for each read, and their memory stays with the process for long (100 MB after 2 GB).
 */
export interface Pump {
  /** For the connection that is to be made. */
  readonly onread: OnReadOpts;
  /** `made` is that connection. Not a byte of it is lost until then. */
  splice(made: Socket, other: Socket): void;
}

export function createPump(): Pump {
  const buffer = Buffer.allocUnsafeSlow(bufferBytes);
  let ends: { readonly from: Socket; readonly to: Socket } | undefined;
  let early = 0;
  let isHeld = false;

  const resume = (): void => {
    if (!isHeld) return;
    isHeld = false;
    ends?.from.resume();
  };
  /** Whether the buffer is free again at once; it is not while the system has not taken what is in it. */
  const pass = (length: number): boolean => {
    if (!ends) {
      early = length;
      isHeld = true;
      return false;
    }
    ends.to.write(buffer.subarray(0, length), resume);
    isHeld = ends.to.writableLength > 0;
    return !isHeld;
  };

  return {
    onread: { buffer, callback: pass },
    splice: (made, other) => {
      ends = { from: made, to: other };
      tie(made, other);
      tie(other, made);
      other.pipe(made);
      if (early > 0 && pass(early)) made.resume();
    },
  };
}
