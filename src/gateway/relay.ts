import type { Clock } from '../lib/clock.ts';
import { encodeCloseFrame, encodeTextFrame, FrameScanner, opcodes } from '../lib/websocket-frames.ts';
import { answerBrowserClose } from './browser-close.ts';
import { ClientGuard } from './client-guard.ts';
import { endings, type Ending } from './close-codes.ts';
import type { SocketEnd } from './socket-end.ts';

/** Bytes that went by, counted by plain additions: the relay is the hot path. */
export interface Traffic {
  fromClient: number;
  toClient: number;
}

/** What a relay needs of a {@link ClientGuard}. */
export type Guard = Pick<ClientGuard, 'verdict' | 'released' | 'saidClose' | 'passedWholeFrames' | 'take'>;

/**
 * Who or what ended a relay: a close code of ours; the client or the browser by a close frame of theirs; the client without
 * one; or the sweep, as the client read nothing.
 */
export type EndedBy = `${number}` | 'client' | 'browser' | 'lost' | 'stalled';

export interface RelayOptions {
  readonly client: SocketEnd;
  readonly upstream: SocketEnd;
  /** Watches the client; default: one for CDP. */
  readonly guard?: Guard;
  readonly traffic: Traffic;
  /** What the client is told when the browser's side breaks off; never rejects. */
  readonly whyGone: () => Promise<Ending>;
  /** Called once, when both sockets are closed. */
  readonly onEnded: (by: EndedBy) => void;
  readonly clock: Clock;
}

/** A client that took nothing for so long, though bytes wait for it. Chromium would drop messages silently one day. */
export const stallMs = 12_000;
/** Some clients lose what they read together with the 101, so what an agent says that early follows so much later. */
const afterSwitchMs = 5;
/** How long a relay that says goodbye waits: for the rest of a frame, and for the client to close. */
export const farewellMs = 2_000;

/**
 * client ⇄ relay ⇄ agent. Bytes go on as they come, WebSocket frames untouched; their headers are followed on both ways, to
 * hold back what must not reach the browser and to put a close frame where one may stand.
 *
 * open → leaving (our close frame waits for the end of a frame, or is sent) → ended
 */
export class Relay {
  readonly #client: SocketEnd;
  readonly #upstream: SocketEnd;
  readonly #traffic: Traffic;
  readonly #whyGone: () => Promise<Ending>;
  readonly #onEnded: (by: EndedBy) => void;
  readonly #clock: Clock;
  readonly #guard: Guard;
  readonly #outbound = new FrameScanner((frame) => {
    if (frame.opcode === opcodes.close) this.#browserSaidClose = true;
  });
  #browserSaidClose = false;
  #endedBy: EndedBy | undefined;
  /** What the client hears last, once a frame may stand there. */
  #farewell: Buffer | undefined;
  #isLeaving = false;
  /** The browser's side broke off; what to tell the client is being found out. */
  #isBereft = false;
  #deadlineMs = Infinity;
  /** When the client last took something, or had nothing to take. */
  #waitingSinceMs: number;
  #takenSoFar: string | undefined;
  #openSockets = 2;

  constructor({ client, upstream, guard = new ClientGuard(), traffic, whyGone, onEnded, clock }: RelayOptions) {
    this.#guard = guard;
    this.#client = client;
    this.#upstream = upstream;
    this.#traffic = traffic;
    this.#whyGone = whyGone;
    this.#onEnded = onEnded;
    this.#clock = clock;
    this.#waitingSinceMs = clock.monotonic();
    client.onBytes = (buffer, length) => this.#fromClient(buffer, length);
    upstream.onBytes = (buffer, length) => this.#fromUpstream(buffer, length);
    client.socket.on('drain', () => upstream.socket.resume());
    upstream.socket.on('drain', () => client.socket.resume());
    client.socket.once('end', () => this.#clientGone());
    client.socket.once('close', () => this.#closed(client));
    upstream.socket.once('end', () => this.#upstreamGone());
    upstream.socket.once('close', () => this.#closed(upstream));
  }

  /** Begins to read. `early` is what came in one packet with the handshakes. */
  start(early: { readonly fromClient: Buffer; readonly fromUpstream: Buffer }): void {
    if (early.fromClient.length > 0) this.#fromClient(early.fromClient, early.fromClient.length);
    this.#client.socket.resume();
    if (early.fromUpstream.length === 0) {
      this.#upstream.socket.resume();
      return;
    }
    this.#clock.schedule(afterSwitchMs, () => {
      this.#fromUpstream(early.fromUpstream, early.fromUpstream.length);
      this.#upstream.socket.resume();
    });
  }

  /** Ends it from our side, at the next place where a close frame may stand. The first ending counts. */
  end({ code, reason }: Ending, lastWords?: Buffer): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    this.#endedBy ??= `${code}`;
    this.#deadlineMs = this.#clock.monotonic() + farewellMs;
    this.#leaveUpstream();
    if (this.#browserSaidClose) {
      this.#client.socket.end();
      return;
    }
    const close = encodeCloseFrame(code, reason);
    this.#farewell = lastWords ? Buffer.concat([lastWords, close]) : close;
    if (this.#outbound.atBoundary) this.#sayFarewell();
  }

  /** To be called about once a second: ends a client that reads nothing, and what has outstayed its farewell. */
  sweep(): void {
    const now = this.#clock.monotonic();
    if (now >= this.#deadlineMs) this.#destroy('lost');
    else if (this.#isStalled(now)) this.#destroy('stalled');
  }

  #fromClient(buffer: Buffer, length: number): boolean {
    if (this.#isLeaving || this.#isBereft) return true;
    this.#traffic.fromClient += length;
    const guard = this.#guard;
    const cleared = guard.take(buffer, length);
    if (cleared > 0) {
      for (const bytes of guard.released) this.#upstream.socket.write(bytes);
      this.#upstream.writeFrom(this.#client, buffer.subarray(0, cleared));
    }
    if (guard.verdict) this.#obey(guard.verdict);
    return !this.#upstream.isFull;
  }

  #obey(verdict: NonNullable<ClientGuard['verdict']>): void {
    if (verdict.kind === 'refused') this.end(verdict.ending);
    else this.end(endings.detached, encodeTextFrame(answerBrowserClose(verdict.call)));
  }

  #fromUpstream(buffer: Buffer, length: number): boolean {
    const end = this.#farewell ? this.#endOfFrame(buffer, length) : length;
    if (this.#isLeaving && !this.#farewell) return true;
    this.#traffic.toClient += end;
    if (!this.#farewell) this.#outbound.feed(buffer, length);
    this.#client.writeFrom(this.#upstream, buffer.subarray(0, end));
    if (this.#farewell && this.#outbound.atBoundary) this.#sayFarewell();
    return !this.#client.isFull;
  }

  /** Where the frame that has begun ends in `buffer[0..length)`. */
  #endOfFrame(buffer: Buffer, length: number): number {
    let at = 0;
    while (at < length && !this.#outbound.atBoundary) at = this.#outbound.advance(buffer, at, length);
    return at;
  }

  #sayFarewell(): void {
    const { socket } = this.#client;
    if (this.#farewell && socket.writable) socket.end(this.#farewell);
    this.#farewell = undefined;
  }

  #leaveUpstream(): void {
    const { socket } = this.#upstream;
    if (!socket.writable) return;
    if (this.#guard.passedWholeFrames) socket.end(detachFrame);
    else socket.end();
  }

  #clientGone(): void {
    this.#endedBy ??= this.#guard.saidClose ? 'client' : 'lost';
    this.#upstream.socket.end();
    this.#deadlineMs = Math.min(this.#deadlineMs, this.#clock.monotonic() + farewellMs);
  }

  #upstreamGone(): void {
    if (this.#farewell) this.#destroy('1011');
    if (this.#isLeaving || this.#isBereft) return;
    if (this.#browserSaidClose) {
      this.#endedBy ??= this.#guard.saidClose ? 'client' : 'browser';
      this.#client.socket.end();
      this.#deadlineMs = Math.min(this.#deadlineMs, this.#clock.monotonic() + farewellMs);
      return;
    }
    this.#isBereft = true;
    if (this.#guard.saidClose) this.#endBereft(endings.detached);
    else void this.#whyGone().then((ending) => this.#endBereft(ending));
  }

  #endBereft(ending: Ending): void {
    this.end(ending);
    // The frame that has begun will never end.
    if (this.#farewell) this.#destroy('1011');
  }

  #closed(which: SocketEnd): void {
    if (which === this.#upstream) this.#upstreamGone();
    else this.#clientGone();
    this.#openSockets -= 1;
    if (this.#openSockets === 0) this.#onEnded(this.#endedBy ?? 'lost');
  }

  #isStalled(now: number): boolean {
    const { takenSoFar } = this.#client;
    if (takenSoFar === undefined || takenSoFar !== this.#takenSoFar) this.#waitingSinceMs = now;
    this.#takenSoFar = takenSoFar;
    return now - this.#waitingSinceMs >= stallMs;
  }

  #destroy(by: EndedBy): void {
    this.#endedBy ??= by;
    this.#client.socket.resetAndDestroy();
    this.#upstream.socket.destroy();
  }
}

/** A close frame as a client sends it: masked, with a key of zeros. */
const detachFrame = ((): Buffer => {
  const frame = encodeCloseFrame(endings.detached.code);
  return Buffer.concat([Buffer.from([frame[0] ?? 0, (frame[1] ?? 0) | 0x80, 0, 0, 0, 0]), frame.subarray(2)]);
})();
