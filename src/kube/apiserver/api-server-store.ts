import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { NewObject, ObjectKey, StoredObject } from '../../lib/object-meta.ts';
import type { Resource } from '../../lib/resource.ts';
import { isStoreError, StoreError } from '../store-error.ts';
import type {
  ApplyOptions,
  DeleteOptions,
  ListOptions,
  MergePatch,
  ObjectList,
  Preconditions,
  Store,
  WatchEvent,
  WatchOptions,
} from '../store.ts';
import type { KubeAccess } from './access.ts';
import { isMissing, toStoreError } from './api-status.ts';
import { fromServer, parseJson, toPage, toWatchEvent } from './decode.ts';
import type { ApiAnswer } from './exchange.ts';
import type { ApiHooks } from './hooks.ts';
import { KnownVersions, losesUid } from './known-versions.ts';
import { collectionPath, objectPath, query, selectorParameters } from './paths.ts';
import { Transport, type ApiRequest } from './transport.ts';

export interface ApiServerStoreOptions {
  readonly access: KubeAccess;
  /** Under which name the server keeps what we write: https://kubernetes.io/docs/reference/using-api/server-side-apply/#managers */
  readonly fieldManager: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly hooks?: ApiHooks;
}

/** Disposing breaks off all calls (Unavailable) and ends all watches. */
export interface ApiServerStore extends Store, AsyncDisposable {
  /** The address of the API server. */
  readonly server: string;
}

/** A Store over an API server. Connects when it is first used. */
export function createApiServerStore(options: ApiServerStoreOptions): ApiServerStore {
  return new RemoteStore(options);
}

/** Objects in one page of a list: what a parser may hold up the event loop for. */
const pageSize = 500;
/** After so many lists whose pages have expired under us, all is asked for in one. */
const maxPagedLists = 2;
/** How often others may be faster, and for how long: what was decided on must not be long ago. */
const maxStatusAttempts = 5;
const statusPatienceMs = 5_000;
/** When the server is to end a watch, in seconds: at random, so that not all come back at once. */
const watchSeconds = { min: 240, max: 480 } as const;

interface AtVersion<T> {
  readonly read: () => Promise<string>;
  readonly write: (version: string) => Promise<T>;
}

class RemoteStore implements ApiServerStore {
  readonly server: string;
  readonly #transport: Transport;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #versions = new KnownVersions();
  /** As a query, for every write. */
  readonly #manager: string;

  constructor({ access, fieldManager, clock, logger, hooks = {} }: ApiServerStoreOptions) {
    this.server = access.server;
    this.#logger = logger.child({ store: access.server });
    this.#clock = clock;
    this.#manager = query({ fieldManager });
    this.#transport = new Transport({ access, userAgent: fieldManager, clock, hooks });
  }

  async get<T extends StoredObject>(resource: Resource<T>, key: ObjectKey): Promise<T | undefined> {
    const answer = await this.#transport.send({ method: 'GET', path: objectPath(resource, key) });
    if (answer.status === 404 && isMissing(parseJson(answer.text), key.name)) return undefined;
    return this.#know(resource, fromServer(resource, bodyOf(answer)));
  }

  async list<T extends StoredObject>(resource: Resource<T>, options: ListOptions = {}): Promise<ObjectList<T>> {
    for (let lists = 1; ; lists += 1) {
      try {
        return await this.#listPages(resource, options, lists > maxPagedLists ? undefined : pageSize);
      } catch (error) {
        if (!isStoreError(error, 'Expired') || lists > maxPagedLists) throw error;
        this.#logger.debug({ plural: resource.plural }, 'the pages of a list have expired: from the beginning');
      }
    }
  }

  async #listPages<T extends StoredObject>(
    resource: Resource<T>,
    options: ListOptions,
    limit: number | undefined,
  ): Promise<ObjectList<T>> {
    const items: T[] = [];
    const path = collectionPath(resource, options.namespace);
    const selectors = selectorParameters(options);
    for (let next: string | undefined; ;) {
      const parameters = query({ ...selectors, limit, continue: next });
      const answer = await this.#transport.send({ method: 'GET', path: path + parameters });
      const page = toPage(bodyOf(answer));
      for (const item of page.items) items.push(this.#know(resource, fromServer(resource, item)));
      next = page.next;
      if (next === undefined) return { items, resourceVersion: page.resourceVersion };
      // Others have waited while this page was parsed.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async create<T extends StoredObject>(resource: Resource<T>, object: NewObject<T>): Promise<T> {
    const path = collectionPath(resource, object.metadata.namespace) + this.#manager;
    return this.#write(resource, { method: 'POST', path, body: bodyWithoutStatus(resource, object) });
  }

  async update<T extends StoredObject>(resource: Resource<T>, object: T): Promise<T> {
    const path = objectPath(resource, object.metadata) + this.#manager;
    return this.#write(resource, { method: 'PUT', path, body: JSON.stringify(object) });
  }

  async patch<T extends StoredObject>(
    resource: Resource<T>,
    key: ObjectKey,
    ...[patch, expect]: [MergePatch, Preconditions?]
  ): Promise<T> {
    const path = objectPath(resource, key) + this.#manager;
    return this.#patch(resource, path, withExpected(patch, expect));
  }

  async patchStatus<T extends StoredObject>(
    resource: Resource<T>,
    key: ObjectKey,
    ...[status, expect = {}]: [MergePatch, Preconditions?]
  ): Promise<T> {
    const path = `${objectPath(resource, key)}/status${this.#manager}`;
    const patch = (expected: Preconditions): Promise<T> =>
      this.#patch(resource, path, withExpected({ status }, expected));
    const { uid, resourceVersion } = expect;
    if (uid === undefined || resourceVersion !== undefined || !losesUid(resource)) return patch(expect);
    return this.#atVersion(uid, {
      read: () => this.#readVersion(resource, key, uid),
      write: (version) => patch({ resourceVersion: version }),
    });
  }

  /** Writes at the version that the object of this uid has: the one that is known, else, or if that is not it, as it is read. */
  async #atVersion<T>(uid: string, { read, write }: AtVersion<T>): Promise<T> {
    const startMs = this.#clock.monotonic();
    let version = this.#versions.get(uid) ?? (await read());
    for (let attempts = 1; ; attempts += 1) {
      try {
        return await write(version);
      } catch (error) {
        const isTooLate = this.#clock.monotonic() - startMs > statusPatienceMs;
        if (!isStoreError(error, 'Conflict') || attempts === maxStatusAttempts || isTooLate) throw error;
        version = await read();
      }
    }
  }

  /** Of the object of this uid. Conflict when another stands under its name, NotFound when none does. */
  async #readVersion<T extends StoredObject>(resource: Resource<T>, key: ObjectKey, uid: string): Promise<string> {
    const metadata = (await this.get(resource, key))?.metadata;
    const what = `${resource.plural} ${key.namespace}/${key.name}`;
    if (!metadata) throw new StoreError('NotFound', `${what} not found`);
    if (metadata.uid === uid) return metadata.resourceVersion;
    throw new StoreError('Conflict', `${what} is not the expected one (uid ${uid}): it is uid ${metadata.uid}`);
  }

  #patch<T extends StoredObject>(resource: Resource<T>, path: string, patch: MergePatch): Promise<T> {
    const contentType = 'application/merge-patch+json';
    return this.#write(resource, { method: 'PATCH', path, body: JSON.stringify(patch), contentType });
  }

  async apply<T extends StoredObject>(resource: Resource<T>, object: NewObject<T>, options: ApplyOptions): Promise<T> {
    const { fieldManager, force = true } = options;
    return this.#write(resource, {
      method: 'PATCH',
      path: objectPath(resource, object.metadata) + query({ fieldManager, force }),
      body: bodyWithoutStatus(resource, object),
      // JSON is YAML.
      contentType: 'application/apply-patch+yaml',
      repeatable: true,
    });
  }

  async delete<T extends StoredObject>(
    resource: Resource<T>,
    key: ObjectKey,
    options: DeleteOptions = {},
  ): Promise<void> {
    const { uid, resourceVersion, gracePeriodSeconds } = options;
    const preconditions = { uid, resourceVersion };
    const request = { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: 'Background' };
    const body = JSON.stringify({ ...request, preconditions, gracePeriodSeconds });
    // Of one object only: a second time it is not there any more, whoever has its name.
    const repeatable = uid !== undefined;
    checkAnswer(await this.#transport.send({ method: 'DELETE', path: objectPath(resource, key), body, repeatable }));
  }

  async *watch<T extends StoredObject>(resource: Resource<T>, options: WatchOptions): AsyncGenerator<WatchEvent<T>> {
    const { namespace, resourceVersion, signal } = options;
    if (signal.aborted) return;
    const { min, max } = watchSeconds;
    const parameters = {
      ...selectorParameters(options),
      ...{ watch: 1, allowWatchBookmarks: true, resourceVersion },
      timeoutSeconds: Math.round(min + Math.random() * (max - min)),
    };
    const path = collectionPath(resource, namespace) + query(parameters);
    using stream = await this.#transport.openWatch(path, signal);
    if (hasAborted(signal)) return;
    checkAnswer(stream);
    for (let lines = await stream.read(); lines.length > 0; lines = await stream.read())
      for (const line of lines) {
        if (hasAborted(signal)) return;
        const event = toWatchEvent(resource, line);
        if (event.type === 'DELETED') this.#versions.forget(event.object.metadata);
        else if (event.type !== 'BOOKMARK') this.#know(resource, event.object);
        yield event;
      }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transport[Symbol.asyncDispose]();
  }

  async #write<T extends StoredObject>(resource: Resource<T>, request: ApiRequest): Promise<T> {
    return this.#know(resource, fromServer(resource, bodyOf(await this.#transport.send(request))));
  }

  #know<T extends StoredObject>(resource: Resource<T>, object: T): T {
    if (losesUid(resource)) this.#versions.note(object.metadata);
    return object;
  }
}

/** Time goes by between two looks, which the compiler does not know. */
function hasAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

function checkAnswer(answer: ApiAnswer): void {
  if (answer.status < 200 || answer.status > 299)
    throw toStoreError(answer.status, parseJson(answer.text) ?? answer.text);
}

function bodyOf(answer: ApiAnswer): unknown {
  checkAnswer(answer);
  return parseJson(answer.text);
}

/** Some kinds (Node) take a status that is given at creation, and apply would take it for ours. */
function bodyWithoutStatus(resource: { readonly hasStatus: boolean }, object: object): string {
  return JSON.stringify(resource.hasStatus && 'status' in object ? { ...object, status: undefined } : object);
}

/** The server compares what a patch says of uid and version, and answers Conflict. */
function withExpected(patch: MergePatch, expect: Preconditions | undefined): MergePatch {
  if (!expect) return patch;
  const metadata = patch['metadata'] as object | undefined;
  return { ...patch, metadata: { ...metadata, ...expect } };
}
