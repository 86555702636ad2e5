import type { Socket } from 'node:net';
import type { AgentProblem } from '../../api/agent/wire.ts';

/** Why the agent does not do what it was asked. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: AgentProblem['code'];
  constructor(code: AgentProblem['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** HTTP status of each code. */
export const statusOf: Readonly<Record<AgentProblem['code'], number>> = {
  bad_request: 400,
  unauthorized: 401,
  not_found: 404,
  spent: 409,
  not_bound: 409,
  not_ready: 503,
  browser_gone: 503,
  capability_failed: 503,
  recording_runs: 409,
  no_recording: 404,
};

export function toProblem({ code, message }: Refusal): AgentProblem {
  return { code, message };
}

/** Answers an upgrade with why there is none. */
export function refuseUpgrade(socket: Socket, refusal: Refusal): void {
  const body = JSON.stringify(toProblem(refusal));
  socket.end(
    `HTTP/1.1 ${statusOf[refusal.code]} ${refusal.code}\r\nConnection: close\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
