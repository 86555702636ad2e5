import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { writeLayout } from '../images/oci.ts';
import { callCtr, startContainerd, type ContainerdPrograms } from './containerd.ts';
import { nodeCache, withFolder } from './folders.ts';
import { startMachine } from './machine.ts';
import { nodeFiles, pauseImage, type Runtime } from './node-files.ts';
import { writePauseLayer, type Architecture } from './pause-image.ts';

const run = promisify(execFile);

export interface PristineOptions {
  readonly runtime: Runtime;
  readonly programs: ContainerdPrograms;
  readonly cniPlugins: string;
  /** OCI archives. */
  readonly archives: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Takes a sentence about what is done now. */
  readonly progress: (sentence: string) => void;
}

const architectures: Readonly<Record<string, Architecture>> = { x64: 'amd64', arm64: 'arm64' };

/** The image that every Pod begins with, as an OCI archive. */
async function makePauseArchive(folder: string): Promise<string> {
  const architecture = architectures[process.arch];
  if (!architecture) throw new Error(`A node runs on x64 and arm64, and this is ${process.arch}.`);
  const layer = path.join(folder, 'pause.tar');
  writePauseLayer(architecture, layer);
  const layout = path.join(folder, 'pause');
  const [, name = '', version = ''] = /^localhost\/(.+):(.+)$/.exec(pauseImage) ?? [];
  const image = {
    name,
    title: 'Pause',
    description: "Holds a Pod's namespaces.",
    user: '65535:65535',
    entrypoint: ['/pause'],
    environment: {},
  };
  const facts = { image, architecture, version, revision: '', createdMs: 0, base: 'scratch' };
  await writeLayout(layout, facts, [layer]);
  const archive = path.join(folder, 'pause.oci.tar');
  await run('tar', ['-C', layout, '-cf', archive, 'oci-layout', 'index.json', 'blobs']);
  return archive;
}

async function readIndex(archive: string): Promise<string> {
  const { stdout } = await run('tar', ['-xOf', archive, '--occurrence=1', 'index.json']);
  return stdout;
}

/** The name under which an archive's image is known when it has been imported. */
export async function readReference(archive: string): Promise<string> {
  const index = JSON.parse(await readIndex(archive)) as {
    manifests: readonly { annotations?: Readonly<Record<string, string>> }[];
  };
  const name = index.manifests[0]?.annotations?.['io.containerd.image.name'];
  if (name === undefined) throw new Error(`${archive} does not say what its image is called.`);
  return name;
}

const hashOf = (value: unknown): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 12);

/** Names of folders: `containerd` is what those of the same containerd begin with. */
async function namesOf({
  runtime,
  programs,
  archives,
}: PristineOptions): Promise<{ containerd: string; whole: string }> {
  const { stdout: version } = await run(programs.containerd, ['--version']);
  const containerd = `${runtime}-${hashOf([version, pauseImage])}-`;
  return { containerd, whole: `${containerd}${hashOf(await Promise.all(archives.map(readIndex)))}` };
}

const blobsFolder = 'io.containerd.content.v1.content/blobs/sha256';

/** An archive without what containerd has already: an import would write all of it once more. */
async function withoutKnown(archive: string, work: string): Promise<string> {
  const blobs = path.join(work, nodeFiles.containerdRoot, blobsFolder);
  if (!existsSync(blobs)) return archive;
  const folder = mkdtempSync(path.join(work, 'thin-'));
  const known = readdirSync(blobs).map((digest) => `--exclude=blobs/sha256/${digest}`);
  await run('tar', ['-C', folder, '-xf', archive, ...known]);
  const thin = `${folder}.tar`;
  await run('tar', ['-C', folder, '-cf', thin, '.']);
  return thin;
}

async function importImages(options: PristineOptions, work: string): Promise<void> {
  const { runtime, programs, cniPlugins, archives } = options;
  await using machine = await startMachine(work);
  const place = { dir: work, cniPlugins };
  const containerd = { runtime, programs, place, machine, home: work, supervised: false };
  await using _running = await startContainerd(containerd);
  for (const archive of [await makePauseArchive(work), ...archives]) {
    await callCtr(containerd, ['images', 'import', await withoutKnown(archive, work)]);
  }
}

/** What was made for another containerd is not wanted again; nor is what was left half made. */
async function removeOthers(folder: string, runtime: Runtime, kept: string): Promise<void> {
  const isOld = (name: string): boolean => name !== kept && (name.startsWith(`${runtime}-`) || name.startsWith('.'));
  for (const old of readdirSync(folder).filter(isOld)) {
    await rm(path.join(folder, old), { recursive: true, force: true });
  }
}

/** containerd's folder as it is once the images have been imported, made when it is not there. */
async function ensurePristine(options: PristineOptions, folder: string): Promise<string> {
  const { containerd, whole } = await namesOf(options);
  const pristine = path.join(folder, whole);
  if (existsSync(pristine)) return pristine;
  options.progress('Importing the images into containerd (once for each version of them) …');
  const work = mkdtempSync(path.join(folder, '.importing-'));
  try {
    // What older images share with these need not be unpacked again; the rest is collected by containerd itself.
    const [older] = readdirSync(folder).filter((name) => name.startsWith(containerd));
    if (older !== undefined) renameSync(path.join(folder, older), path.join(work, nodeFiles.containerdRoot));
    await removeOthers(folder, options.runtime, path.basename(work));
    await importImages(options, work);
    renameSync(path.join(work, nodeFiles.containerdRoot), pristine);
  } finally {
    await rm(work, { recursive: true, force: true, maxRetries: 5 });
  }
  return pristine;
}

/** Files that are written in place. Those of images are written once. */
const databases = ['io.containerd.metadata.v1.bolt/meta.db', 'io.containerd.snapshotter.v1.overlayfs/metadata.db'];

/** Puts a containerd folder with the images at `target`, on the file system of the cache; files of images are links. */
export async function copyPristine(options: PristineOptions, target: string): Promise<void> {
  const folder = path.join(nodeCache(options.env), 'images');
  mkdirSync(folder, { recursive: true });
  await withFolder(folder, async () => {
    const pristine = await ensurePristine(options, folder);
    await run('cp', ['--archive', '--link', pristine, target]);
    for (const database of databases) {
      const file = path.join(target, database);
      rmSync(file);
      copyFileSync(path.join(pristine, database), file);
    }
  });
}
