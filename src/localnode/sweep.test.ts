import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { obedient, script, startTestNode } from '../../test/support/test-node.ts';
import { createLogger } from '../lib/logger.ts';
import { createAddressPool } from './addresses.ts';
import {
  createProcessTable,
  parseStat,
  readBootId,
  readStartTicks,
  type Origin,
  type ProcessEntry,
} from './process-table.ts';
import { createPodRecords, type PodRecord } from './records.ts';
import { isOfPod, sweepLeftovers } from './sweep.ts';

const program = fileURLToPath(new URL('../../test/support/doomed-node.ts', import.meta.url));
const logger = createLogger({ name: 'test', level: 'silent' });

interface Scene extends Disposable {
  readonly dir: string;
  readonly stateDir: string;
  readonly podsDir: string;
}

function createScene(): Scene {
  const dir = mkdtempSync(join(tmpdir(), 'localnode-'));
  const stateDir = join(dir, 'state');
  return {
    dir,
    stateDir,
    podsDir: join(dir, 'pods'),
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  };
}

const sweep = (stateDir: string): Promise<number> =>
  sweepLeftovers({
    records: createPodRecords(stateDir),
    table: createProcessTable(),
    addresses: createAddressPool(),
    logger,
  });

const isAlive = (pid: number): boolean =>
  existsSync(`/proc/${pid}/stat`) && parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8')) !== undefined;

/** Starts a node in a process of its own, kills it with -9 when its pod runs, and tells the pids that are left. */
async function leaveBehind({ dir, podsDir }: Scene): Promise<readonly number[]> {
  const env = { ...process.env, TMPDIR: dir }; // what it makes and cannot remove goes with the scene
  const child = spawn(process.execPath, [program, dir], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  const pidFile = join(podsDir, said.toString().trim(), 'volumes/work/pids');
  const pids = (): readonly number[] =>
    existsSync(pidFile) ? readFileSync(pidFile, 'utf8').trim().split('\n').map(Number) : [];
  await expect.poll(() => pids().length, { timeout: 10_000 }).toBe(4);
  child.kill('SIGKILL');
  await once(child, 'exit');
  return pids();
}

describe.skipIf(process.platform !== 'linux')('after a kill -9', () => {
  test('the next start ends every process, removes every folder, and runs pods again', async () => {
    using scene = createScene();
    const pids = await leaveBehind(scene);
    expect(pids.filter(isAlive)).toEqual(pids);
    await using world = await startTestNode({ stateDir: scene.stateDir, podsDir: scene.podsDir });
    expect(pids.filter(isAlive)).toEqual([]);
    expect(readdirSync(scene.podsDir)).toEqual([]);
    expect(readdirSync(scene.stateDir)).toEqual([]);
    await world.create('next', { containers: [script('main', obedient)] });
    await world.until('next', (p) => p?.status?.phase === 'Running');
  });

  test('a process that had not been written down is found by its environment', async () => {
    using scene = createScene();
    const pids = await leaveBehind(scene);
    const [name = ''] = readdirSync(scene.stateDir);
    const path = join(scene.stateDir, name);
    const record = JSON.parse(readFileSync(path, 'utf8')) as PodRecord;
    expect(record.sessions).toHaveLength(1);
    writeFileSync(path, JSON.stringify({ ...record, sessions: [] }));
    expect(await sweep(scene.stateDir)).toBe(1);
    expect(pids.filter(isAlive)).toEqual([]);
    expect(existsSync(record.podDir)).toBe(false);
  });

  test('what a living node runs is left alone', async () => {
    await using world = await startTestNode();
    await world.create('one', { containers: [script('main', obedient)] });
    await world.until('one', (p) => p?.status?.phase === 'Running');
    expect(await sweep(world.stateDir)).toBe(0);
    expect((await world.get('one'))?.status?.phase).toBe('Running');
  });

  test('a stranger that was given the number of a dead process lives on', async () => {
    using scene = createScene();
    const other = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
    const pid = other.pid ?? 0;
    const startTicks = (readStartTicks(pid) ?? 0) - 1;
    mkdirSync(scene.stateDir);
    const stale: PodRecord = {
      podUid: 'u',
      podDir: join(scene.podsDir, 'u'),
      addressIndex: 0,
      sessions: [{ pid, startTicks }],
      bootId: readBootId(),
      owner: { pid, startTicks },
    };
    writeFileSync(join(scene.stateDir, 'u.json'), JSON.stringify(stale));
    mkdirSync(stale.podDir, { recursive: true });
    expect(await sweep(scene.stateDir)).toBe(1);
    expect(isAlive(pid)).toBe(true);
    expect(existsSync(stale.podDir)).toBe(false);
    other.kill('SIGKILL');
  });
});

const record: PodRecord = {
  podUid: 'u',
  podDir: '/pods/u',
  addressIndex: 7,
  uid: 700_007,
  sessions: [{ pid: 50, startTicks: 200 }],
  bootId: 'b',
  owner: { pid: 40, startTicks: 100 },
};
const stranger: ProcessEntry = { pid: 60, ppid: 1, pgrp: 60, session: 60, startTicks: 300, uid: 1 };
const origin = (podDir: string): Origin => ({ podDir, containerId: 'c' });

test.each<[string, Partial<ProcessEntry>, boolean]>([
  ['a stranger', {}, false],
  ['a member of its session', { session: 50 }, true],
  ['a process with its mark', { marks: { podDir: '/pods/u' } }, true],
  ["a process with another pod's mark", { marks: { podDir: '/pods/v' } }, false],
  ['a process of its user, while its address is held', { uid: 700_007 }, true],
  ['a process of its user with a false mark', { uid: 700_007, marks: { podDir: '/pods/v' } }, true],
  ['a process whose session is known', { origin: origin('/pods/u') }, true],
  [
    "a process whose session is known to be another pod's, whatever else",
    { uid: 700_007, origin: origin('/v') },
    false,
  ],
  ['a process older than the node', { startTicks: 99, uid: 700_007, marks: { podDir: '/pods/u' } }, false],
])('%s', (_name, more, expected) => {
  expect(isOfPod(record, true)({ ...stranger, ...more })).toBe(expected);
});

test('a user id tells nothing while somebody else may hold its address', () => {
  expect(isOfPod(record, false)({ ...stranger, uid: 700_007 })).toBe(false);
});
