import { accessSync, constants } from 'node:fs';
import path from 'node:path';

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The first of these names that the search path has; undefined when it has none. */
export function findProgram(names: readonly string[], searchPath: string): string | undefined {
  const folders = searchPath.split(':').filter((folder) => folder.startsWith('/'));
  return names.flatMap((name) => folders.map((folder) => path.join(folder, name))).find(isExecutable);
}
