import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Porthole } from './porthole.ts';

/** Calls to the REST API that nobody times. */
export interface Api {
  /** Resolves with the body, if there is one. Throws on any status but success; paths are below /api/v1/browser/. */
  call(method: string, target: string, body?: object): Promise<unknown>;
}

export async function openApi({ dataDir, apiKey }: Pick<Porthole, 'dataDir' | 'apiKey'>): Promise<Api> {
  const { apiUrl } = JSON.parse(await readFile(path.join(dataDir, 'instance.json'), 'utf8')) as { apiUrl: string };
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
  return {
    call: async (method, target, body) => {
      const init = { method, headers, ...(body && { body: JSON.stringify(body) }) };
      const answer = await fetch(new URL(`/api/v1/browser/${target}`, apiUrl), init);
      const text = await answer.text();
      if (!answer.ok) throw new Error(`${method} ${target} was answered ${answer.status}: ${text}`);
      return text === '' ? undefined : (JSON.parse(text) as unknown);
    },
  };
}
