/** How the gateway ends a WebSocket: https://www.iana.org/assignments/websocket/websocket.xhtml#close-code-number */
export interface Ending {
  readonly code: number;
  readonly reason: string;
  /** Instead of the reason, for people who look at a live view. At most 123 bytes. */
  readonly sentence?: string;
}

export const endings = {
  detached: { code: 1000, reason: 'detached' },
  sessionOver: { code: 1001, reason: 'the session is over' },
  protocolError: { code: 1002, reason: 'not a valid WebSocket frame' },
  text: { code: 1003, reason: 'RFB messages are binary' },
  binary: { code: 1003, reason: 'CDP messages are text' },
  revoked: { code: 1008, reason: 'access was revoked' },
  tooBig: { code: 1009, reason: 'messages may have 100 MB' },
  tooBigToShow: { code: 1009, reason: 'messages may have 2 MiB' },
  browserGone: { code: 1011, reason: 'the browser is gone' },
  restarting: { code: 1012, reason: 'the gateway restarts: connect again' },
} as const satisfies Record<string, Ending>;

/**
 * Largest message that Chromium takes, in bytes: its receive buffer is 100 MiB and holds the longest frame header too. It
 * drops the connection without a word at one byte more.
 */
export const largestMessage = 100 * 1024 * 1024 - 14;
