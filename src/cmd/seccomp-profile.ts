import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { refuse } from './say.ts';

const usage = `Usage: porthole seccomp-profile <source> <target>

Copies the file <source> to <target> and keeps it there until it is told to end: the DaemonSet of the chart that gives nodes the
profile of Chromium's own sandbox.`;

/** Somebody may take the file away; a sandbox that needs it does not start until it is there again. */
const lookEveryMs = 30_000;

/** Whether the target had to be written. It is visible whole or not at all, and readable by everybody. */
export async function installFile(source: string, target: string): Promise<boolean> {
  const wanted = await readFile(source);
  const present = await readFile(target).catch(() => undefined);
  if (present?.equals(wanted)) return false;
  await mkdir(path.dirname(target), { recursive: true });
  const draft = `${target}.${process.pid}.new`;
  try {
    await using file = await open(draft, 'w', 0o644);
    await file.writeFile(wanted);
    await file.chmod(0o644); // whatever the umask is
    await file.sync();
    await rename(draft, target);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  return true;
}

/** `porthole seccomp-profile`: resolves with the exit code once it is told to end, or as soon as it cannot write. */
export async function runSeccompProfile([source, target, ...rest]: readonly string[]): Promise<number> {
  if (!source || !target || rest.length > 0) return refuse(usage);
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort());
  while (!stop.signal.aborted) {
    try {
      const isNew = await installFile(source, target);
      if (isNew) process.stdout.write(`${target} is written.\n`);
    } catch (error) {
      process.stderr.write(`${target} cannot be written: ${error instanceof Error ? error.message : String(error)}\n`);
      return 1;
    }
    await delay(lookEveryMs, undefined, { signal: stop.signal }).catch(() => undefined);
  }
  return 0;
}
