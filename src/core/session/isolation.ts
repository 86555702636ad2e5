import { findWeakness as compare, isolations, leastStrength } from '../../api/agent/requirements.ts';
import type { AgentStatus } from '../../api/agent/wire.ts';
import type { BrowserPoolSpec } from '../../api/v1alpha1/browser-pool.ts';
import type { ConditionUpdate } from '../conditions.ts';

/** As the agent observed it, with Chromium's own sandbox, which is the wall in front of that one. */
export function isolationCondition({ isolation, browser }: AgentStatus): ConditionUpdate {
  const { strength, is } = isolations[isolation];
  return {
    type: 'Isolated',
    status: strength >= leastStrength.SeparateKernel ? 'True' : 'False',
    reason: isolation,
    message: `The browser ${is}. Chromium's own sandbox is ${browser.sandboxed ? 'on' : 'off'}.`,
  };
}

/** In which way a sandbox is weaker than its pool demands, as a sentence; undefined: it is not. */
export function findWeakness(
  { requirements }: BrowserPoolSpec['template'],
  { isolation, browser }: Pick<AgentStatus, 'isolation' | 'browser'>,
): string | undefined {
  return compare(requirements, { isolation, sandboxed: browser.sandboxed });
}
