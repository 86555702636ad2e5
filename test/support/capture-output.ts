import type { ChildProcess } from 'node:child_process';

/** Collects what a process says from now on; the function gives all of it so far. */
export function captureOutput(child: ChildProcess): () => string {
  const chunks: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => void chunks.push(chunk));
  }
  return () => chunks.join('');
}
