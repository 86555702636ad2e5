import type { CreateSessionRequest } from '../../api/rest/session.ts';
import type { BrowserSession, BrowserSessionSpec } from '../../api/v1alpha1/browser-session.ts';
import { annotations, labels } from '../../api/v1alpha1/group.ts';
import type { ProxyProvider } from '../../api/v1alpha1/proxy-provider.ts';
import { ownedBy } from '../../core/pods/claim.ts';
import { commonLabels } from '../../core/pods/names.ts';
import { chooseProxy } from '../../core/proxy/choose.ts';
import { redactProxyUrl } from '../../core/proxy/redact.ts';
import { secrets } from '../../kube/builtins.ts';
import { isStoreError } from '../../kube/store-error.ts';
import type { Store } from '../../kube/store.ts';
import type { Secret } from '../../lib/kubernetes.ts';
import type { NewObject } from '../../lib/object-meta.ts';
import { invalid } from '../http/validate.ts';

/** The proxy that a request asks for. */
export interface ProxyOrder {
  /** As it came, password and all: it goes into a Secret, and into the answer to whoever sent it. */
  readonly proxyUrl?: string;
  readonly proxy?: NonNullable<BrowserSessionSpec['proxy']>;
}

const keyOfUrl = 'proxyUrl';

/** Throws invalid_request for a location or a provider that nobody has configured, with those that somebody has. */
export function parseProxyOrder(
  { proxyUrl, proxy }: Pick<CreateSessionRequest, 'proxyUrl' | 'proxy'>,
  providers: readonly ProxyProvider[],
): ProxyOrder {
  if (proxyUrl !== undefined) return { proxyUrl };
  if (!proxy) return {};
  const choice = chooseProxy(providers, proxy);
  if (choice.kind === 'unknown') throw invalid([{ path: `proxy.${choice.field}`, message: choice.message }]);
  const { provider, location } = choice;
  return { proxy: { provider: provider.metadata.name, location, sticky: proxy.sticky ?? false } };
}

/** What of it stands in the session: no password. */
export function proxySpecOf(
  name: string,
  { proxyUrl, proxy }: ProxyOrder,
): Pick<BrowserSessionSpec, 'proxy' | 'proxyUrlSecretRef'> {
  return {
    ...(proxy && { proxy }),
    ...(proxyUrl !== undefined && { proxyUrlSecretRef: { name: secretNameOf(name), key: keyOfUrl } }),
  };
}

/** So that a GET can show it. */
export function proxyAnnotationsOf({ proxyUrl }: ProxyOrder): Readonly<Record<string, string>> {
  return proxyUrl === undefined ? {} : { [annotations.proxyUrl]: redactProxyUrl(proxyUrl) };
}

export interface ProxyFacts {
  /** Without its password. */
  readonly proxyUrl?: string;
  readonly proxy?: { readonly provider?: string; readonly location?: string; readonly sticky: boolean };
}

/** What an answer says of a session's proxy. */
export function proxyFactsOf({ metadata, spec }: BrowserSession): ProxyFacts {
  const proxyUrl = metadata.annotations?.[annotations.proxyUrl];
  const { provider, location, sticky = false } = spec.proxy ?? {};
  const names = { ...(provider !== undefined && { provider }), ...(location !== undefined && { location }) };
  return { ...(proxyUrl !== undefined && { proxyUrl }), ...(spec.proxy && { proxy: { ...names, sticky } }) };
}

const secretNameOf = (session: string): string => `${session}-proxy`;

function buildProxySecret(session: BrowserSession, proxyUrl: string): NewObject<Secret> {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: secretNameOf(session.metadata.name),
      namespace: session.metadata.namespace,
      labels: {
        [commonLabels.name]: 'porthole',
        [commonLabels.component]: 'proxy-url',
        [commonLabels.managedBy]: 'porthole-facade',
        [labels.sessionUid]: session.metadata.uid,
      },
      ownerReferences: [ownedBy(session)],
    },
    type: 'Opaque',
    immutable: true,
    data: { [keyOfUrl]: Buffer.from(proxyUrl).toString('base64') },
  };
}

/** The one write more that a session with a URL of its own costs. The operator waits for it. */
export async function keepProxyUrl(store: Store, session: BrowserSession, proxyUrl: string): Promise<void> {
  try {
    await store.create(secrets, buildProxySecret(session, proxyUrl));
  } catch (error) {
    // The same request again, under the same key.
    if (!isStoreError(error, 'AlreadyExists')) throw error;
  }
}
