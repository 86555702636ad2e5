import type { Dial } from './dial.ts';
import { createHttpConnection, type Answer } from './http-connection.ts';

export interface Created {
  /** POST sent → first byte of the 201, in milliseconds. */
  readonly ms: number;
  readonly id: string;
  readonly cdpUrl: string;
  readonly liveViewUrl: string;
}

/** Somebody with an API key, and connections to the REST API that are open already. */
export interface Caller extends Disposable {
  /** POST /browser/sessions, without a body unless something is wished for. Throws on anything but 201. */
  create(wish?: object): Promise<Created>;
  /** The status with which such a POST is answered, whatever it is. */
  tryCreate(apiKey?: string): Promise<number>;
  end(id: string): Promise<void>;
}

export interface CallerOptions {
  readonly apiUrl: string;
  readonly apiKey: string;
  /** Connections: how many calls there can be at once. */
  readonly parallel: number;
  /** Default: from this process' own network. */
  readonly dial?: Dial | undefined;
}

const sessions = '/api/v1/browser/sessions';

export function createCaller({ apiUrl, apiKey, parallel, dial }: CallerOptions): Caller {
  const connections = Array.from({ length: parallel }, () => createHttpConnection(apiUrl, dial));
  const idle = [...connections];
  const call = async (
    method: 'POST' | 'DELETE',
    target: string,
    how: { key?: string | undefined; body?: string } = {},
  ): Promise<Answer> => {
    const connection = idle.pop();
    if (!connection) throw new Error(`there are more than ${parallel} calls at once`);
    try {
      return await connection.call(method, target, how.key ?? apiKey, how.body);
    } finally {
      idle.push(connection);
    }
  };
  return {
    create: async (wish) => {
      const { status, body, ms } = await call('POST', sessions, wish && { body: JSON.stringify(wish) });
      if (status !== 201) throw new Error(`a session was answered ${status}: ${body}`);
      const { id, cdpUrl, liveViewUrl } = JSON.parse(body) as Created;
      return { ms, id, cdpUrl, liveViewUrl };
    },
    tryCreate: async (key) => (await call('POST', sessions, { key })).status,
    end: async (id) => {
      const { status, body } = await call('DELETE', `${sessions}/${id}`);
      if (status !== 204) throw new Error(`the end of a session was answered ${status}: ${body}`);
    },
    [Symbol.dispose]: () => {
      for (const connection of connections) connection[Symbol.dispose]();
    },
  };
}
