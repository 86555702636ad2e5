import type { BlobStore } from '../../blobs/blob-store.ts';
import { createDirectoryBlobs } from '../../blobs/directory/directory-blobs.ts';
import { createNoBlobs } from '../../blobs/no-blobs.ts';
import { createS3Blobs } from '../../blobs/s3/s3-blobs.ts';

/** Settings of a process that has to do with blobs. */
export interface BlobSettings {
  /** A folder, or `s3://bucket/prefix`; undefined: there is none. */
  readonly blobs?: string | undefined;
  readonly s3Endpoint?: string | undefined;
  readonly s3Region?: string | undefined;
}

const s3Scheme = 's3://';

/** The blob store that the settings name. Throws what the file system says of a folder that cannot be used. */
export async function openBlobs({ blobs, s3Endpoint, s3Region }: BlobSettings): Promise<BlobStore> {
  if (blobs === undefined)
    return createNoBlobs('there is no blob store for extensions and recordings; set PORTHOLE_BLOBS');
  if (!blobs.startsWith(s3Scheme)) return createDirectoryBlobs(blobs);
  const [bucket = '', ...prefix] = blobs.slice(s3Scheme.length).replace(/\/+$/, '').split('/');
  return createS3Blobs({
    bucket,
    ...(prefix.length > 0 && { prefix: prefix.join('/') }),
    ...(s3Endpoint !== undefined && { endpoint: s3Endpoint }),
    ...(s3Region !== undefined && { region: s3Region }),
  });
}
