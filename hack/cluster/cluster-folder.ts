import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ClusterConfig } from '../../src/cmd/config/parse-cluster-config.ts';
import { acquireLock, DataFolderInUse, keepSecret, makeApiKey, makeFolder } from '../../src/cmd/data-folder.ts';

/** The folder with all state of a cluster, while this process uses it. Disposing lets go of it. */
export interface ClusterFolder extends AsyncDisposable {
  /** Absolute, without symbolic links. */
  readonly path: string;
  /** Of the default account: kept from the first start on; the one that was set, when one was. */
  readonly apiKey: string;
}

function readPid(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return 'unknown';
  }
}

/** Takes the folder for this process; throws a sentence when another one uses it. */
export async function openClusterFolder({ clusterDir, apiKey }: ClusterConfig): Promise<ClusterFolder> {
  const folder = makeFolder(clusterDir);
  const pidFile = path.join(folder, 'pid');
  const lock = await acquireLock(folder).catch((error: unknown) => {
    if (!(error instanceof DataFolderInUse)) throw error;
    const another = `another cluster (process ${readPid(pidFile)})`;
    throw new DataFolderInUse(`${folder} is in use by ${another}. End that one, or set PORTHOLE_CLUSTER_DIR.`);
  });
  writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 });
  return {
    path: folder,
    apiKey: apiKey ?? keepSecret(path.join(folder, 'api-key'), makeApiKey),
    [Symbol.asyncDispose]: async () => {
      rmSync(pidFile, { force: true });
      await new Promise((resolve) => lock.close(resolve));
    },
  };
}
