import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { images, repository, suite, type Image, type ImageName } from './image.ts';
import { writeLayout, type ImageFacts } from './oci.ts';
import { debianArguments, leftovers } from './rootfs.ts';
import { buildSbom, readNodeVersion } from './sbom.ts';
import { stageApp } from './stage.ts';

/** Where images are, below XDG's cache home. */
export function imagesFolder(env: NodeJS.ProcessEnv): string {
  const xdg = env['XDG_CACHE_HOME'];
  const cache = xdg && path.isAbsolute(xdg) ? xdg : path.join(env['HOME'] ?? homedir(), '.cache');
  return path.join(cache, 'porthole', 'images');
}

export interface BuiltImage {
  /** OCI archive: `ctr -n k8s.io images import`, `podman load`, `skopeo copy oci-archive:`. */
  readonly archive: string;
  readonly sbom: string;
}

export const run = (program: string, args: readonly string[], env: NodeJS.ProcessEnv): void => {
  const { status, error } = spawnSync(program, args, { stdio: ['ignore', 'inherit', 'inherit'], env });
  if (error) throw new Error(`${program}: ${error.message}`, { cause: error });
  if (status !== 0) throw new Error(`${program} failed with exit code ${status}`);
};

const git = (...args: string[]): string =>
  execFileSync('git', ['-C', repository, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();

const architectures = { x64: 'amd64', arm64: 'arm64' } as const;

function gatherFacts(name: ImageName): ImageFacts {
  const architecture = architectures[process.arch as keyof typeof architectures] as
    ImageFacts['architecture'] | undefined;
  if (!architecture) throw new Error(`images are made on x64 and arm64, and this is ${process.arch}`);
  const manifest = JSON.parse(readFileSync(path.join(repository, 'package.json'), 'utf8')) as { version: string };
  const isDirty = git('status', '--porcelain', '--', 'src', 'package.json', 'package-lock.json', 'images') !== '';
  return {
    image: images[name],
    architecture,
    version: manifest.version,
    revision: git('rev-parse', 'HEAD') + (isDirty ? '-dirty' : ''),
    createdMs: Number(git('log', '-1', '--format=%ct')) * 1000,
    base: `debian:${suite}`,
  };
}

/** The lower layer is kept: it takes minutes, and changes with Debian only. */
function makeDebianLayer(facts: ImageFacts, folder: string, { mirror, isFresh, env }: BuildOptions): string {
  const { name } = facts.image;
  const wanted = debianArguments(name, { target: '-', mirror });
  const hash = createHash('sha256')
    .update(JSON.stringify([wanted, leftovers]))
    .digest('hex')
    .slice(0, 12);
  const kind = `${name}-${suite}-${facts.architecture}`;
  const layer = path.join(folder, `${kind}-${hash}.tar`);
  if (existsSync(layer) && !isFresh) return layer;
  const unfinished = path.join(folder, `.${kind}.part`);
  const epoch = String(facts.createdMs / 1000);
  try {
    run('mmdebstrap', debianArguments(name, { target: unfinished, mirror }), { ...env, SOURCE_DATE_EPOCH: epoch });
    run('tar', ['--delete', '-f', unfinished, ...leftovers], env);
    for (const old of readdirSync(folder).filter((file) => file.startsWith(`${kind}-`))) rmSync(path.join(folder, old));
    renameSync(unfinished, layer);
  } finally {
    rmSync(unfinished, { force: true });
  }
  return layer;
}

/** The upper layer: Node.js and Porthole. The same files give the same bytes. */
function makeAppLayer({ image: { name }, createdMs }: ImageFacts, folder: string, env: NodeJS.ProcessEnv): string {
  const root = path.join(folder, 'root');
  stageApp(name, root);
  const layer = path.join(folder, 'app.tar');
  const same = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', `--mtime=@${createdMs / 1000}`];
  run('tar', ['-C', root, ...same, '--mode=u=rwX,go=rX', '-cf', layer, 'opt', 'usr'], env);
  return layer;
}

/** dpkg's own list of what it has installed, from a layer. */
function readDpkgStatus({ variant }: Image, layer: string): string {
  const files = variant === 'extract' ? './var/lib/dpkg/status.d/*' : './var/lib/dpkg/status';
  return execFileSync('tar', ['-xOf', layer, '--wildcards', files], { encoding: 'utf8', maxBuffer: 2 ** 26 });
}

export interface BuildOptions {
  /** Of Debian's packages, without a slash at its end. */
  readonly mirror: string;
  /** Makes the lower layer anew, though nothing here has changed: Debian may have. */
  readonly isFresh: boolean;
  readonly env: NodeJS.ProcessEnv;
}

/** Makes one image with mmdebstrap and tar, without a daemon or a registry. Needs root, or user namespaces. */
export async function buildImage(name: ImageName, options: BuildOptions): Promise<BuiltImage> {
  const folder = imagesFolder(options.env);
  mkdirSync(folder, { recursive: true });
  const facts = gatherFacts(name);
  const debian = makeDebianLayer(facts, folder, options);
  const work = mkdtempSync(path.join(folder, '.building-'));
  try {
    const app = makeAppLayer(facts, work, options.env);
    const layout = path.join(work, 'layout');
    await writeLayout(layout, facts, [debian, app]);
    const archive = path.join(folder, `${name}.oci.tar`);
    run('tar', ['-C', layout, '-cf', `${archive}.part`, 'oci-layout', 'index.json', 'blobs'], options.env);
    renameSync(`${archive}.part`, archive);
    const sbom = path.join(folder, `${name}.cdx.json`);
    const contents = buildSbom({
      ...facts,
      nodeVersion: readNodeVersion(),
      dpkgStatus: readDpkgStatus(facts.image, debian),
    });
    writeFileSync(sbom, `${JSON.stringify(contents, null, 2)}\n`);
    return { archive, sbom };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
