import type { Clock } from '../lib/clock.ts';
import { acceptFor } from '../lib/websocket-frames.ts';
import { parseResponseHead, toUpstreamHead, type ResponseHead, type UpstreamRequest } from './handshake.ts';
import { connectEnd, type Destination, type SocketEnd } from './socket-end.ts';

export interface DialOptions extends UpstreamRequest {
  readonly to: Destination;
  readonly clock: Clock;
  /** Aborting closes the connection and answers `unreachable`. */
  readonly signal: AbortSignal;
}

export type Dialled =
  | {
      readonly kind: 'open';
      readonly end: SocketEnd;
      readonly protocol: string | undefined;
      /** What came in one packet with the response head. */
      readonly early: Buffer;
    }
  | { readonly kind: 'refused'; readonly status: number }
  | { readonly kind: 'unreachable'; readonly why: string };

/** From connecting to the end of the response head. The sandbox is up, so this is long. */
const dialMs = 5_000;
const largestHead = 16_384;
/** CDP answers are large now and then (screenshots, bodies), calls are small. */
const readBufferSize = 65_536;
const endOfHead = Buffer.from('\r\n\r\n');

/** Opens a WebSocket to an agent by hand, up to and without the first frame. Never throws. */
export function dial(options: DialOptions): Promise<Dialled> {
  const { to, clock, signal } = options;
  return new Promise((resolve) => {
    const end = connectEnd(to, readBufferSize);
    const { socket } = end;
    const timer = clock.schedule(dialMs, () => answer({ kind: 'unreachable', why: 'it did not answer in time' }));
    const onAbort = (): void => answer({ kind: 'unreachable', why: 'it is not wanted any more' });
    const onError = (error: Error): void => answer({ kind: 'unreachable', why: error.message });
    const onClose = (): void => answer({ kind: 'unreachable', why: 'it closed the connection' });
    const answer = (dialled: Dialled): void => {
      timer[Symbol.dispose]();
      signal.removeEventListener('abort', onAbort);
      socket.off('error', onError).off('close', onClose).off('end', onClose);
      if (dialled.kind !== 'open') socket.destroy();
      resolve(dialled);
    };
    let head = Buffer.alloc(0);
    end.onBytes = (buffer, length) => {
      head = Buffer.concat([head, buffer.subarray(0, length)]);
      const at = head.indexOf(endOfHead);
      if (at < 0 && head.length <= largestHead) return true;
      const parsed = at < 0 ? undefined : parseResponseHead(head.toString('latin1', 0, at));
      answer(judge(parsed, options, { end, early: head.subarray(at + endOfHead.length) }));
      return false;
    };
    socket.on('error', onError).on('close', onClose).on('end', onClose);
    signal.addEventListener('abort', onAbort);
    socket.write(toUpstreamHead(options));
    if (signal.aborted) onAbort();
  });
}

function judge(
  head: ResponseHead | undefined,
  { handshake }: DialOptions,
  opened: { readonly end: SocketEnd; readonly early: Buffer },
): Dialled {
  if (!head) return { kind: 'unreachable', why: 'its answer is no HTTP' };
  if (head.status !== 101) return { kind: 'refused', status: head.status };
  if (head.headers.get('sec-websocket-accept') !== acceptFor(handshake.key))
    return { kind: 'unreachable', why: 'its handshake is wrong' };
  return { kind: 'open', ...opened, protocol: head.headers.get('sec-websocket-protocol') };
}
