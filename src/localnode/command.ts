import type { Container } from 'kubernetes-types/core/v1.js';
import type { Pod } from '../lib/kubernetes.ts';
import type { Identity } from '../lib/privileges.ts';
import type { LocalCommand } from './container-process.ts';

export interface Mount {
  /** Volume name. */
  readonly name: string;
  readonly mountPath: string;
  readonly hostDir: string;
  readonly readOnly: boolean;
}

/** What is settled about a container when its command is chosen. */
export interface ContainerContext {
  readonly pod: Pod;
  readonly podIp: string;
  /** Position of the Pod's address in its range, 0 … 3999: unique on the machine, good for deriving ports from. */
  readonly addressIndex: number;
  /** The user that the program is to become; undefined when the node has none to give. */
  readonly identity: Identity | undefined;
  /** Volume name → folder of the host. */
  readonly volumeDirs: Readonly<Record<string, string>>;
  /** The container's volume mounts: nothing lies at `mountPath`, the program must be told `hostDir`. */
  readonly mounts: readonly Mount[];
  /** The container's environment as its spec says. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * The table image → local command: a kubelet knows no browsers. Undefined: no such image. The program is started as the user
 * that runs the node; to become `identity` is its own business, since its files may be readable by root only.
 */
export type CommandFor = (container: Container, context: ContainerContext) => LocalCommand | undefined;

/** A volume's subPath is honoured as a folder below it, which the program must make. */
export function toMounts(container: Container, volumeDirs: Readonly<Record<string, string>>): readonly Mount[] {
  return (container.volumeMounts ?? []).flatMap(({ name, mountPath, readOnly, subPath }) => {
    const volumeDir = volumeDirs[name];
    if (volumeDir === undefined) return [];
    const hostDir = subPath === undefined ? volumeDir : `${volumeDir}/${subPath}`;
    return [{ name, mountPath, hostDir, readOnly: readOnly ?? false }];
  });
}
