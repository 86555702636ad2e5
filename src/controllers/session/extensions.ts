import type { BrowserExtension } from '../../api/v1alpha1/browser-extension.ts';
import type { BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import { BlobError } from '../../blobs/blob-error.ts';
import type { BlobStore } from '../../blobs/blob-store.ts';
import { extensionBlobKey } from '../../core/extension/blob-key.ts';
import { sleep, type Clock } from '../../lib/clock.ts';
import { SandboxError, type AgentClient, type BindWish, type SandboxRef, type Upload } from '../../sandbox/port.ts';
import type { World } from '../world.ts';

export interface ExtensionDeps {
  readonly world: Pick<World, 'extensions'>;
  readonly blobs: BlobStore;
  readonly agents: Pick<AgentClient, 'bringExtension'>;
  readonly clock: Clock;
}

export interface ExtensionOrder {
  readonly session: BrowserSession;
  readonly sandbox: SandboxRef;
  /** Milliseconds after which the sandbox is given up. */
  readonly deadlineMs: number;
}

/** Extension and session may be made in one breath, and the watches of the two kinds do not keep step. */
const patienceMs = 3_000;
const lookAgainMs = 50;
/** Brought at once to one sandbox; each is held in its memory while it is unpacked. */
const atOnce = 2;

const unavailable = (message: string): SandboxError => new SandboxError('capability', message);

/** Milliseconds that unpacking and loading them may take, on top of what a bind takes. */
export const extensionsTakeMs = ({ spec }: BrowserSession): number => spec.extensions.length * 1_500;

/** Brings the session's extensions to its sandbox, which loads them when it is bound; undefined for a session without any. */
export function extensionsFor(
  deps: ExtensionDeps,
  order: ExtensionOrder,
): ((signal: AbortSignal) => Promise<Partial<BindWish>>) | undefined {
  const names = [...new Set(order.session.spec.extensions)];
  if (names.length === 0) return undefined;
  return async (aborted) => {
    const found = await findAll(deps, { ...order, names }, aborted);
    const signal = AbortSignal.any([aborted, AbortSignal.timeout(order.deadlineMs)]);
    const queue = [...found];
    const bringNext = async (): Promise<void> => {
      for (let next = queue.shift(); next; next = queue.shift())
        await bring(deps, { ...order, extension: next }, signal);
    };
    await Promise.all(Array.from({ length: atOnce }, bringNext));
    return { extensions: found.map(({ spec }) => ({ name: spec.name, sha256: spec.sha256 })) };
  };
}

async function findAll(
  { world, clock }: ExtensionDeps,
  { session: { metadata, spec }, names }: ExtensionOrder & { readonly names: readonly string[] },
  signal: AbortSignal,
): Promise<readonly BrowserExtension[]> {
  const { namespace } = metadata;
  const find = (name: string): BrowserExtension | undefined => {
    const extension = world.extensions.get({ namespace, name });
    return extension?.spec.accountRef.name === spec.accountRef.name ? extension : undefined;
  };
  const deadline = clock.monotonic() + patienceMs;
  for (;;) {
    const missing = names.find((name) => !find(name));
    if (missing === undefined) return names.flatMap((name) => find(name) ?? []);
    if (clock.monotonic() > deadline)
      throw unavailable(`The account has no extension ${missing}. Create it first, or remove it from the spec.`);
    await sleep(clock, lookAgainMs, signal);
  }
}

async function bring(
  { blobs, agents }: ExtensionDeps,
  { sandbox, extension: { spec, metadata } }: { readonly sandbox: SandboxRef; readonly extension: BrowserExtension },
  signal: AbortSignal,
): Promise<void> {
  const key = extensionBlobKey(spec.sha256);
  const title = `Extension ${metadata.name} (${JSON.stringify(spec.name)})`;
  const open = async (): Promise<Upload> => {
    const blob = await blobs.get(key);
    if (!blob) throw unavailable(`${title} has no bytes in the blob store. Upload it again.`);
    return { size: blob.info.size, body: blob.body };
  };
  try {
    await agents.bringExtension(sandbox, { sha256: spec.sha256, open }, signal);
  } catch (error) {
    if (error instanceof BlobError) throw unavailable(`${title} cannot be read: ${error.message}. Try again later.`);
    const isOfAgent = error instanceof SandboxError && error.code === 'capability' && !error.message.startsWith(title);
    throw isOfAgent ? unavailable(`${title} cannot be unpacked. ${error.message}`) : error;
  }
}
