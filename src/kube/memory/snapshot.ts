import { readFileSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { StoredObject } from '../../lib/object-meta.ts';
import { freezeCopy, isJsonObject } from './json.ts';
import type { Objects, Written } from './objects.ts';
import type { AnyResource, Table } from './table.ts';

/** The file: the version counter, so that it never runs backwards, and the objects as they were. */
interface SnapshotFile {
  readonly format: 1;
  readonly resourceVersion: number;
  readonly objects: readonly StoredObject[];
}

export interface LoadedSnapshot {
  readonly version: number;
  readonly objects: readonly { readonly resource: AnyResource; readonly object: StoredObject }[];
}

interface SnapshotSource {
  readonly file: string;
  readonly plurals: readonly string[];
}

/** Throws an error that names the file and says what to do when it cannot be understood. No file: undefined. */
export function loadSnapshot(
  { file, plurals }: SnapshotSource,
  resources: readonly AnyResource[],
): LoadedSnapshot | undefined {
  const unknown = plurals.filter((plural) => !resources.some((resource) => resource.plural === plural));
  if (unknown.length > 0) throw new Error(`snapshot of ${unknown.join(', ')}: give these kinds as resources, too`);
  const text = readIfThere(file);
  if (text === undefined) return undefined;
  try {
    const { resourceVersion, objects } = parseSnapshot(text);
    return { version: resourceVersion, objects: objects.map((object) => restored(object, resources)) };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`cannot use the snapshot ${file}: ${why}. Repair it, or move it away to start without it`, {
      cause,
    });
  }
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function parseSnapshot(text: string): SnapshotFile {
  const value: unknown = JSON.parse(text);
  if (!isJsonObject(value)) throw new Error('it holds no JSON object');
  if (value['format'] !== 1) throw new Error(`its format is ${JSON.stringify(value['format'])}, known is 1`);
  const { resourceVersion, objects } = value;
  if (!Number.isSafeInteger(resourceVersion) || !Array.isArray(objects))
    throw new Error('resourceVersion or objects is missing');
  return { format: 1, resourceVersion: resourceVersion as number, objects: objects as StoredObject[] };
}

/** The object, with the defaults of today's schema. */
function restored(object: StoredObject, resources: readonly AnyResource[]): LoadedSnapshot['objects'][number] {
  const { apiVersion, kind } = object;
  const resource = resources.find((known) => known.apiVersion === apiVersion && known.kind === kind);
  if (!resource) throw new Error(`it holds a ${apiVersion} ${kind}, a kind that is not known`);
  const admission = resource.admit?.(object, object) ?? { ok: true, value: object };
  if (!admission.ok) {
    const problems = admission.problems.map(({ field, message }) => `${field} ${message}`).join('; ');
    throw new Error(`its ${kind} ${object.metadata.namespace}/${object.metadata.name} is not valid: ${problems}`);
  }
  return { resource, object: freezeCopy(admission.value) as StoredObject };
}

/** A burst of writes becomes one file. */
const debounceMs = 100;
const retryMs = 5_000;

export interface SnapshotWriterOptions {
  readonly file: string;
  readonly tables: readonly Table[];
  readonly objects: Objects;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Writes the chosen tables to the file a moment after each change, and once more when disposed if that is due. */
export class SnapshotWriter implements AsyncDisposable {
  readonly #options: SnapshotWriterOptions;
  readonly #tables: ReadonlySet<Table>;
  #timer: Disposable | undefined;
  #writing: Promise<void> = Promise.resolve();
  #isDue = false;

  constructor(options: SnapshotWriterOptions) {
    this.#options = options;
    this.#tables = new Set(options.tables);
  }

  onWrite({ table }: Written): void {
    if (!this.#tables.has(table)) return;
    this.#isDue = true;
    this.#schedule(debounceMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.[Symbol.dispose]();
    await this.#writing;
    if (this.#isDue) await this.#write();
    this.#timer?.[Symbol.dispose]();
  }

  #schedule(delayMs: number): void {
    this.#timer ??= this.#options.clock.schedule(delayMs, () => {
      this.#timer = undefined;
      this.#writing = this.#writing.then(() => this.#write());
    });
  }

  async #write(): Promise<void> {
    const { file, tables, objects, logger } = this.#options;
    this.#isDue = false;
    const content: SnapshotFile = {
      format: 1,
      resourceVersion: objects.version,
      objects: tables.flatMap((table) => table.list()),
    };
    try {
      await replaceFile(file, `${JSON.stringify(content)}\n`);
    } catch (err) {
      this.#isDue = true;
      logger.error({ err, file }, 'the snapshot could not be written');
      this.#schedule(retryMs);
    }
  }
}

/** All of the new content or all of the old one, even if the machine stops in between. */
async function replaceFile(file: string, text: string): Promise<void> {
  const temporary = `${file}.tmp`;
  await rm(temporary, { force: true });
  {
    await using handle = await open(temporary, 'wx', 0o600);
    await handle.writeFile(text);
    await handle.sync();
  }
  await rename(temporary, file);
}
