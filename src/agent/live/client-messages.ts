/**
 * What a viewer says to the X server, taken apart far enough to know where each message ends and whether it may pass.
 * https://www.rfc-editor.org/rfc/rfc6143 and, for the extensions, https://github.com/rfbproto/rfbproto/blob/master/rfbproto.rst
 */

/** A viewer said what no viewer of ours says: nothing after it can be understood, so its connection ends. */
export class RfbError extends Error {
  override readonly name = 'RfbError';
}

export interface FilterOptions {
  /** Whether keys, pointer and clipboard reach the session. */
  readonly isReadOnly: boolean;
}

export interface Passed {
  /** What goes on to the X server; empty for nothing. */
  readonly bytes: Buffer;
  /** Whether somebody typed, moved the pointer or pasted. */
  readonly hadInput: boolean;
}

/** Follows one viewer. Throws {@link RfbError}; it is of no use after that. */
export interface ClientFilter {
  take(chunk: Uint8Array): Passed;
}

const version = 'RFB 003.008\n';
const securityNone = 1;
const shared = 1;

const types = {
  setPixelFormat: 0,
  setEncodings: 2,
  updateRequest: 3,
  key: 4,
  pointer: 5,
  cutText: 6,
  continuousUpdates: 150,
  fence: 248,
  xvp: 250,
  setDesktopSize: 251,
  qemu: 255,
} as const;

/** More than any server here takes, or any viewer lists. */
const longestCutText = 1024 * 1024;
const mostEncodings = 256;
const longestFence = 64;

const extendedClipboard = 0xc0a1e5ce | 0;
/** https://github.com/rfbproto/rfbproto/blob/master/rfbproto.rst#extended-clipboard-pseudo-encoding */
const clipboard = { text: 1, caps: 1 << 24, notify: 1 << 27 } as const;

/**
 * What a viewer may agree on with the server. All else is taken out of its list, above all what would change the length of a
 * message: extended mouse buttons (-316), gii (-305).
 */
function isKnownEncoding(encoding: number): boolean {
  return known.has(encoding) || ranges.some(([from, to]) => encoding >= from && encoding <= to);
}
const known: ReadonlySet<number> = new Set([
  ...[0, 1, 2, 5, 6, 7, 16, 21, 50, -260], // pixels: Raw … TightPNG
  ...[-223, -224, -239, -240, -261, -307, -308, -312, -313, -314, 0x574d5664], // sizes, cursors, LEDs, name, fence
  ...[-258, extendedClipboard],
]);
/** Levels of quality and compression, for JPEG and zlib. */
const ranges = [
  [-32, -23],
  [-256, -247],
  [-512, -412],
  [-768, -763],
] as const;

type Fate = 'passes' | 'input' | 'dropped' | 'encodings';

interface Message {
  /** Bytes from which the length of the whole can be told. */
  readonly head: number;
  /** Bytes behind the head; undefined: this cannot be. */
  readonly body?: (head: Buffer) => number | undefined;
  readonly fate: Fate;
}

const within = (length: number, most: number): number | undefined => (length <= most ? length : undefined);

const messages: Readonly<Record<number, Message>> = {
  [types.setPixelFormat]: { head: 20, fate: 'passes' },
  [types.setEncodings]: { head: 4, body: (head) => encodingsLength(head), fate: 'encodings' },
  [types.updateRequest]: { head: 10, fate: 'passes' },
  [types.key]: { head: 8, fate: 'input' },
  [types.pointer]: { head: 6, fate: 'input' },
  // Negative: the extended form, whose first four bytes say what it is about.
  [types.cutText]: { head: 8, body: (head) => within(Math.abs(head.readInt32BE(4)), longestCutText), fate: 'input' },
  [types.continuousUpdates]: { head: 10, fate: 'passes' },
  [types.fence]: { head: 9, body: (head) => within(head.readUInt8(8), longestFence), fate: 'passes' },
  [types.xvp]: { head: 4, fate: 'dropped' },
  [types.setDesktopSize]: { head: 8, body: (head) => 16 * head.readUInt8(6), fate: 'dropped' },
  // Of QEMU's only the key by its place on the keyboard; its others have other lengths.
  [types.qemu]: { head: 12, body: (head) => (head.readUInt8(1) === 0 ? 0 : undefined), fate: 'input' },
};

function encodingsLength(head: Buffer): number | undefined {
  const length = within(head.readUInt16BE(2), mostEncodings);
  return length === undefined ? undefined : 4 * length;
}

function encodeEncodings(encodings: readonly number[]): Buffer {
  const message = Buffer.alloc(4 + 4 * encodings.length);
  message.writeUInt8(types.setEncodings, 0);
  message.writeUInt16BE(encodings.length, 2);
  for (const [index, encoding] of encodings.entries()) message.writeInt32BE(encoding, 4 + 4 * index);
  return message;
}

/**
 * Tells the server that this viewer wants to hear that there is something in the clipboard, never what: it holds what nobody shows,
 * passwords among it, and a viewer who may only look on sees what is shown.
 */
const onlyNotify = ((): Buffer => {
  const message = Buffer.alloc(16);
  message.writeUInt8(types.cutText, 0);
  message.writeInt32BE(-8, 4);
  message.writeUInt32BE(clipboard.text | clipboard.caps | clipboard.notify, 8);
  return message;
})();

function rewriteEncodings(message: Buffer, isReadOnly: boolean): Buffer {
  const asked: number[] = [];
  for (let at = 4; at < message.length; at += 4) asked.push(message.readInt32BE(at));
  const wanted = asked.filter((encoding) => isKnownEncoding(encoding));
  if (!isReadOnly) return encodeEncodings(wanted);
  return Buffer.concat([encodeEncodings([...new Set([...wanted, extendedClipboard])]), onlyNotify]);
}

/** A key, a pointer, or a new text in the viewer's clipboard: not what a viewer answers to the server by itself. */
function isByHand(message: Buffer): boolean {
  if (message[0] !== types.cutText || message.readInt32BE(4) >= 0) return true;
  return message.length >= 12 && (message.readInt32BE(8) & clipboard.notify) !== 0;
}

type Stage = 'version' | 'security' | 'init' | 'head' | 'whole';

/** version → security → init → (head → whole)* */
class Filter implements ClientFilter {
  readonly #isReadOnly: boolean;
  #stage: Stage = 'version';
  /** Of the part that is being read. */
  #have: Buffer[] = [];
  #haveLength = 0;
  #need = version.length;
  #fate: Fate = 'dropped';
  #out: Buffer[] = [];
  #hadInput = false;

  constructor({ isReadOnly }: FilterOptions) {
    this.#isReadOnly = isReadOnly;
  }

  take(chunk: Uint8Array): Passed {
    this.#out = [];
    this.#hadInput = false;
    for (let at = 0; at < chunk.length;) {
      const part = Buffer.from(chunk.subarray(at, at + this.#need - this.#haveLength));
      this.#have.push(part);
      this.#haveLength += part.length;
      at += part.length;
      while (this.#haveLength >= this.#need && this.#advance());
    }
    return { bytes: Buffer.concat(this.#out), hadInput: this.#hadInput };
  }

  /** What was needed is there. False: more is needed now. */
  #advance(): boolean {
    const bytes = Buffer.concat(this.#have);
    switch (this.#stage) {
      case 'version':
        if (bytes.toString('latin1') !== version) throw new RfbError('only version 3.8 of RFB is spoken here');
        return this.#pass(bytes, 'security');
      case 'security':
        if (bytes[0] !== securityNone) throw new RfbError('the only security type here is None');
        return this.#pass(bytes, 'init');
      case 'init':
        // Nobody sends the others away.
        return this.#pass(Buffer.concat([Buffer.from([shared]), ...this.#firstWords()]), 'head');
      case 'head':
        return this.#measure(bytes);
      case 'whole':
        this.#judge(bytes);
        return this.#begin('head');
    }
  }

  #firstWords(): Buffer[] {
    return this.#isReadOnly ? [encodeEncodings([extendedClipboard]), onlyNotify] : [];
  }

  #pass(bytes: Buffer, next: Stage): boolean {
    this.#out.push(bytes);
    return this.#begin(next);
  }

  #begin(stage: Stage): boolean {
    this.#stage = stage;
    this.#have = [];
    this.#haveLength = 0;
    this.#need = 1;
    return false;
  }

  #measure(bytes: Buffer): boolean {
    const type = bytes[0] ?? 0;
    const message = messages[type];
    if (!message) throw new RfbError(`messages of type ${type} are not known here`);
    if (bytes.length < message.head) {
      this.#need = message.head;
      return false;
    }
    const body = message.body ? message.body(bytes) : 0;
    if (body === undefined) throw new RfbError(`a message of type ${type} is not as it may be`);
    this.#fate = message.fate;
    this.#need = message.head + body;
    this.#stage = 'whole';
    return true;
  }

  #judge(message: Buffer): void {
    switch (this.#fate) {
      case 'dropped':
        return;
      case 'passes':
        this.#out.push(message);
        return;
      case 'encodings':
        this.#out.push(rewriteEncodings(message, this.#isReadOnly));
        return;
      case 'input':
        if (this.#isReadOnly) return;
        this.#out.push(message);
        this.#hadInput ||= isByHand(message);
    }
  }
}

export function createClientFilter(options: FilterOptions): ClientFilter {
  return new Filter(options);
}
