import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../lib/clock.ts';
import { startContainerProcess, type ContainerProcess } from './container-process.ts';
import { createProcessTable } from './process-table.ts';

interface Scene extends Disposable {
  readonly dir: string;
  readonly logPath: string;
  start(script: string, program?: string): Promise<ContainerProcess>;
  /** Living processes that carry this scene's mark. */
  members(): Promise<number>;
}

const table = createProcessTable();

function createScene(): Scene {
  const dir = mkdtempSync(join(tmpdir(), 'localnode-'));
  const logPath = join(dir, 'log');
  const containerId = dir;
  return {
    dir,
    logPath,
    start: (script, program = '/bin/sh') =>
      startContainerProcess(
        { argv: [program, program === '/bin/sh' ? '-c' : '-e', script], env: { PATH: '/usr/bin:/bin', DIR: dir } },
        { containerId, podDir: dir, logPath, table, clock: systemClock },
      ),
    members: async () => (await table.scan()).filter((e) => (e.origin ?? e.marks)?.containerId === containerId).length,
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** Machines are slow at times. */
const eventually = <T>(look: () => T) => expect.poll(look, { timeout: 10_000 });
const now = (): number => systemClock.monotonic();

test('a main process leads a session, and its exit code and output are told', async () => {
  using scene = createScene();
  const { leader, exited } = await scene.start(
    'echo hello; echo oops >&2; while [ ! -e "$DIR/go" ]; do sleep 0.02; done; exit 5',
  );
  const entry = (await table.scan()).find((e) => e.pid === leader.pid);
  expect(entry).toMatchObject({ session: leader.pid, pgrp: leader.pid, startTicks: leader.startTicks });
  writeFileSync(join(scene.dir, 'go'), '');
  expect(await exited).toMatchObject({ exitCode: 5, allGone: true });
  expect(readFileSync(scene.logPath, 'utf8')).toBe('hello\noops\n');
});

test('a process that dies of a signal exits with 128 and the number', async () => {
  using scene = createScene();
  const { exited } = await scene.start('kill -SEGV $$');
  expect(await exited).toMatchObject({ exitCode: 139, signal: 11 });
});

test('a program that cannot be executed is an error', async () => {
  using scene = createScene();
  await expect(scene.start('', '/nonexistent')).rejects.toThrow('ENOENT');
});

test('SIGTERM goes to the main process, which may take its time', async () => {
  using scene = createScene();
  const process = await scene.start('trap "sleep 0.2; echo bye; exit 0" TERM; echo up; while :; do sleep 0.02; done');
  await eventually(() => existsSync(scene.logPath)).toBe(true);
  process.stop(now() + 5_000);
  expect(await process.exited).toMatchObject({ exitCode: 0, output: 'up\nbye' });
});

test('whatever the main process leaves behind goes with it: other groups, other sessions, the orphaned', async () => {
  using scene = createScene();
  const { exited } = await scene.start(`
    sh -c 'trap "" TERM HUP INT; while :; do sleep 1; done' &
    setsid sh -c 'setsid sleep 600 & sleep 600' &
    sh -c 'sleep 600 &'
    while [ ! -e "$DIR/go" ]; do sleep 0.02; done`);
  await eventually(() => scene.members()).toBeGreaterThanOrEqual(6);
  writeFileSync(join(scene.dir, 'go'), '');
  expect(await exited).toMatchObject({ exitCode: 0, allGone: true });
  expect(await scene.members()).toBe(0);
});

test('a tree that keeps forking and ignores SIGTERM is gone soon after its time is up', async () => {
  using scene = createScene();
  // Two generations that each keep a few children alive and start new ones as fast as they can, up to a bound for the machine.
  const process = await scene.start(`
    trap "" TERM
    branch() { trap "" TERM; while :; do for i in 1 2 3; do setsid sh -c 'trap "" TERM; sleep 0.3 & wait' & done; sleep 0.05; done; }
    branch & branch &
    while :; do sleep 1; done`);
  await eventually(() => scene.members()).toBeGreaterThan(15);
  process.stop(now() + 200);
  const startMs = performance.now();
  expect(await process.exited).toMatchObject({ exitCode: 137, signal: 9, allGone: true });
  expect(performance.now() - startMs).toBeLessThan(5_000);
  expect(await scene.members()).toBe(0);
});

test('an earlier time to be killed replaces a later one, and a later one changes nothing', async () => {
  using scene = createScene();
  const process = await scene.start('trap "" TERM; echo up; while :; do sleep 0.1; done');
  await eventually(() => existsSync(scene.logPath)).toBe(true);
  const startMs = performance.now();
  process.stop(now() + 60_000);
  process.stop(now() + 100);
  process.stop(now() + 60_000);
  await process.exited;
  expect(performance.now() - startMs).toBeLessThan(5_000);
});

test('output is bounded on disk, and its end is what is remembered', async () => {
  using scene = createScene();
  const { exited } = await scene.start('seq 1 1000000; echo the end');
  const { output } = await exited;
  expect(output.endsWith('1000000\nthe end')).toBe(true);
  expect(statSync(scene.logPath).size).toBeLessThanOrEqual(1_048_576);
  expect(statSync(`${scene.logPath}.1`).size).toBeLessThanOrEqual(1_048_576);
  expect(readFileSync(scene.logPath, 'utf8')).toContain('the end');
});
