import { decideSession } from '../../core/session/decide.ts';
import { lookAgain, settled, type Outcome } from '../../kube/controller/outcome.ts';
import type { ObjectKey } from '../../lib/object-meta.ts';
import { applySession, type ApplyDeps } from './apply.ts';
import { gatherSession } from './gather.ts';

/** gather → decide → apply for one session. */
export async function reconcileSession(deps: ApplyDeps, key: ObjectKey): Promise<Outcome> {
  const cached = deps.world.sessions.get(key);
  if (!cached || cached.metadata.deletionTimestamp) return settled;
  const input = gatherSession(deps, deps.writes.newest(cached), deps.clock.now());
  const { action, next } = decideSession(input);
  const again = action ? await applySession(deps, input, action) : false;
  if (again) return lookAgain(0, `${action?.type ?? 'action'} done`);
  return next ? lookAgain(next.afterMs, next.because) : settled;
}
