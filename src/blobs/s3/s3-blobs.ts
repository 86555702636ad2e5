import type { Readable } from 'node:stream';
import type { S3Client } from '@aws-sdk/client-s3';
import { BlobError } from '../blob-error.ts';
import { assertBlobKey, assertBlobPrefix } from '../blob-key.ts';
import { clipRange, type Blob, type BlobBody, type BlobInfo, type BlobRange, type BlobStore } from '../blob-store.ts';
import { cutIntoParts } from './parts.ts';

export interface S3Options {
  readonly bucket: string;
  /** Before every key, with a slash between the two; default: none. */
  readonly prefix?: string;
  /** URL of the service; default: AWS'. With one, the bucket stands in the path, not in the host's name. */
  readonly endpoint?: string;
  /** Default `us-east-1`. */
  readonly region?: string;
  /** Default: where the SDK looks for them (environment, files, web identity, instance). */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

type Sdk = typeof import('@aws-sdk/client-s3');

interface Connection {
  readonly sdk: Sdk;
  readonly client: S3Client;
}

/** Above S3's least (5 MiB); 10,000 of them, the most, are 80 GB. */
const partBytes = 8 * 2 ** 20;

interface ServiceFailure {
  readonly name?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

const isAbsent = (error: unknown): boolean => {
  const { name, $metadata } = error as ServiceFailure;
  return name === 'NoSuchKey' || (name !== 'NoSuchBucket' && $metadata?.httpStatusCode === 404);
};

class S3Blobs implements BlobStore {
  readonly #options: S3Options;
  #connection: Promise<Connection> | undefined;

  constructor(options: S3Options) {
    this.#options = options;
  }

  /** The SDK is large: who never touches a blob never loads it. */
  #connect(): Promise<Connection> {
    return (this.#connection ??= connect(this.#options));
  }

  #toKey(key: string): string {
    const { prefix } = this.#options;
    return prefix === undefined || prefix === '' ? key : `${prefix}/${key}`;
  }

  #at(key: string): { Bucket: string; Key: string } {
    assertBlobKey(key);
    return { Bucket: this.#options.bucket, Key: this.#toKey(key) };
  }

  #toBlobError(error: unknown): BlobError {
    if (error instanceof BlobError) return error;
    const why = error instanceof Error ? error.name : 'unknown failure';
    return new BlobError('Unavailable', `the bucket ${this.#options.bucket} cannot be used: ${why}`, { cause: error });
  }

  async #ask<T>(call: (connection: Connection) => Promise<T>): Promise<T> {
    try {
      return await call(await this.#connect());
    } catch (error) {
      throw this.#toBlobError(error);
    }
  }

  async #askUnlessAbsent<T>(call: (connection: Connection) => Promise<T>): Promise<T | undefined> {
    return this.#ask(async (connection) => {
      try {
        return await call(connection);
      } catch (error) {
        if (isAbsent(error)) return undefined;
        throw error;
      }
    });
  }

  async put(key: string, body: BlobBody): Promise<BlobInfo> {
    const at = this.#at(key);
    const chunks = body instanceof Uint8Array ? [body] : body;
    const parts = cutIntoParts(chunks, partBytes)[Symbol.asyncIterator]();
    // Errors of the body are its own, not the store's.
    const first = await parts.next();
    const second = first.done === true ? first : await parts.next();
    if (second.done === true) await this.#putWhole(at, first.done === true ? Buffer.alloc(0) : first.value);
    else await this.#putInParts(at, joined([first.value as Buffer, second.value], parts));
    const info = await this.head(key);
    if (!info) throw new BlobError('Unavailable', `the bucket ${this.#options.bucket} has lost what was put into it`);
    return info;
  }

  async #putWhole(at: { Bucket: string; Key: string }, bytes: Buffer): Promise<void> {
    await this.#ask(({ sdk, client }) =>
      client.send(new sdk.PutObjectCommand({ ...at, Body: bytes, ContentLength: bytes.length })),
    );
  }

  async #putInParts(at: { Bucket: string; Key: string }, parts: AsyncIterable<Buffer>): Promise<void> {
    const { UploadId } = await this.#ask(({ sdk, client }) => client.send(new sdk.CreateMultipartUploadCommand(at)));
    const upload = { ...at, UploadId };
    try {
      const Parts: { PartNumber: number; ETag: string | undefined }[] = [];
      for await (const part of parts) {
        const PartNumber = Parts.length + 1;
        const sending = { ...upload, PartNumber, Body: part, ContentLength: part.length };
        const { ETag } = await this.#ask(({ sdk, client }) => client.send(new sdk.UploadPartCommand(sending)));
        Parts.push({ PartNumber, ETag });
      }
      const whole = { ...upload, MultipartUpload: { Parts } };
      await this.#ask(({ sdk, client }) => client.send(new sdk.CompleteMultipartUploadCommand(whole)));
    } catch (error) {
      // What is left of it is not seen, and costs until the bucket's lifecycle removes it.
      await this.#ask(({ sdk, client }) => client.send(new sdk.AbortMultipartUploadCommand(upload))).catch(
        () => undefined,
      );
      throw error;
    }
  }

  async get(key: string, range?: BlobRange): Promise<Blob | undefined> {
    const at = this.#at(key);
    const whole = range && (await this.head(key));
    if (range && !whole) return undefined;
    const part = range && whole && clipRange(range, whole.size);
    const Range = part && `bytes=${part.start}-${part.end}`;
    const answer = await this.#askUnlessAbsent(({ sdk, client }) =>
      client.send(new sdk.GetObjectCommand({ ...at, ...(Range !== undefined && { Range }) })),
    );
    if (!answer) return undefined;
    const { ContentLength: size = 0, LastModified: modified } = answer;
    return { info: whole ?? toInfo(key, { size, modified }), body: answer.Body as Readable };
  }

  async head(key: string): Promise<BlobInfo | undefined> {
    const at = this.#at(key);
    const answer = await this.#askUnlessAbsent(({ sdk, client }) => client.send(new sdk.HeadObjectCommand(at)));
    return answer && toInfo(key, { size: answer.ContentLength ?? 0, modified: answer.LastModified });
  }

  async delete(key: string): Promise<void> {
    const at = this.#at(key);
    await this.#askUnlessAbsent(({ sdk, client }) => client.send(new sdk.DeleteObjectCommand(at)));
  }

  async *list(prefix: string): AsyncIterable<BlobInfo> {
    assertBlobPrefix(prefix);
    const { bucket: Bucket } = this.#options;
    const offset = this.#toKey('').length;
    for (let token: string | undefined, more = true; more; more = token !== undefined) {
      const page = { Bucket, Prefix: this.#toKey(prefix), ...(token !== undefined && { ContinuationToken: token }) };
      const answer = await this.#ask(({ sdk, client }) => client.send(new sdk.ListObjectsV2Command(page)));
      for (const { Key = '', Size: size = 0, LastModified: modified } of answer.Contents ?? [])
        // Folders, as some services show them.
        if (!Key.endsWith('/')) yield toInfo(Key.slice(offset), { size, modified });
      token = answer.IsTruncated === true ? answer.NextContinuationToken : undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const connection = await this.#connection?.catch(() => undefined);
    connection?.client.destroy();
  }
}

function toInfo(key: string, { size, modified }: { size: number; modified: Date | undefined }): BlobInfo {
  return { key, size, modifiedAtMs: modified?.getTime() ?? 0 };
}

async function* joined(first: readonly Buffer[], rest: AsyncIterator<Buffer>): AsyncIterable<Buffer> {
  yield* first;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

async function connect({ endpoint, region = 'us-east-1', credentials }: S3Options): Promise<Connection> {
  const sdk = await import('@aws-sdk/client-s3');
  const client = new sdk.S3Client({
    region,
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
    ...(credentials && { credentials }),
    // Services that are not AWS' do not know the newer checksums.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  return { sdk, client };
}

/** Blobs as objects of an S3 bucket, which must be there. Nothing is asked of it, and nothing loaded, before the first blob. */
export function createS3Blobs(options: S3Options): BlobStore {
  return new S3Blobs(options);
}
