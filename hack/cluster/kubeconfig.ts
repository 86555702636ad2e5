import { z } from 'zod';
import type { ApiAccess } from './api-request.ts';

/** A cluster as a kubeconfig has it: `server` and how to trust it. */
export type ClusterEntry = Readonly<Record<string, unknown>>;

export interface Identity {
  readonly user: string;
  readonly token: string;
  /** Of the context: what kubectl takes when none is named. */
  readonly namespace?: string;
}

/** A kubeconfig with one context, as JSON (which is YAML): https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/ */
export function formatKubeconfigFor(cluster: ClusterEntry, { token, user, namespace }: Identity): string {
  const name = 'porthole';
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    contexts: [{ name, context: { cluster: name, user, ...(namespace !== undefined && { namespace }) } }],
    clusters: [{ name, cluster }],
    users: [{ name: user, user: { token } }],
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}

/** The same for an API server that is known by its address and the certificates to trust. */
export function formatKubeconfig({ server, ca, ...identity }: ApiAccess & Identity): string {
  return formatKubeconfigFor({ server, 'certificate-authority-data': Buffer.from(ca).toString('base64') }, identity);
}

const contextsShape = z.looseObject({
  contexts: z.array(z.looseObject({ context: z.looseObject({}) })),
});

/** A kubeconfig (JSON) whose contexts all have this namespace. */
export function withNamespace(text: string, namespace: string): string {
  const config = contextsShape.parse(JSON.parse(text));
  const contexts = config.contexts.map((entry) => ({ ...entry, context: { ...entry.context, namespace } }));
  return `${JSON.stringify({ ...config, contexts }, undefined, 2)}\n`;
}
