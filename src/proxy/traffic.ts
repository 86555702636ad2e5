import type { Socket } from 'node:net';
import type { UpstreamReport } from '../api/agent/wire.ts';
import type { EgressCode } from './egress-error.ts';

/** What went through the proxy since it started. */
export interface TrafficReport {
  /** Connections to hosts outside. */
  readonly connections: { readonly opened: number; readonly open: number };
  /** Payload of those connections as TCP carries it; `sent` is from the sandbox to the outside. */
  readonly bytes: { readonly sent: number; readonly received: number };
  /** Requests that were refused or failed, by code; only codes that occurred. */
  readonly problems: Readonly<Partial<Record<EgressCode, number>>>;
  /** Of the session's upstream; absent: it has none. */
  readonly upstream?: UpstreamReport;
}

/** Counts connections, bytes and problems. */
export interface Traffic {
  /** From now until it closes `socket` counts. */
  add(socket: Socket): void;
  addProblem(code: EgressCode): void;
  report(): TrafficReport;
}

export function createTraffic(): Traffic {
  const open = new Set<Socket>();
  const problems = new Map<EgressCode, number>();
  let opened = 0;
  const closed = { sent: 0, received: 0 };
  return {
    add: (socket) => {
      opened += 1;
      open.add(socket);
      socket.once('close', () => {
        open.delete(socket);
        closed.sent += socket.bytesWritten;
        closed.received += socket.bytesRead;
      });
    },
    addProblem: (code) => void problems.set(code, (problems.get(code) ?? 0) + 1),
    report: () => {
      const live = [...open];
      return {
        connections: { opened, open: live.length },
        bytes: {
          sent: live.reduce((sum, socket) => sum + socket.bytesWritten, closed.sent),
          received: live.reduce((sum, socket) => sum + socket.bytesRead, closed.received),
        },
        problems: Object.fromEntries(problems),
      };
    },
  };
}
