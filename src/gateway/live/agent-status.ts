import { z } from 'zod';
import { paths, ports } from '../../api/agent/contract.ts';
import { readText, requestAgent } from '../agent-request.ts';
import type { GatewayOptions } from '../options.ts';
import type { Sandbox } from '../resolve.ts';

export type AgentQuestion = Pick<GatewayOptions, 'tickets' | 'agentPort' | 'clock'>;

/** What of an agent's status a live view needs. It runs beside hostile pages, so it is believed no further than this. */
const screenStatus = z.object({
  browser: z.object({ display: z.enum(['headful', 'headless']) }),
  viewers: z.int().min(0).max(100_000).default(0),
});
export type ScreenStatus = z.infer<typeof screenStatus>;

/** Rejects when the sandbox does not answer as an agent does. */
export async function askStatus(
  { tickets, agentPort = ports.agent, clock }: AgentQuestion,
  { podIp, podUid, sessionUid, signal }: Sandbox & { readonly sessionUid: string; readonly signal: AbortSignal },
): Promise<ScreenStatus> {
  const ticket = tickets.ticketFor({ podUid, sessionUid, purpose: 'control' });
  const to = { host: podIp, port: agentPort };
  const answer = await requestAgent({ to, method: 'GET', path: paths.status, ticket, clock, signal });
  const text = await readText(answer);
  if (answer.statusCode !== 200) throw new Error(`the agent answered ${answer.statusCode ?? 0}`);
  return screenStatus.parse(JSON.parse(text));
}
