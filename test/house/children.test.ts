import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const children = path.resolve(import.meta.dirname, '../../hack/bootstrap/children.mjs');

/** A process that runs `child` (JavaScript) in its place. */
function startParent(child: string): ChildProcessWithoutNullStreams {
  const source = `
    import { runInPlace } from ${JSON.stringify(children)};
    process.exitCode = await runInPlace(process.execPath, ['--eval', ${JSON.stringify(child)}], {});`;
  return spawn(process.execPath, ['--input-type=module', '--eval', source]);
}

async function firstLine(parent: ChildProcessWithoutNullStreams): Promise<string> {
  const [chunk] = (await once(parent.stdout, 'data')) as [Buffer];
  return chunk.toString().trim();
}

const exitOf = async (parent: ChildProcessWithoutNullStreams): Promise<unknown> =>
  (await once(parent, 'exit'))[0] as unknown;

const waits = `console.log(process.pid); setInterval(() => {}, 1000);`;

describe('runInPlace', () => {
  it('passes on the exit code', async () => {
    expect(await exitOf(startParent('process.exitCode = 7'))).toBe(7);
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('passes on %s, and waits for the child to end', async (signal) => {
    const parent = startParent(`process.on('${signal}', () => setTimeout(() => process.exit(5), 50)); ${waits}`);
    await firstLine(parent);
    parent.kill(signal);
    expect(await exitOf(parent)).toBe(5);
  });

  it('ends as a shell does when a signal ended the child', async () => {
    const parent = startParent(waits);
    process.kill(Number(await firstLine(parent)), 'SIGKILL');
    expect(await exitOf(parent)).toBe(128 + 9);
  });

  it('tells the child when it was killed itself', async () => {
    const parent = startParent(`process.once('disconnect', () => process.exit(0)); ${waits}`);
    await firstLine(parent);
    parent.kill('SIGKILL');
    // Both write to one pipe: it closes when the last of them has ended.
    await once(parent, 'close');
  });
});
