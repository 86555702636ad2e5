import { paths } from '../../api/agent/contract.ts';
import { Agent, request } from '../../lib/http.ts';

/** Enough for V8 to have compiled what lies on the way. */
export const rehearsalRounds = 3;

/** Of the right shape and length, so that it is refused only after its signature was looked at. */
export const forgedTicket = `${Buffer.from('{}').toString('base64url')}.${Buffer.alloc(64).toString('base64url')}`;

/** Where the agent's server listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

function askOnce(address: Address, agent: Agent): Promise<void> {
  return new Promise((resolve) => {
    const headers = { authorization: `Bearer ${forgedTicket}`, 'content-type': 'application/json' };
    const asking = request({ ...address, agent, method: 'POST', path: paths.bind, headers }, (response) => {
      response.resume().once('close', resolve);
    });
    // It is a rehearsal: whoever really calls will hear what is wrong.
    asking.once('error', () => resolve()).end('{}');
  });
}

/**
 * Calls the server through its own door, to be refused. The first request of a process takes milliseconds longer than the
 * second (code that is compiled, cryptography that is set up), and an agent's first is the one that somebody waits for.
 */
export async function rehearse(address: Address): Promise<void> {
  const agent = new Agent({ keepAlive: true });
  for (let round = 0; round < rehearsalRounds; round++) await askOnce(address, agent);
  agent.destroy();
}
