import { FrameScanner, opcodes } from '../../lib/websocket-frames.ts';
import { endings, type Ending } from '../close-codes.ts';

/** A clipboard's text is the largest that a viewer sends. */
export const largestViewerMessage = 2 * 1024 * 1024;
const longestControlPayload = 125;
const nothing: readonly Buffer[] = [];

/**
 * Watches what a viewer of the screen sends: frames that a client may send, and binary. What they mean is for the agent, which sits
 * beside the display. Nothing is kept back.
 */
export class ViewerGuard {
  verdict: { readonly kind: 'refused'; readonly ending: Ending } | undefined;
  readonly released = nothing;
  saidClose = false;
  readonly #frames = new FrameScanner();
  /** No part of a refused frame's header has been passed on. */
  #refusedWhole = false;

  get passedWholeFrames(): boolean {
    return this.verdict ? this.#refusedWhole : this.#frames.atBoundary;
  }

  /** Looks at `chunk[0..end)` and says up to where it may be passed on. */
  take(chunk: Buffer, end: number): number {
    const frames = this.#frames;
    for (let at = 0; at < end;) {
      const { inPayload: wasInPayload, atBoundary: wasAtBoundary } = frames;
      const next = frames.advance(chunk, at, end);
      if (!wasInPayload && (frames.inPayload || frames.atBoundary)) {
        const ending = this.#problem();
        if (ending) {
          this.verdict = { kind: 'refused', ending };
          this.#refusedWhole = wasAtBoundary;
          return at;
        }
        this.saidClose ||= frames.opcode === opcodes.close;
      }
      at = next;
    }
    return end;
  }

  #problem(): Ending | undefined {
    const frames = this.#frames;
    if (frames.reserved || !frames.masked) return endings.protocolError;
    if (frames.isControl)
      return frames.fin && frames.payloadLength <= longestControlPayload ? undefined : endings.protocolError;
    if (frames.opcode === opcodes.text) return endings.text;
    if (frames.opcode > opcodes.binary) return endings.protocolError;
    return frames.messageLength > largestViewerMessage ? endings.tooBigToShow : undefined;
  }
}
