import path from 'node:path';
import type { Environment } from './read-knobs.ts';

/** Below XDG's data home: https://specifications.freedesktop.org/basedir-spec/latest/ (a relative one does not count). */
export function dataHomeFolder({ XDG_DATA_HOME: xdg, HOME: home }: Environment, name: string): string | undefined {
  if (xdg && path.isAbsolute(xdg)) return path.join(xdg, name);
  return home ? path.join(home, '.local', 'share', name) : undefined;
}
