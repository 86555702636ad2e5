import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { AgentStatus } from '../api/agent/wire.ts';
import { systemClock } from '../lib/clock.ts';
import { createTicketKeyPair } from '../lib/ticket.ts';
import { createAgentClient } from './agent-client.ts';
import type { AgentClient, SandboxRef } from './port.ts';
import { createTicketIssuer } from './ticket-issuer.ts';

const sandbox: SandboxRef = {
  podUid: 'pod',
  podIp: '127.0.0.1',
  sessionUid: '6f1c2f0e-8f0b-4e0e-9a53-0d9d3a1f2b3c',
};
const status: AgentStatus = {
  phase: 'bound',
  sessionUid: sandbox.sessionUid,
  browser: { alive: true, product: 'Chrome/1', sandboxed: true, display: 'headless', bootMs: 1 },
  isolation: 'LocalProcess',
  activity: { attachedClients: 0, idleForMs: 0 },
};

const stack: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of stack.splice(0).reverse()) await close();
});

async function serve(listener: RequestListener, port = 0): Promise<{ server: Server; port: number }> {
  const server = createServer(listener);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  stack.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { server, port: (server.address() as AddressInfo).port };
}

function clientFor(port: number): AgentClient {
  const tickets = createTicketIssuer({ key: createTicketKeyPair().privateKey, clock: systemClock });
  const client = createAgentClient({ tickets, clock: systemClock, port });
  stack.push(() => Promise.resolve(client[Symbol.asyncDispose]()));
  return client;
}

const soon = (ms = 5_000): AbortSignal => AbortSignal.timeout(ms);
const answer =
  (code: number, body: unknown): RequestListener =>
  (_, response) =>
    void response.writeHead(code).end(typeof body === 'string' ? body : JSON.stringify(body));

describe('calls to an agent', () => {
  it('use the connection that a greeting opened', async () => {
    const sockets = new Set<unknown>();
    const { port } = await serve((request, response) => {
      sockets.add(request.socket);
      response.end(JSON.stringify(status));
    });
    const client = clientFor(port);
    await client.greet(sandbox, soon());
    // As with any two calls: the connection is free a turn after its answer.
    await new Promise((resolve) => setImmediate(resolve));
    await client.bind(sandbox, { idlePolicy: 'attached' }, soon());
    expect(sockets.size).toBe(1);
  });

  it('survive a greeting that nobody answers', async () => {
    await clientFor(1).greet(sandbox, soon());
  });

  it('show a ticket and keep their connection', async () => {
    const requests: IncomingMessage[] = [];
    const { port } = await serve((request, response) => {
      requests.push(request);
      response.end(JSON.stringify(status));
    });
    const client = clientFor(port);
    expect(await client.bind(sandbox, { idlePolicy: 'attached' }, soon())).toEqual(status);
    await new Promise((resolve) => setTimeout(resolve, 20)); // a connection is idle a moment after its answer
    expect(await client.status(sandbox, soon())).toEqual(status);
    expect(requests.map(({ method, url }) => `${method ?? ''} ${url ?? ''}`)).toEqual([
      'POST /v1/bind',
      'GET /v1/status',
    ]);
    expect(requests[0]?.headers.authorization).toMatch(/^Bearer [\w-]+\.[\w-]+$/);
    expect(requests[0]?.socket.remotePort).toBe(requests[1]?.socket.remotePort);
  });

  it.each([
    [409, { code: 'spent', message: 'm' }, 'spent'],
    [409, { code: 'not_bound', message: 'm' }, 'spent'],
    [401, { code: 'unauthorized', message: 'm' }, 'spent'],
    [503, { code: 'not_ready', message: 'm' }, 'not_ready'],
    [503, { code: 'browser_gone', message: 'm' }, 'not_ready'],
    [500, 'oops', 'spent'],
    [200, 'no JSON', 'spent'],
    [200, { ...status, phase: 'other' }, 'spent'],
    [200, { ...status, activity: { attachedClients: -1, idleForMs: 0 } }, 'spent'],
    [200, 'x'.repeat(9 * 1024 * 1024), 'unreachable'],
  ])('that are answered %i %j fail', async (code, body, expected) => {
    const { port } = await serve(answer(code, body));
    await expect(clientFor(port).status(sandbox, soon())).rejects.toMatchObject({
      name: 'SandboxError',
      code: expected,
    });
  });

  it('end at the caller’s limit', async () => {
    const { port } = await serve(() => undefined);
    await expect(clientFor(port).pages(sandbox, soon(50))).rejects.toMatchObject({ code: 'unreachable' });
  });
});

describe('a bind', () => {
  it('waits for an agent that does not listen yet', async () => {
    const { server, port } = await serve(() => undefined);
    await new Promise((resolve) => server.close(resolve));
    const bound = clientFor(port).bind(sandbox, { idlePolicy: 'attached' }, soon());
    await new Promise((resolve) => setTimeout(resolve, 100));
    await serve(answer(200, status), port);
    expect(await bound).toEqual(status);
  });

  it('gives up at the caller’s limit', async () => {
    const { server, port } = await serve(() => undefined);
    await new Promise((resolve) => server.close(resolve));
    const bound = clientFor(port).bind(sandbox, { idlePolicy: 'attached' }, soon(60));
    await expect(bound).rejects.toMatchObject({ code: 'unreachable' });
  });

  it('is sent again when a connection is lost, once', async () => {
    let calls = 0;
    const { port } = await serve((request, response) => {
      calls += 1;
      if (calls === 1) request.socket.destroy();
      else response.end(JSON.stringify(status));
    });
    expect(await clientFor(port).bind(sandbox, { idlePolicy: 'attached' }, soon())).toEqual(status);
    const { port: dying } = await serve((request) => request.socket.destroy());
    const bound = clientFor(dying).bind(sandbox, { idlePolicy: 'attached' }, soon());
    await expect(bound).rejects.toMatchObject({ code: 'unreachable' });
  });
});
