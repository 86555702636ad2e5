import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { listAppFiles } from './app-files.ts';
import { buildImage, imagesFolder, type BuildOptions, type BuiltImage } from './build.ts';
import { images, repository, type ImageName } from './image.ts';
import { readMirror } from './mirror.ts';
import { debianArguments } from './rootfs.ts';

/** Changes with all that an image is made of; folders of packages change with the lock file only. */
function hashInputs(name: ImageName): string {
  const hash = createHash('sha256').update(
    JSON.stringify([images[name], debianArguments(name, { target: '-', mirror: '' })]),
  );
  for (const file of [...listAppFiles(name), 'package-lock.json']) {
    const whole = path.join(repository, file);
    hash.update(`\0${file}\0`);
    if (existsSync(whole) && statSync(whole).isFile()) hash.update(readFileSync(whole));
  }
  return hash.digest('hex');
}

export interface EnsureOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Takes a sentence about what is done now. */
  readonly progress: (sentence: string) => void;
}

const noteOf = (name: ImageName, env: NodeJS.ProcessEnv): string => path.join(imagesFolder(env), `${name}.inputs`);

/** Makes an image, and remembers what of, as it was when this began. */
export async function makeImage(name: ImageName, options: BuildOptions): Promise<BuiltImage> {
  const inputs = hashInputs(name);
  const built = await buildImage(name, options);
  writeFileSync(noteOf(name, options.env), inputs);
  return built;
}

/** Path of the image's archive, made anew when the sources say something else than when it was made. */
export async function ensureImage(name: ImageName, { env, progress }: EnsureOptions): Promise<string> {
  const folder = imagesFolder(env);
  const archive = path.join(folder, `${name}.oci.tar`);
  const note = noteOf(name, env);
  if (existsSync(archive) && existsSync(note) && readFileSync(note, 'utf8') === hashInputs(name)) return archive;
  const mirror = readMirror();
  if (mirror === undefined)
    throw new Error('apt names no mirror of Debian here: npm run images -- --mirror URL makes the images.');
  mkdirSync(folder, { recursive: true });
  progress(`Making the image ${name} (the first time some minutes) …`);
  return (await makeImage(name, { mirror, isFresh: false, env })).archive;
}
