import { describe, expect, it } from 'vitest';
import { EgressError } from './egress-error.ts';
import { createLog, createProblemLog } from './log.ts';

const collect = (isVerbose: boolean) => {
  const lines: string[] = [];
  const tell = createProblemLog(
    createLog(
      (line) => lines.push(line),
      () => 7,
    ),
    isVerbose,
  );
  return { lines, tell };
};
const target = { host: '127.0.0.1', port: 8080 };

describe('createProblemLog', () => {
  it('writes a refusal as one line of JSON', () => {
    const { lines, tell } = collect(false);
    tell(new EgressError('porthole_port'), target);
    expect(lines).toEqual([
      '{"level":30,"time":7,"name":"proxy","code":"porthole_port","host":"127.0.0.1","port":8080,"msg":"a request was refused"}\n',
    ]);
  });
  it('tells the same refusal once and another one too', () => {
    const { lines, tell } = collect(false);
    for (let i = 0; i < 5; i += 1) tell(new EgressError('porthole_port'), target);
    tell(new EgressError('porthole_port'), { ...target, port: 8081 });
    expect(lines).toHaveLength(2);
  });
  it('stops at 200 kinds of refusal', () => {
    const { lines, tell } = collect(false);
    for (let port = 1; port <= 1000; port += 1) tell(new EgressError('porthole_port'), { ...target, port });
    expect(lines).toHaveLength(200);
  });
  it('tells failures of hosts, each time and with the cause, only when it is verbose', () => {
    const quiet = collect(false);
    const verbose = collect(true);
    for (const { tell } of [quiet, verbose]) {
      tell(new EgressError('unreachable', { cause: new Error('connect ECONNREFUSED') }), target);
      tell(new EgressError('dns_failure'), undefined);
    }
    expect(quiet.lines).toEqual([]);
    expect(verbose.lines.map((line) => (JSON.parse(line) as { cause: string }).cause)).toEqual([
      'connect ECONNREFUSED',
      'The name could not be resolved.',
    ]);
  });
});
