import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { vi } from 'vitest';
import { findPrograms } from '../../hack/controlplane/find.mjs';
import { findFreePorts } from '../../hack/cluster/free-port.ts';

/** versitygw, where it has been built: `npm run controlplane -- --with s3`. */
export const s3Program = findPrograms(process.env, ['versitygw']).files.versitygw;

export interface S3Server extends AsyncDisposable {
  readonly endpoint: string;
  readonly bucket: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** What it has written into the bucket's folder lies here. */
  readonly folder: string;
}

/** An S3 service of this machine with one empty bucket. Disposing ends it and removes what it keeps. */
export async function startS3Server(): Promise<S3Server> {
  if (s3Program === undefined) throw new Error('there is no versitygw: npm run controlplane -- --with s3');
  const base = await mkdtemp(path.join(tmpdir(), 'porthole-s3-'));
  const [data, iam, about] = ['data', 'iam', 'about'].map((name) => path.join(base, name)) as [string, string, string];
  const bucket = 'test-bucket';
  // A folder below is a bucket.
  await mkdir(path.join(data, bucket), { recursive: true });
  await Promise.all([mkdir(iam), mkdir(about)]);
  const [port = 0] = await findFreePorts(1);
  const credentials = { accessKeyId: 'test-access', secretAccessKey: 'test-secret' };
  const child = spawn(s3Program, ['--port', `127.0.0.1:${port}`, '--iam-dir', iam, 'posix', '--sidecar', about, data], {
    env: { ROOT_ACCESS_KEY_ID: credentials.accessKeyId, ROOT_SECRET_ACCESS_KEY: credentials.secretAccessKey },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const endpoint = `http://127.0.0.1:${port}`;
  const dispose = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
    await rm(base, { recursive: true, force: true });
  };
  try {
    await vi.waitFor(
      async () => {
        if (child.exitCode !== null) throw new Error(`versitygw ended: ${said}`);
        await fetch(endpoint);
      },
      { timeout: 30_000, interval: 100 },
    );
  } catch (error) {
    await dispose();
    throw error;
  }
  return { endpoint, bucket, credentials, folder: path.join(data, bucket), [Symbol.asyncDispose]: dispose };
}
