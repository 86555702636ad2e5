import type { Container, HTTPGetAction, Probe } from 'kubernetes-types/core/v1.js';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { request as httpRequest } from '../lib/http.ts';

/** One look at a container: true for success. Never rejects. */
export type ProbeLooker = (timeoutMs: number) => Promise<boolean>;

function portNumber(port: number | string, container: Container): number {
  if (typeof port === 'number') return port;
  const named = container.ports?.find((p) => p.name === port)?.containerPort ?? Number(port);
  if (!Number.isInteger(named)) throw new Error(`container ${container.name} has no port named ${port}`);
  return named;
}

function lookByTcp(host: string, port: number): ProbeLooker {
  return (timeoutMs) =>
    new Promise((resolve) => {
      const socket = connect({ host, port, timeout: timeoutMs });
      const done = (ok: boolean) => (): void => {
        socket.destroy();
        resolve(ok);
      };
      socket.once('connect', done(true)).once('timeout', done(false)).once('error', done(false));
    });
}

function toHeaders({ httpHeaders }: HTTPGetAction): Record<string, string> {
  const named = Object.fromEntries((httpHeaders ?? []).map((h) => [h.name, h.value]));
  return { 'User-Agent': 'kube-probe/porthole', Accept: '*/*', Connection: 'close', ...named };
}

/** Any status from 200 to 399 is a success; redirects are not followed; certificates are not checked (kubelet's rules). */
function lookByHttp(action: HTTPGetAction, host: string, port: number): ProbeLooker {
  const send = action.scheme === 'HTTPS' ? httpsRequest : httpRequest;
  const options = { host, port, path: action.path ?? '/', headers: toHeaders(action), agent: false as const };
  return (timeoutMs) =>
    new Promise((resolve) => {
      const signal = AbortSignal.timeout(timeoutMs);
      const request = send({ ...options, signal, ...(action.scheme === 'HTTPS' ? { rejectUnauthorized: false } : {}) });
      request.once('response', (response) => {
        const status = response.statusCode ?? 0;
        response.destroy();
        resolve(status >= 200 && status < 400);
      });
      request.on('error', () => resolve(false));
      request.end();
    });
}

/** How to look at a container by its probe. Throws for what a local node cannot do: exec and gRPC, and unknown port names. */
export function createProbeLooker(probe: Probe, container: Container, podIp: string): ProbeLooker {
  const { httpGet, tcpSocket } = probe;
  if (httpGet) return lookByHttp(httpGet, httpGet.host ?? podIp, portNumber(httpGet.port, container));
  if (tcpSocket) return lookByTcp(tcpSocket.host ?? podIp, portNumber(tcpSocket.port, container));
  throw new Error(`container ${container.name}: a local node has httpGet and tcpSocket probes only`);
}
