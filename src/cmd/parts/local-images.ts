import { fileURLToPath } from 'node:url';
import { containers, devtoolsPorts, env, workVolume } from '../../api/agent/contract.ts';
import type { CommandFor } from '../../localnode/command.ts';

export interface LocalImageOptions {
  /** Path of the browser; every user of the machine must be able to run it when sandboxes have users of their own. */
  readonly chromium: string;
  /** Its version as far as it is known at the moment. */
  readonly chromiumVersion: () => string | undefined;
  readonly logLevel: string;
  /** Folder that only this user may write: it holds code that root runs. */
  readonly compileCache: string;
}

const program = (name: string): string => fileURLToPath(new URL(`../${name}.ts`, import.meta.url));

/** Small heaps and few threads: both programs hold little, and there is a pair of them beside every browser. */
const nodeFlags = ['--max-semi-space-size=1', '--v8-pool-size=1', '--disable-warning=ExperimentalWarning'];

/** The table image → local command: what a container's image would start, run by this machine's own Node. */
export function createLocalImages(options: LocalImageOptions): CommandFor {
  const { chromium, chromiumVersion, logLevel, compileCache } = options;
  return (container, { addressIndex, identity, volumeDirs }) => {
    const runAs = identity && { [env.runAs]: `${identity.uid}:${identity.gid}` };
    const shared = {
      ...runAs,
      [env.parentPid]: String(process.pid),
      [env.logLevel]: logLevel,
      NODE_COMPILE_CACHE: compileCache,
    };
    const argv = (name: string): string[] => [process.execPath, ...nodeFlags, program(name)];
    switch (container.name) {
      case containers.agent: {
        const version = chromiumVersion();
        return {
          argv: argv('agent'),
          env: {
            ...shared,
            [env.chromium]: chromium,
            ...(version !== undefined && { [env.chromiumVersion]: version }),
            [env.isolation]: 'LocalProcess',
            [env.workDir]: volumeDirs[workVolume.name] ?? workVolume.mountPath,
            // Chromium listens on 127.0.0.1 only, which all pods of this machine share: to each its own port.
            [env.devtoolsPort]: String(devtoolsPorts.first + addressIndex),
          },
        };
      }
      case containers.proxy:
        return { argv: argv('proxy'), env: shared };
      default:
        return undefined;
    }
  };
}
