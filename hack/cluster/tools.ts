import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** kubectl and helm, as one user of one cluster. */
export interface Tools {
  /** Resolves with its standard output; rejects with what it said when it fails. */
  readonly kubectl: (args: readonly string[], input?: string) => Promise<string>;
  readonly helm: (args: readonly string[]) => Promise<string>;
}

export interface ToolsOptions {
  readonly binaries: { readonly kubectl: string; readonly helm: string };
  /** Default: what kubectl takes by itself. */
  readonly kubeconfig?: string | undefined;
  /** What the two remember of API servers; not in the person's own folders, where it would stay. */
  readonly cacheDir: string;
  /** Aborting ends those that run. */
  readonly signal?: AbortSignal;
}

const mostOutput = 2 ** 26;

/** Relative paths in arguments are relative to the repository. */
export function createTools({ binaries, kubeconfig, cacheDir, signal }: ToolsOptions): Tools {
  const env = {
    ...process.env,
    ...(kubeconfig !== undefined && { KUBECONFIG: kubeconfig }),
    KUBECACHEDIR: path.join(cacheDir, 'kubectl'),
    HELM_CACHE_HOME: path.join(cacheDir, 'helm'),
  };
  const call = async (file: string, args: readonly string[], input = ''): Promise<string> => {
    const cwd = path.resolve(import.meta.dirname, '../..');
    const running = run(file, [...args], { env, cwd, maxBuffer: mostOutput, ...(signal && { signal }) });
    // A tool that ends without reading is no failure of ours.
    running.child.stdin?.on('error', () => undefined).end(input);
    const { stdout } = await running;
    return stdout;
  };
  return {
    kubectl: (args, input) => call(binaries.kubectl, args, input),
    helm: (args) => call(binaries.helm, args),
  };
}
