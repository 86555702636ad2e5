import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { imagesFolder, run, type BuildOptions } from './build.ts';
import { nodeFile, packagesOf, repository, suite, type ImageName } from './image.ts';
import { leftovers, sources } from './rootfs.ts';

/** Where the archive lies that a Containerfile became, beside the one that mmdebstrap made. */
export function builderArchive(name: ImageName, env: NodeJS.ProcessEnv): string {
  return path.join(imagesFolder(env), `${name}.containerfile.oci.tar`);
}

/** Where images are built and kept until the archives are written: a store of its own, which touches nobody else's. */
interface Workshop {
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  /** Runs buildah and gives what it wrote, without the line feed at its end. */
  readonly buildah: (...args: string[]) => string;
}

function openWorkshop(folder: string, env: NodeJS.ProcessEnv): Workshop {
  const [root, runRoot] = [path.join(folder, 'store'), path.join(folder, 'run')];
  const buildah = (...args: string[]): string => {
    const { status, stdout, error } = spawnSync('buildah', ['--root', root, '--runroot', runRoot, ...args], {
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
      maxBuffer: 2 ** 26,
    });
    if (error) throw new Error(`buildah: ${error.message}`, { cause: error });
    if (status !== 0) throw new Error(`buildah ${args[0]} failed with exit code ${status}:\n${stdout.slice(-4000)}`);
    return stdout.trim();
  };
  return { folder, env, buildah };
}

/** In a chroot, so that it works where there are no further namespaces and control groups to be had: in a container, in CI. */
const inChroot = ['--isolation', 'chroot'] as const;

/** What `debian:<suite>-slim` is, of the machine's mirror: Debian with apt, and little else. */
function makeDebian({ folder, env, buildah }: Workshop, mirror: string): string {
  const tar = path.join(folder, 'debian.tar');
  run('mmdebstrap', ['--variant=minbase', '--skip=output/dev', suite, tar, ...sources(mirror)], env);
  // Of this machine, unlike apt's own folders.
  run('tar', ['--delete', '-f', tar, ...leftovers.filter((file) => /hostname|resolv/.test(file))], env);
  const container = buildah('from', 'scratch');
  buildah('add', '--quiet', container, tar, '/');
  rmSync(tar);
  buildah('commit', '--quiet', '--rm', container, 'localhost/base/debian');
  return 'localhost/base/debian';
}

/** npm in the folder `lib`, as this machine has it. */
function putNpm(local: string, env: NodeJS.ProcessEnv): void {
  const { stdout } = spawnSync('sh', ['-c', 'command -v npm'], { env, encoding: 'utf8' });
  const own = path.dirname(path.dirname(realpathSync(stdout.trim())));
  cpSync(own, path.join(local, 'lib', 'npm'), { recursive: true, dereference: true });
  const start = path.join(local, 'bin', 'npm');
  writeFileSync(start, '#!/bin/sh\nexec node /usr/local/lib/npm/bin/npm-cli.js "$@"\n');
  chmodSync(start, 0o755);
}

/** What `node:<version>-slim` is: Node.js as the lock file pins it, and npm; and the certificates that this machine's Node.js trusts. */
function makeNode({ folder, env, buildah }: Workshop, debian: string): string {
  const root = path.join(folder, 'node');
  mkdirSync(path.join(root, 'usr', 'local', 'bin'), { recursive: true });
  const own = path.join(repository, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');
  copyFileSync(own, path.join(root, nodeFile));
  putNpm(path.join(root, 'usr', 'local'), env);
  const container = buildah('from', '--pull-never', debian);
  const certificates = env['NODE_EXTRA_CA_CERTS'];
  if (certificates !== undefined && existsSync(certificates)) {
    copyFileSync(certificates, path.join(root, 'usr', 'local', 'lib', 'machine.crt'));
    buildah('config', '--env', 'NODE_EXTRA_CA_CERTS=/usr/local/lib/machine.crt', container);
  }
  buildah('add', '--quiet', container, root, '/');
  const install = `apt-get update && apt-get install -y --no-install-recommends ${packagesOf('porthole').join(' ')}`;
  buildah('run', ...inChroot, container, '--', 'sh', '-c', install);
  buildah('commit', '--quiet', '--rm', container, 'localhost/base/node');
  return 'localhost/base/node';
}

/** Only what a comment at the head of the Containerfiles says, and where their bases are. */
function buildOne(
  { folder, env, buildah }: Workshop,
  name: ImageName,
  bases: Readonly<Record<string, string>>,
): string {
  const from = Object.entries(bases).flatMap(([key, value]) => ['--build-arg', `${key}=${value}`]);
  const file = path.join(repository, 'images', `${name}.Containerfile`);
  buildah('build', ...inChroot, '--pull-never', ...from, '-f', file, '-t', `localhost/${name}`, repository);
  const [archive, unfinished] = [builderArchive(name, env), path.join(folder, 'archive.tar')];
  buildah('push', '--quiet', `localhost/${name}`, `oci-archive:${unfinished}:localhost/${name}`);
  renameSync(unfinished, archive);
  return archive;
}

/**
 * Runs the Containerfiles with buildah where there is no registry: what they are made from is made here first, of this machine's
 * mirror of Debian. Gives the paths of the archives. Needs root, buildah and mmdebstrap.
 */
export function buildContainerfiles(
  names: readonly ImageName[],
  { mirror, env }: Pick<BuildOptions, 'mirror' | 'env'>,
): readonly string[] {
  mkdirSync(imagesFolder(env), { recursive: true });
  const workshop = openWorkshop(mkdtempSync(path.join(imagesFolder(env), '.building-')), env);
  try {
    const DEBIAN = makeDebian(workshop, mirror);
    const NODE = makeNode(workshop, DEBIAN);
    return names.map((name) => buildOne(workshop, name, { DEBIAN, NODE }));
  } finally {
    rmSync(workshop.folder, { recursive: true, force: true });
  }
}
