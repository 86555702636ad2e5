import type { BindRequest } from '../../api/agent/wire.ts';
import type { BrowserSessionSpec } from '../../api/v1alpha1/browser-session.ts';
import { placeOf } from './locations.ts';

/**
 * What a sandbox is told of a session with the capability stealth; nothing without. Time zone and language are those of the place that
 * the session's traffic comes from, where that is known; else they stay the sandbox's own.
 */
export function stealthOf({
  capabilities,
  proxy,
}: Pick<BrowserSessionSpec, 'capabilities' | 'proxy'>): Pick<BindRequest, 'stealth'> {
  if (!capabilities.includes('stealth')) return {};
  return { stealth: { ...(proxy?.location !== undefined && placeOf(proxy.location)) } };
}
