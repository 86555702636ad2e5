import { Agent, request } from 'node:https';

/** Where an API server is and who asks. */
export interface ApiAccess {
  /** E.g. https://127.0.0.1:6443 */
  readonly server: string;
  /** Certificates to trust, PEM. */
  readonly ca: string;
  readonly token: string;
}

export interface ApiAnswer {
  readonly status: number;
  /** Parsed where it is JSON, else the text. */
  readonly body: unknown;
}

export interface ApiCall {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its query. */
  readonly path: string;
  readonly body?: unknown;
  /** Of the body. Default: application/json. */
  readonly contentType?: string;
  /** Milliseconds until it is given up. Default: 10 s. */
  readonly timeoutMs?: number;
}

function parseBody(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** One call to an API server, for what happens once: starting, stopping, tests. Rejects only when there is no answer. */
export function callApi({ server, ca, token }: ApiAccess, call: ApiCall): Promise<ApiAnswer> {
  const { method = 'GET', path, body, contentType = 'application/json', timeoutMs = 10_000 } = call;
  const agent = new Agent({ ca, keepAlive: false });
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': contentType }) };
    const signal = AbortSignal.timeout(timeoutMs);
    const sent = request(new URL(path, server), { method, agent, headers, signal }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, body: parseBody(Buffer.concat(chunks).toString('utf8')) }),
      );
    });
    sent.once('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
