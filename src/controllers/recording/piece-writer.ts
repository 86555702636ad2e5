import { pieceKey } from '../../api/recording/keys.ts';
import type { RecordingRef } from '../../api/recording/manifest.ts';
import type { BlobStore } from '../../blobs/blob-store.ts';
import { beginScan, scanChunk, type FragmentScan } from '../../core/recording/fragments.ts';
import type { Clock } from '../../lib/clock.ts';

/** What has come is stored after so long, or when it is so much: whatever dies, no more than that is lost. */
const flushAfterMs = 4_000;
const flushAtBytes = 4 * 1024 * 1024;
/** No fragment of a second is as large. What is, is none, and is not waited for. */
const largestFragment = 16 * 1024 * 1024;

export interface PieceWriterOptions {
  readonly blobs: BlobStore;
  readonly ref: RecordingRef;
  readonly clock: Clock;
  /** Byte of the recording that comes next: behind all that is stored. */
  readonly from: number;
}

/** Cuts a recording that comes in into pieces of whole fragments, and stores them. */
export class PieceWriter {
  readonly #options: PieceWriterOptions;
  #scan: FragmentScan;
  #chunks: Uint8Array[] = [];
  #storedTo: number;
  #sinceMs: number | undefined;

  constructor(options: PieceWriterOptions) {
    this.#options = options;
    this.#scan = beginScan(options.from);
    this.#storedTo = options.from;
  }

  /** Byte that comes next. */
  get receivedTo(): number {
    return this.#scan.at;
  }

  /** Takes what comes next, and stores what is due. After a failure what was taken is still to be stored: flush again. */
  async add(chunk: Uint8Array): Promise<void> {
    this.#chunks.push(chunk);
    this.#scan = scanChunk(this.#scan, chunk);
    this.#sinceMs ??= this.#options.clock.monotonic();
    if (this.#isDue()) await this.flush();
  }

  /** Stores all whole fragments that have come. */
  async flush(): Promise<void> {
    const { blobs, ref, clock } = this.#options;
    const waiting = this.#scan.at - this.#storedTo;
    const length = waiting > largestFragment ? waiting : this.#scan.wholeTo - this.#storedTo;
    if (length <= 0) return;
    const bytes = Buffer.concat(this.#chunks);
    await blobs.put(pieceKey(ref, this.#storedTo), bytes.subarray(0, length));
    this.#chunks = [bytes.subarray(length)];
    this.#storedTo += length;
    this.#sinceMs = clock.monotonic();
  }

  #isDue(): boolean {
    const sinceMs = this.#sinceMs ?? Infinity;
    const waiting = this.#scan.at - this.#storedTo;
    return this.#options.clock.monotonic() - sinceMs >= flushAfterMs || waiting >= flushAtBytes;
  }
}
