/** Who asked the browser to end. */
export interface BrowserCloseCall {
  readonly id: number;
  /** Of the attached session within the browser, in CDP's flat mode. */
  readonly sessionId?: string;
}

/**
 * Whether this CDP message is the call `Browser.close`, which Puppeteer's `browser.close()` sends and which would end the browser
 * for everybody. A message without an integer id is none: Chromium answers it with an error.
 */
export function parseBrowserClose(message: string): BrowserCloseCall | undefined {
  let call: unknown;
  try {
    call = JSON.parse(message);
  } catch {
    return undefined;
  }
  const { id, method, sessionId } = (call ?? {}) as Readonly<Record<string, unknown>>;
  if (method !== 'Browser.close' || typeof id !== 'number' || !Number.isInteger(id)) return undefined;
  return typeof sessionId === 'string' ? { id, sessionId } : { id };
}

/** What Chromium would have answered. */
export function answerBrowserClose({ id, sessionId }: BrowserCloseCall): string {
  return JSON.stringify({ id, result: {}, ...(sessionId !== undefined && { sessionId }) });
}

const dot = 0x2e;
const backslash = 0x5c;
const lowerR = 0x72;
const lowerU = 0x75;

/**
 * Whether it is worth parsing the UTF-8 text in `bytes[0..length)`: it has the dot of `Browser.` (or of `Debugger.`, …), or an
 * escape that could hide it. Says no to nearly everything, in one pass.
 */
export function mayBeBrowserClose(bytes: Uint8Array, length: number): boolean {
  for (let index = 1; index < length; index++) {
    const byte = bytes[index];
    if (byte === dot && bytes[index - 1] === lowerR) return true;
    if (byte === lowerU && bytes[index - 1] === backslash) return true;
  }
  return false;
}
