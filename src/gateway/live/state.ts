import type { GatewayOptions } from '../options.ts';
import type { Resolve } from '../resolve.ts';
import { askStatus, type AgentQuestion } from './agent-status.ts';
import { whyOver } from './why-over.ts';

/** What the live view's page asks before it connects, and after it has lost its connection. */
export type LiveState =
  | { readonly state: 'ready'; readonly display: boolean; readonly readOnly: boolean }
  | { readonly state: 'starting' | 'unreachable' }
  | { readonly state: 'over'; readonly why: string };

export type LiveStateOptions = AgentQuestion &
  Pick<GatewayOptions, 'sessions'> & {
    readonly resolve: Resolve;
  };

export interface StateQuestion {
  readonly sessionUid: string;
  readonly isReadOnly: boolean;
  readonly signal: AbortSignal;
}

/** Never rejects: a sandbox that does not answer is a state too. */
export async function readLiveState(
  options: LiveStateOptions,
  { sessionUid, isReadOnly, signal }: StateQuestion,
): Promise<LiveState> {
  const known = options.sessions.byUid(sessionUid);
  const found = await options.resolve(sessionUid);
  if (found.kind === 'starting') return { state: 'starting' };
  if (found.kind === 'none') return { state: 'over', why: whyOver(options.sessions.byUid(sessionUid) ?? known) };
  try {
    const { browser } = await askStatus(options, { ...found.sandbox, sessionUid, signal });
    return { state: 'ready', display: browser.display === 'headful', readOnly: isReadOnly };
  } catch {
    return { state: 'unreachable' };
  }
}
