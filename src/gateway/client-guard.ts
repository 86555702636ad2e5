import { FrameScanner, opcodes } from '../lib/websocket-frames.ts';
import { mayBeBrowserClose, parseBrowserClose, type BrowserCloseCall } from './browser-close.ts';
import { endings, largestMessage, type Ending } from './close-codes.ts';

/** A text message up to so many bytes is looked into before it goes on: what closes a browser is a short call. */
const suspectLimit = 1024;
/** Bytes kept back at most while a short message comes in pieces; whoever pads it with more has it passed on. */
const heldLimit = 16_384;
const longestControlPayload = 125;

export type Verdict =
  | { readonly kind: 'refused'; readonly ending: Ending }
  | { readonly kind: 'browserClose'; readonly call: BrowserCloseCall };

const nothing: readonly Buffer[] = [];

/**
 * Watches what a client sends, frame by frame, before it goes on. Large messages pass as they come; a short text message is
 * kept back until it is whole, which it nearly always is from the start.
 */
export class ClientGuard {
  /** Set once; from then on nothing passes. */
  verdict: Verdict | undefined;
  /** Bytes of earlier chunks that go before those that the last {@link take} let pass. */
  released: readonly Buffer[] = nothing;
  /** The client has said that it leaves. */
  saidClose = false;
  readonly #frames = new FrameScanner();
  readonly #text = Buffer.alloc(suspectLimit);
  #textLength = 0;
  /** The current message may still turn out to be the call. */
  #isSuspect = false;
  /** Between the first and the last frame of a message. */
  #isInMessage = false;
  #held: Buffer[] = [];
  #heldLength = 0;

  /** Nothing of a frame has been passed on without its rest: a frame of one's own may follow. */
  get passedWholeFrames(): boolean {
    return this.verdict !== undefined || this.#frames.atBoundary || this.#isSuspect;
  }

  /** Looks at `chunk[0..end)` and says up to where it may be passed on; what lies behind is kept, or refused. */
  take(chunk: Buffer, end: number): number {
    const cleared = this.#clear(chunk, end);
    this.released = nothing;
    if (cleared > 0 && this.#held.length > 0) {
      this.released = this.#held;
      this.#held = [];
      this.#heldLength = 0;
    }
    if (this.verdict || cleared === end) return cleared;
    this.#held.push(Buffer.from(chunk.subarray(cleared, end)));
    this.#heldLength += end - cleared;
    return cleared;
  }

  #clear(chunk: Buffer, end: number): number {
    let cleared = 0;
    for (let at = 0; at < end;) {
      const next = this.#step(chunk, at, end);
      if (this.verdict) return cleared;
      at = next;
      if (this.#mayPass()) cleared = at;
    }
    return cleared;
  }

  /** To the end of a header, of a payload, or of the chunk. */
  #step(chunk: Buffer, at: number, end: number): number {
    const frames = this.#frames;
    const { inPayload: wasInPayload } = frames;
    const next = frames.advance(chunk, at, end);
    if (wasInPayload) this.#readPayload(chunk, at, next);
    else if (frames.inPayload || frames.atBoundary) this.#readHeader();
    if (frames.atBoundary) this.#endFrame();
    return next;
  }

  #mayPass(): boolean {
    if (this.#isSuspect && this.#heldLength <= heldLimit) return false;
    this.#isSuspect = false;
    return this.#frames.atBoundary || this.#frames.inPayload;
  }

  #readHeader(): void {
    const frames = this.#frames;
    const ending = this.#problemOf(frames);
    if (ending) {
      this.verdict = { kind: 'refused', ending };
      return;
    }
    if (frames.opcode === opcodes.close) {
      this.saidClose = true;
      this.#isSuspect = false;
    }
    if (frames.isControl) return;
    if (frames.opcode === opcodes.text) {
      this.#textLength = 0;
      this.#isSuspect = true;
    }
    this.#isInMessage = !frames.fin;
    if (frames.messageLength > suspectLimit) this.#isSuspect = false;
  }

  #problemOf(frames: FrameScanner): Ending | undefined {
    if (frames.reserved || !frames.masked) return endings.protocolError;
    switch (frames.opcode) {
      case opcodes.binary:
        return endings.binary;
      case opcodes.text:
      case opcodes.continuation:
        if ((frames.opcode === opcodes.continuation) !== this.#isInMessage) return endings.protocolError;
        return frames.messageLength > largestMessage ? endings.tooBig : undefined;
      case opcodes.close:
      case opcodes.ping:
      case opcodes.pong:
        return frames.fin && frames.payloadLength <= longestControlPayload ? undefined : endings.protocolError;
      default:
        return endings.protocolError;
    }
  }

  #readPayload(chunk: Buffer, from: number, until: number): void {
    const frames = this.#frames;
    if (!this.#isSuspect || frames.isControl) return;
    const text = this.#text;
    const mask = [frames.maskByte(0), frames.maskByte(1), frames.maskByte(2), frames.maskByte(3)];
    let phase = frames.payloadSoFar - (until - from);
    let length = this.#textLength;
    for (let at = from; at < until; at++) text[length++] = (chunk[at] ?? 0) ^ (mask[phase++ & 3] ?? 0);
    this.#textLength = length;
  }

  #endFrame(): void {
    const frames = this.#frames;
    if (!this.#isSuspect || frames.isControl || !frames.fin) return;
    this.#isSuspect = false;
    if (!mayBeBrowserClose(this.#text, this.#textLength)) return;
    const call = parseBrowserClose(this.#text.toString('utf8', 0, this.#textLength));
    if (call) this.verdict = { kind: 'browserClose', call };
  }
}
