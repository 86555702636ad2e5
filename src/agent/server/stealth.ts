import type { BindRequest } from '../../api/agent/wire.ts';
import type { UsableBrowser } from '../chromium/browser.ts';
import { assumePersona } from '../chromium/persona.ts';
import { buildUserAgent } from '../chromium/user-agent.ts';
import { Refusal } from './refusal.ts';

export interface StealthOptions {
  readonly browser: Pick<UsableBrowser, 'control' | 'product'>;
  readonly display: 'headful' | 'headless';
  readonly wish: NonNullable<BindRequest['stealth']>;
}

/**
 * What a browser with a window needs nothing of: it looks ordinary from its start, unless it is to be at another place. Throws
 * `capability_failed` when the browser will not.
 */
export async function applyStealth({ browser, display, wish }: StealthOptions): Promise<void> {
  const [, version = ''] = browser.product.split('/');
  const userAgent = display === 'headless' ? { userAgent: buildUserAgent(version, process.arch) } : {};
  try {
    await assumePersona(browser.control, { ...userAgent, ...wish });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Refusal('capability_failed', `The capability stealth cannot be had: the browser refuses it (${why}).`, {
      cause,
    });
  }
}
