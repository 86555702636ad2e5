import { expect } from 'vitest';

/** The REST contract as a caller sees it, written down a second time on purpose: these tests do not believe the sources. */
export interface Session {
  readonly id: string;
  readonly status: string;
  readonly cdpUrl: string;
  readonly liveViewUrl: string;
  readonly capabilities: readonly string[];
  readonly extensions: readonly string[];
  readonly createdAt: number;
  readonly expiresAt: number;
}

export interface Page {
  readonly pageId: string;
  readonly url: string;
  readonly title: string;
  readonly active: boolean;
}

export interface SessionWithPages extends Session {
  readonly pages: readonly Page[];
}

export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly requestId: string;
  readonly details?: readonly { readonly path: string; readonly message: string }[];
  readonly limit?: number;
  readonly current?: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed body; throws when it is no JSON. */
  json(): unknown;
  /** The body as a session, unchecked. */
  session(): Session;
  /** The `error` of an error body. */
  problem(): Problem;
}

export interface CallOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Sent as it is, with the content type of `headers`; else `body` goes as JSON. */
  readonly rawBody?: string;
}

export interface ApiClient {
  readonly apiKey: string;
  call(method: string, path: string, body?: unknown, options?: CallOptions): Promise<Answer>;
  /** POST /browser/sessions, which is expected to answer 201. */
  create(body?: object): Promise<Session>;
  /** GET /browser/sessions/{id}, which is expected to answer 200. */
  read(id: string): Promise<SessionWithPages>;
  /** Sessions of the list. */
  list(): Promise<readonly Session[]>;
  /** DELETE, which is expected to answer 204. */
  end(id: string): Promise<void>;
  /** The status code of GET /browser/sessions/{id}. */
  statusOf(id: string): Promise<number>;
}

function toAnswer(response: Response, text: string): Answer {
  const json = (): unknown => JSON.parse(text);
  return {
    status: response.status,
    headers: response.headers,
    text,
    json,
    session: () => json() as Session,
    problem: () => (json() as { error: Problem }).error,
  };
}

function bodyOf(body: unknown, { rawBody }: CallOptions): { body?: string; headers: Record<string, string> } {
  if (rawBody !== undefined) return { body: rawBody, headers: {} };
  if (body === undefined) return { headers: {} };
  return { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
}

const sessions = '/api/v1/browser/sessions';

/** A caller with a key, or with none when it is empty. */
export function createApiClient(apiUrl: string, apiKey: string): ApiClient {
  const call: ApiClient['call'] = async (method, path, body, options = {}) => {
    const content = bodyOf(body, options);
    const authorization = apiKey ? { authorization: `Bearer ${apiKey}` } : {};
    const response = await fetch(new URL(path, apiUrl), {
      method,
      ...(content.body === undefined ? {} : { body: content.body }),
      headers: { ...content.headers, ...authorization, ...options.headers },
      ...(options.signal ? { signal: options.signal } : {}),
    });
    return toAnswer(response, await response.text());
  };
  const expectAnswer = async (status: number, ...request: Parameters<ApiClient['call']>): Promise<Answer> => {
    const answer = await call(...request);
    expect(answer.status, answer.text).toBe(status);
    return answer;
  };
  return {
    apiKey,
    call,
    create: async (body) => (await expectAnswer(201, 'POST', sessions, body)).session(),
    read: async (id) => (await expectAnswer(200, 'GET', `${sessions}/${id}`)).json() as SessionWithPages,
    list: async () => ((await expectAnswer(200, 'GET', sessions)).json() as { sessions: readonly Session[] }).sessions,
    end: async (id) => {
      await expectAnswer(204, 'DELETE', `${sessions}/${id}`);
    },
    statusOf: async (id) => (await call('GET', `${sessions}/${id}`)).status,
  };
}
