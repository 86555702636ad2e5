/** `node hack/images/stage.ts <image> <folder>`: puts Node.js and Porthole's files where they lie in an image, below `folder`. */
import { cpSync, existsSync } from 'node:fs';
import path from 'node:path';
import { listAppFiles } from './app-files.ts';
import { appFolder, imageNames, nodeFile, repository, type ImageName } from './image.ts';

export function stageApp(name: ImageName, root: string): void {
  const put = (file: string, target: string): void => {
    cpSync(path.join(repository, file), path.join(root, target), { recursive: true, dereference: true });
  };
  for (const file of listAppFiles(name)) {
    // Packages for other systems are in the lock file, and not installed.
    if (existsSync(path.join(repository, file))) put(file, path.join(appFolder, file));
  }
  put(`node_modules/node-linux-${process.arch}/bin/node`, nodeFile);
}

if (import.meta.main) {
  const [wanted, root] = process.argv.slice(2);
  const name = imageNames.find((known) => known === wanted);
  if (name === undefined || root === undefined) {
    console.error(`Usage: node hack/images/stage.ts ${imageNames.join('|')} FOLDER`);
    process.exitCode = 2;
  } else stageApp(name, root);
}
