import type { BrowserAccount } from '../api/v1alpha1/browser-account.ts';
import type { BrowserSession } from '../api/v1alpha1/browser-session.ts';
import type { Clock } from '../lib/clock.ts';
import { hasKey } from './access.ts';
import { endings, type Ending } from './close-codes.ts';
import { whyOver } from './live/why-over.ts';
import type { GatewayOptions } from './options.ts';
import { stageOf } from './resolve.ts';

/** A client's WebSocket, from the moment it is let in. */
export interface Connection {
  readonly sessionUid: string;
  /** `<namespace>/<name>`. */
  readonly account: string;
  readonly keyHash: string | undefined;
  end(ending: Ending): void;
  sweep(): void;
}

/** All WebSockets of this gateway, by session. */
export class Connections {
  readonly #bySession = new Map<string, Set<Connection>>();
  #onEmpty: (() => void) | undefined;

  get size(): number {
    let size = 0;
    for (const of of this.#bySession.values()) size += of.size;
    return size;
  }

  countOf(sessionUid: string): number {
    return this.#bySession.get(sessionUid)?.size ?? 0;
  }

  add(connection: Connection): void {
    const of = this.#bySession.get(connection.sessionUid);
    if (of) of.add(connection);
    else this.#bySession.set(connection.sessionUid, new Set([connection]));
  }

  remove(connection: Connection): void {
    const of = this.#bySession.get(connection.sessionUid);
    of?.delete(connection);
    if (of?.size === 0) this.#bySession.delete(connection.sessionUid);
    if (this.#bySession.size === 0) this.#onEmpty?.();
  }

  endSession(sessionUid: string, ending: Ending): void {
    for (const connection of [...(this.#bySession.get(sessionUid) ?? [])]) connection.end(ending);
  }

  endWhere(is: (connection: Connection) => boolean, ending: Ending): void {
    for (const connection of this.#all()) if (is(connection)) connection.end(ending);
  }

  sweep(): void {
    for (const connection of this.#all()) connection.sweep();
  }

  /** Resolves when the last one has left, or after `ms`. */
  async untilEmpty(clock: Clock, ms: number): Promise<void> {
    if (this.#bySession.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = clock.schedule(ms, resolve);
      this.#onEmpty = () => {
        timer[Symbol.dispose]();
        resolve();
      };
    });
    this.#onEmpty = undefined;
  }

  #all(): Connection[] {
    return [...this.#bySession.values()].flatMap((of) => [...of]);
  }
}

type Watched = Pick<GatewayOptions, 'sessions' | 'accounts'>;

/** Ends connections whose session is over or whose right was taken away, as soon as the informers see it. */
export function endWithTheirSession(connections: Connections, { sessions, accounts }: Watched): Disposable {
  const stack = new DisposableStack();
  stack.use(
    sessions.onChange(({ type, object }) => {
      if (type === 'deleted' || isOver(object)) connections.endSession(object.metadata.uid, overBy(object));
    }),
  );
  stack.use(
    accounts.onChange((change) => {
      if (change.type === 'added') return;
      const name = `${change.object.metadata.namespace}/${change.object.metadata.name}`;
      const isGone = change.type === 'deleted' || change.object.metadata.deletionTimestamp !== undefined;
      connections.endWhere((c) => c.account === name && (isGone || isRevoked(c, change.object)), endings.revoked);
    }),
  );
  return stack;
}

/** How the end of this session is told to its clients. */
export function overBy(session: BrowserSession | undefined): Ending {
  return { ...endings.sessionOver, sentence: whyOver(session) };
}

function isOver(session: BrowserSession): boolean {
  return stageOf(session) !== 'ready';
}

function isRevoked({ keyHash }: Connection, account: BrowserAccount): boolean {
  return keyHash !== undefined && !hasKey(account, keyHash);
}

export const sweepMs = 1_000;

/** One look a second at all of them: no timers per socket. */
export function startSweep(connections: Connections, clock: Clock): Disposable {
  let timer = clock.schedule(sweepMs, sweep);
  function sweep(): void {
    connections.sweep();
    timer = clock.schedule(sweepMs, sweep);
  }
  return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
}
