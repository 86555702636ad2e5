import { paths, ports, upstreamProblems } from '../../api/agent/contract.ts';
import type { BindRequest, TrafficTotals, UpstreamReport } from '../../api/agent/wire.ts';
import { request } from '../../lib/http.ts';
import { forgedTicket, rehearsalRounds } from './rehearse.ts';
import { Refusal } from './refusal.ts';

/** The proxy beside the browser, as far as the agent has to do with it. */
export interface Egress {
  /** Hands it the session's upstream. Throws `capability_failed`. */
  choose(proxy: NonNullable<BindRequest['proxy']>): Promise<void>;
  /** Nothing of what it does not answer in time. */
  report(): Promise<EgressReport>;
  /** Hands it something that it is sure to refuse. The first order that two processes pass on takes milliseconds longer than the second. */
  rehearse(): Promise<void>;
}

export interface EgressReport {
  readonly upstream?: UpstreamReport;
  readonly traffic?: TrafficTotals;
}

/** It is on the same machine, and has nothing else to do. */
const chooseTimeoutMs = 5_000;
const reportTimeoutMs = 300;

interface Exchange {
  readonly host: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly timeoutMs: number;
}

function ask({ body, timeoutMs, ...exchange }: Exchange): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const asking = request({
    ...exchange,
    port: ports.proxyHealth,
    agent: false,
    signal: AbortSignal.timeout(timeoutMs),
  });
  asking.once('error', reject).once('response', (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    response.once('error', reject).once('end', () => resolve({ status: response.statusCode ?? 0, text }));
  });
  asking.end(body);
  return promise;
}

interface ProxyReport {
  readonly bytes: { readonly sent: number; readonly received: number };
  readonly upstream?: { readonly state: UpstreamReport['state']; readonly problem?: string };
}

function toReport({ bytes, upstream }: ProxyReport): EgressReport {
  const problem = upstreamProblems.find((known) => known === upstream?.problem);
  return {
    traffic: { bytesIn: bytes.received, bytesOut: bytes.sent },
    ...(upstream && { upstream: { state: upstream.state, ...(problem && { problem }) } }),
  };
}

/** Calls to the proxy of the same pod. */
export function createEgress(podIp: string): Egress {
  const order = async ({ order: body, ticket }: NonNullable<BindRequest['proxy']>): Promise<number> => {
    const headers = { authorization: `Bearer ${ticket}`, 'content-type': 'application/json' };
    const call = { host: podIp, method: 'POST', path: paths.upstream, headers, body } as const;
    const { status } = await ask({ ...call, timeoutMs: chooseTimeoutMs }).catch(() => ({ status: 0 }));
    return status;
  };
  return {
    choose: async (proxy) => {
      const status = await order(proxy);
      // Not with what it said: what it was told holds a password.
      if (status !== 200)
        throw new Refusal(
          'capability_failed',
          `The proxy of the sandbox did not take the session's upstream (${status}).`,
        );
    },
    rehearse: async () => {
      for (let round = 0; round < rehearsalRounds; round += 1) await order({ order: '{}', ticket: forgedTicket });
    },
    report: async () => {
      try {
        const call = { host: podIp, method: 'GET', path: paths.traffic } as const;
        const { text } = await ask({ ...call, timeoutMs: reportTimeoutMs });
        return toReport(JSON.parse(text) as ProxyReport);
      } catch {
        return {};
      }
    },
  };
}
