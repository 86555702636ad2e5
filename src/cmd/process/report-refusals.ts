import { isStoreError, type StoreError } from '../../kube/store-error.ts';
import type { Store } from '../../kube/store.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { ProcessFailure } from '../exit-codes.ts';

export interface RefusalOptions {
  /** For messages, e.g. `facade`. */
  readonly role: string;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly logger: Logger;
  /** Waiting is of no use any more. */
  readonly onFailure: (failure: ProcessFailure) => void;
}

/** An API server that was told of a kind or a Role a moment ago may not know it yet. */
export const refusalPatienceMs = 10_000;
const absenceReportMs = 10_000;

/** What a read or a create is about, for telling one refusal from another. */
type Asked = `${'get' | 'list' | 'create'} ${string}`;

/**
 * The store as it is, with an eye on what it refuses: informers, leases and keys are asked for again and again until they are there,
 * which is right when the API server is away and of no use when a kind or a Role is missing. So such a refusal, when it lasts, ends
 * the process with a sentence that says what is missing. It costs no request.
 */
export function reportRefusals(store: Store, options: RefusalOptions): Store {
  const { clock, logger, role, onFailure } = options;
  const refusedSince = new Map<Asked, number>();
  let absenceToldMs = -Infinity;

  const tellAbsence = (error: StoreError): void => {
    if (clock.monotonic() - absenceToldMs < absenceReportMs) return;
    absenceToldMs = clock.monotonic();
    logger.warn(`The API server does not answer (${error.message}): trying again.`);
  };
  const judge = (asked: Asked, error: unknown): void => {
    if (isStoreError(error, 'Unavailable')) tellAbsence(error);
    if (!isStoreError(error, 'Forbidden', 'NotFound')) return;
    const failure = toFailure(role, error);
    const sinceMs = refusedSince.get(asked);
    refusedSince.set(asked, sinceMs ?? clock.monotonic());
    if (sinceMs === undefined) logger.warn(failure.message);
    else if (clock.monotonic() - sinceMs >= refusalPatienceMs) onFailure(failure);
  };
  const watched = async <T>(asked: Asked, call: Promise<T>): Promise<T> => {
    try {
      const answer = await call;
      refusedSince.delete(asked);
      return answer;
    } catch (error) {
      judge(asked, error);
      throw error;
    }
  };

  return {
    get: (resource, key) => watched(`get ${resource.plural}`, store.get(resource, key)),
    list: (resource, wanted) => watched(`list ${resource.plural}`, store.list(resource, wanted)),
    create: (resource, object) => watched(`create ${resource.plural}`, store.create(resource, object)),
    update: (resource, object) => store.update(resource, object),
    patch: (...args) => store.patch(...args),
    patchStatus: (...args) => store.patchStatus(...args),
    apply: (...args) => store.apply(...args),
    delete: (...args) => store.delete(...args),
    watch: (...args) => store.watch(...args),
  };
}

function toFailure(role: string, error: StoreError): ProcessFailure {
  if (error.reason === 'NotFound') {
    const advice = 'Install what is missing: kubectl apply --server-side -f crds/, and the chart charts/porthole.';
    return new ProcessFailure('notInstalled', `The API server does not have it (${error.message}). ${advice}`);
  }
  const advice = `The Role porthole-${role}, its RoleBinding, or the credentials are missing; the chart charts/porthole has them.`;
  return new ProcessFailure('forbidden', `The API server refuses the ${role} (${error.message}). ${advice}`);
}
