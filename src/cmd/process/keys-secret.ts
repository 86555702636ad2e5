import { secrets } from '../../kube/builtins.ts';
import { isStoreError } from '../../kube/store-error.ts';
import type { Store } from '../../kube/store.ts';
import { sleep, type Clock } from '../../lib/clock.ts';
import type { Secret } from '../../lib/kubernetes.ts';
import type { Logger } from '../../lib/logger.ts';
import type { NewObject } from '../../lib/object-meta.ts';
import { ProcessFailure } from '../exit-codes.ts';
import { makeKeyTexts, parseKeys, type Keys } from '../keys.ts';

/** The Secret of the system namespace that operator, facade and gateway share; Roles name it. */
export const keysSecretName = 'porthole-keys';
const entries = { tokenKey: 'token.key', ticketKey: 'ticket.key' } as const;

export interface KeysOptions {
  readonly store: Pick<Store, 'get' | 'create'>;
  readonly namespace: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends the wait: the promise rejects with its reason. */
  readonly signal: AbortSignal;
}

const lookEveryMs = 1_000;
const tellEveryMs = 10_000;

function fromBase64(text: string | undefined): string {
  return Buffer.from(text ?? '', 'base64').toString();
}

function readSecret({ data, metadata }: Secret): Keys {
  const text = (key: keyof typeof entries): string => fromBase64(data?.[entries[key]]);
  try {
    return parseKeys({ tokenKey: text('tokenKey'), ticketKey: text('ticketKey') });
  } catch (cause) {
    const where = `The Secret ${metadata.namespace}/${metadata.name}`;
    const advice = 'Delete it and the operator makes a new one; URLs handed out before then end.';
    throw new ProcessFailure('badKeys', `${where} holds no keys that Porthole has made. ${advice}`, { cause });
  }
}

function buildSecret(namespace: string): NewObject<Secret> {
  const texts = makeKeyTexts();
  const data = Object.fromEntries(
    (Object.keys(entries) as (keyof typeof entries)[]).map((key) => [
      entries[key],
      Buffer.from(texts[key]).toString('base64'),
    ]),
  );
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'Opaque',
    immutable: true,
    metadata: { name: keysSecretName, namespace },
    data,
  };
}

/** What fails for a while is asked again; `undefined` means not yet. */
async function untilHad<T>(look: () => Promise<T | undefined>, options: KeysOptions, wait: string): Promise<T> {
  const { clock, logger, signal } = options;
  let toldMs = -Infinity;
  for (;;) {
    signal.throwIfAborted();
    const had = await look().catch((error: unknown) => {
      if (!isStoreError(error)) throw error;
      return undefined;
    });
    if (had !== undefined) return had;
    if (clock.monotonic() - toldMs >= tellEveryMs) {
      toldMs = clock.monotonic();
      logger.info(wait);
    }
    await sleep(clock, lookEveryMs, signal);
  }
}

const keyOf = ({ namespace }: KeysOptions): { namespace: string; name: string } => ({
  namespace,
  name: keysSecretName,
});

/** For those who only read them: resolves once the operator has made them. */
export async function awaitKeys(options: KeysOptions): Promise<Keys> {
  const { store, namespace } = options;
  const wait = `Waiting for the Secret ${namespace}/${keysSecretName}, which the operator makes.`;
  return readSecret(await untilHad(() => store.get(secrets, keyOf(options)), options, wait));
}

/** For the operator: makes them when there are none. Of several that try, one succeeds and all read the same. */
export async function ensureKeys(options: KeysOptions): Promise<Keys> {
  const { store, namespace } = options;
  const look = async (): Promise<Secret | undefined> =>
    (await store.get(secrets, keyOf(options))) ?? (await store.create(secrets, buildSecret(namespace)));
  const wait = `Waiting for the API server to take the Secret ${namespace}/${keysSecretName}.`;
  return readSecret(await untilHad(look, options, wait));
}
