import { createSessionRequest, type CreateSessionRequest } from '../../api/rest/session.ts';
import type { ProblemDetail } from '../../api/rest/problem.ts';
import type { BrowserAccount } from '../../api/v1alpha1/browser-account.ts';
import { timeoutBoundsMs, type BrowserSessionSpec } from '../../api/v1alpha1/browser-session.ts';
import type { ProxyProvider } from '../../api/v1alpha1/proxy-provider.ts';
import type { Informer } from '../../kube/controller/port.ts';
import { invalid, validate } from '../http/validate.ts';
import { parseProxyOrder, proxySpecOf, type ProxyOrder } from './proxy.ts';

/** A request that is valid and can be honoured. */
export interface SessionOrder extends ProxyOrder {
  readonly idleTimeoutMs: number;
  /** Ids, each once. */
  readonly extensions: readonly string[];
  readonly capabilities: BrowserSessionSpec['capabilities'];
}

/** Ended sessions stay this long for `kubectl get`; REST does not show them. */
const ttlSecondsAfterEnded = 300;

/** What an account may not have is refused, never left out: whoever asks for stealth must not browse without it. */
function forbidden(request: CreateSessionRequest, { spec }: BrowserAccount): ProblemDetail[] {
  const allowed = spec.limits.capabilities ?? request.capabilities;
  const message = `this account may use ${allowed.join(', ') || 'no capabilities'}`;
  return request.capabilities.flatMap((name, i) =>
    allowed.includes(name) ? [] : [{ path: `capabilities.${i}`, message }],
  );
}

/** What a request may refer to. */
export interface KnownObjects {
  readonly providers: Pick<Informer<ProxyProvider>, 'list'>;
}

/** Checks the body of `POST /browser/sessions`; throws invalid_request. */
export function parseSessionOrder(body: unknown, account: BrowserAccount, known: KnownObjects): SessionOrder {
  const request = validate(createSessionRequest, body === undefined ? {} : body);
  const capMs = account.spec.limits.maxIdleTimeoutMs;
  const idleTimeoutMs = request.timeout ?? Math.min(timeoutBoundsMs.defaultIdle, capMs);
  if (idleTimeoutMs > capMs)
    throw invalid([{ path: 'timeout', message: `must be at most ${capMs}, the cap of this account` }]);
  const refused = forbidden(request, account);
  if (refused.length > 0) throw invalid(refused);
  return {
    ...parseProxyOrder(request, known.providers.list()),
    idleTimeoutMs,
    extensions: [...new Set(request.extensions)],
    capabilities: [...new Set(request.capabilities)],
  };
}

export function buildSessionSpec(name: string, order: SessionOrder, account: BrowserAccount): BrowserSessionSpec {
  const pool = account.spec.limits.pools?.[0];
  return {
    accountRef: { name: account.metadata.name },
    ...(pool === undefined ? {} : { poolRef: { name: pool } }),
    capabilities: order.capabilities,
    extensions: [...order.extensions],
    ...proxySpecOf(name, order),
    idleTimeoutMs: order.idleTimeoutMs,
    onQuotaExceeded: 'Reject',
    ttlSecondsAfterEnded,
  };
}
