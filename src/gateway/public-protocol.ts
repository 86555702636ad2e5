import type { BrowserSession } from '../api/v1alpha1/browser-session.ts';
import { paths, ports } from '../api/agent/contract.ts';
import { readText, requestAgent } from './agent-request.ts';
import type { GatewayOptions } from './options.ts';
import { stageOf, type Resolve, type Sandbox } from './resolve.ts';

export type PublicProtocolOptions = Pick<GatewayOptions, 'sessions' | 'tickets' | 'agentPort' | 'clock'> & {
  readonly resolve: Resolve;
};

/** Sandboxes get a newer Chromium now and then. */
const keptMs = 600_000;

/**
 * The description of the DevTools protocol, as `/json/protocol` gives it. chrome-remote-interface, given a cdpUrl, asks for it
 * at the root and without the token. It is Chromium's own and the same for everybody, so whoever asks gets it: from any sandbox that is ready,
 * which is asked once in ten minutes. Undefined while there is none.
 */
export function createPublicProtocol(options: PublicProtocolOptions): () => Promise<string | undefined> {
  let kept: { readonly body: Promise<string | undefined>; readonly untilMs: number } | undefined;
  return async () => {
    const nowMs = options.clock.monotonic();
    if (!kept || kept.untilMs <= nowMs) kept = { body: fetchProtocol(options), untilMs: nowMs + keptMs };
    const { body } = kept;
    const text = await body.catch(() => undefined);
    if (text === undefined && kept.body === body) kept = undefined;
    return text;
  };
}

async function fetchProtocol({
  sessions,
  resolve,
  tickets,
  agentPort = ports.agent,
  clock,
}: PublicProtocolOptions): Promise<string | undefined> {
  const session = sessions.list().find((s) => stageOf(s) === 'ready');
  const found = session && (await resolve(session.metadata.uid));
  if (!session || found?.kind !== 'ready') return undefined;
  const answer = await requestAgent({
    to: { host: found.sandbox.podIp, port: agentPort },
    method: 'GET',
    path: `${paths.cdp}/json/protocol`,
    ticket: ticketFor(tickets, found.sandbox, session),
    clock,
    signal: AbortSignal.timeout(answerLimitMs),
  });
  return answer.statusCode === 200 ? readText(answer) : undefined;
}

const answerLimitMs = 15_000;

function ticketFor(tickets: GatewayOptions['tickets'], { podUid }: Sandbox, { metadata }: BrowserSession): string {
  return tickets.ticketFor({ podUid, sessionUid: metadata.uid, purpose: 'cdp' });
}
