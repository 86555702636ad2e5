import { z } from 'zod';
import type { ApiAnswer, ApiCall } from './api-request.ts';

const answerShape = z.object({ status: z.object({ token: z.string() }) });

export interface TokenOptions {
  readonly namespace: string;
  /** Of the ServiceAccount. */
  readonly name: string;
  /** The server may shorten it. */
  readonly expirationSeconds: number;
}

/** A token of a ServiceAccount: https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/ */
export async function mintToken(
  call: (call: ApiCall) => Promise<ApiAnswer>,
  { namespace, name, expirationSeconds }: TokenOptions,
): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
  const spec = { expirationSeconds };
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec };
  const answer = await call({ method: 'POST', path, body });
  const parsed = answerShape.safeParse(answer.body);
  if (answer.status !== 201 || !parsed.success) {
    throw new Error(`No token for ServiceAccount ${namespace}/${name}: ${JSON.stringify(answer.body)}`);
  }
  return parsed.data.status.token;
}
