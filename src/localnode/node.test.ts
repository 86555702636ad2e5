import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  obedient,
  runScripts,
  script,
  startTestNode,
  stubborn,
  testNamespace,
  type TestNode,
} from '../../test/support/test-node.ts';
import { configMaps, pods, secrets } from '../kube/builtins.ts';
import { StoreError, type StoreReason } from '../kube/store-error.ts';
import type { Store } from '../kube/store.ts';
import { createSteppedClock } from '../lib/clock.ts';
import type { Pod } from '../lib/kubernetes.ts';
import { formatTime } from '../lib/time.ts';
import { parseStat } from './process-table.ts';

const phaseIs =
  (phase: string) =>
  (pod: Pod | undefined): boolean =>
    pod?.status?.phase === phase;
const isGone = (pod: Pod | undefined): boolean => pod === undefined;
const isReady = (pod: Pod | undefined): boolean =>
  pod?.status?.conditions?.find((c) => c.type === 'Ready')?.status === 'True';
const requests = (cpu: string) => ({ resources: { requests: { cpu } } });
const volume = (world: TestNode, pod: Pod, name: string): string =>
  `${world.podsDir}/${pod.metadata.uid}/volumes/${name}`;
/** A loopback port that answers HTTP once the file $VOLUME_work/up exists, 503 before. */
const server = (port: number): string => `
  const { existsSync } = require('node:fs');
  require('node:http').createServer((_, r) => { r.statusCode = existsSync(process.env.VOLUME_work + '/up') ? 200 : 503; r.end(); })
    .listen(${port}, process.env.POD_IP);
  process.on('SIGTERM', () => process.exit(0));`;
/** A zombie is dead: removing it is its parent's business. */
const isAlive = (pid: string): boolean =>
  existsSync(`/proc/${pid}/stat`) && parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8')) !== undefined;
/** A shell needs a moment until its trap is set. */
const untilItListens = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 100));
/** Machines are slow at times. */
const eventually = <T>(look: () => T) => expect.poll(look, { timeout: 10_000 });
const podIpVariable = { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } };
const workVolume = { volumes: [{ name: 'work', emptyDir: {} }] };

describe('a pod', () => {
  test('runs, is ready, has an address of its own, and vanishes soon after its deletion', async () => {
    await using world = await startTestNode();
    const { metadata } = await world.create('one', { containers: [script('main', obedient)] });
    const pod = await world.until('one', phaseIs('Running'));
    expect(pod.spec.nodeName).toBe('local');
    expect(pod.status).toMatchObject({
      podIP: expect.stringMatching(/^127\.77\./) as string,
      hostIP: '127.0.0.1',
      containerStatuses: [{ name: 'main', image: 'sh', ready: true, started: true, restartCount: 0 }],
    });
    expect(isReady(pod)).toBe(true);
    expect(existsSync(`${world.podsDir}/${metadata.uid}`)).toBe(true);
    const startMs = performance.now();
    await world.remove('one');
    await world.until('one', isGone);
    expect(performance.now() - startMs).toBeLessThan(5_000);
    expect(readdirSync(world.podsDir)).toEqual([]);
    expect(readdirSync(world.stateDir)).toEqual([]);
    expect(world.node.used()).toEqual({ cpuMillis: 0, memoryBytes: 0, pods: 0 });
  });

  test('is Ready again when somebody has called it unready', async () => {
    await using world = await startTestNode();
    await world.create('one', { containers: [script('main', obedient)] });
    const { metadata, status } = await world.until('one', isReady);
    // As kube-controller-manager does with the Pods of a node that has not reported for long.
    const lastTransitionTime = formatTime(Date.now() + 60_000);
    const conditions = (status?.conditions ?? []).map((condition) =>
      condition.type === 'Ready' ? { ...condition, status: 'False', lastTransitionTime } : condition,
    );
    await world.store.patchStatus(pods, metadata, { conditions });
    await world.until('one', isReady);
    expect(world.seen.slice(-2).map(isReady)).toEqual([false, true]);
  });

  test('tells its whole life in a few status writes, the last before it is gone', async () => {
    await using world = await startTestNode();
    await world.create('one', { containers: [script('main', obedient)] });
    await world.until('one', isReady);
    await untilItListens();
    await world.remove('one');
    await world.until('one', isGone);
    const ready = (pod: Pod): string => pod.status?.conditions?.find((c) => c.type === 'Ready')?.status ?? '-';
    expect(
      world.seen.map((p) => `${p.status?.phase ?? '-'} ${ready(p)}${p.metadata.deletionTimestamp ? ' ending' : ''}`),
    ).toEqual([
      '- -', // created
      '- -', // assigned
      'Running True',
      'Running True ending', // deletion asked for
      'Succeeded False ending',
      'Succeeded False ending', // gone
    ]);
  });

  test('that completes succeeds, that fails fails, and neither keeps anything', async () => {
    await using world = await startTestNode();
    await world.create('good', { restartPolicy: 'Never', containers: [script('main', 'exit 0')] });
    await world.create('bad', {
      restartPolicy: 'Never',
      containers: [
        script('main', 'echo out of cheese >&2; exit 3', { terminationMessagePolicy: 'FallbackToLogsOnError' }),
      ],
    });
    const good = await world.until('good', phaseIs('Succeeded'));
    expect(good.status?.containerStatuses?.[0]?.state?.terminated).toMatchObject({ exitCode: 0, reason: 'Completed' });
    const bad = await world.until('bad', phaseIs('Failed'));
    expect(bad.status?.containerStatuses?.[0]?.state?.terminated).toMatchObject({
      exitCode: 3,
      reason: 'Error',
      message: 'out of cheese',
    });
    expect(world.node.used().pods).toBe(0);
    expect(readdirSync(world.podsDir)).toEqual([]);
    await world.remove('bad');
    await world.until('bad', isGone);
  });

  test('has what its spec refers to: fields, Secrets, ConfigMaps, volumes', async () => {
    await using world = await startTestNode();
    const meta = (name: string) => ({ name, namespace: testNamespace });
    const data = { key: Buffer.from('hidden').toString('base64') };
    await world.store.create(secrets, { apiVersion: 'v1', kind: 'Secret', metadata: meta('s'), data });
    const pod = await world.create('one', {
      containers: [
        script('main', `cp -r "$VOLUME_secret/." "$VOLUME_work"; env > "$VOLUME_work/env"; ${obedient}`, {
          env: [
            { name: 'KEY', valueFrom: { secretKeyRef: { name: 's', key: 'key' } } },
            { name: 'MAPPED', valueFrom: { configMapKeyRef: { name: 'late', key: 'a' } } },
            { name: 'UID_OF_POD', valueFrom: { fieldRef: { fieldPath: 'metadata.uid' } } },
            podIpVariable,
          ],
        }),
      ],
      volumes: [
        { name: 'work', emptyDir: {} },
        { name: 'secret', secret: { secretName: 's', items: [{ key: 'key', path: 'deep/er/file' }] } },
      ],
    });
    const waiting = await world.until('one', (p) => p?.status?.containerStatuses !== undefined);
    expect(waiting.status?.containerStatuses?.[0]?.state?.waiting).toEqual({
      reason: 'CreateContainerConfigError',
      message: "couldn't find key a in ConfigMap late",
    });
    await world.store.create(configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: meta('late'),
      data: { a: 'b' },
    });
    const running = await world.until('one', phaseIs('Running'));
    const work = volume(world, pod, 'work');
    await eventually(() => existsSync(`${work}/env`) && readFileSync(`${work}/env`, 'utf8')).toContain('POD_IP=');
    const env = readFileSync(`${work}/env`, 'utf8').split('\n');
    expect(env).toEqual(
      expect.arrayContaining([
        'KEY=hidden',
        'MAPPED=b',
        `UID_OF_POD=${pod.metadata.uid}`,
        `POD_IP=${running.status?.podIP ?? ''}`,
      ]),
    );
    expect(env.some((line) => line.startsWith('HOME='))).toBe(false); // nothing is inherited
    expect(readFileSync(`${work}/deep/er/file`, 'utf8')).toBe('hidden');
    expect(statSync(work).mode & 0o777).toBe(0o700);
  });

  test.skipIf(process.getuid?.() !== 0)('has a user of its own, and no process of that user outlives it', async () => {
    await using world = await startTestNode({ firstUid: 710_000 });
    // Becomes its own user and leaves a child that has a session of its own, no environment and init for a parent.
    const text = `
      const id = Number(process.env.RUN_AS);
      process.setgroups([]); process.setgid(id); process.setuid(id);
      const fs = require('node:fs');
      require('node:child_process').spawn('/bin/sh', ['-c', 'setsid env -i sleep 600 & echo $! > ' + process.env.VOLUME_work + '/pid']);
      process.on('SIGTERM', () => process.exit(0)); setInterval(() => {}, 1000);`;
    const pod = await world.create('one', {
      containers: [{ name: 'main', image: 'node', args: [text] }],
      ...workVolume,
    });
    await world.until('one', phaseIs('Running'));
    const pidFile = `${volume(world, pod, 'work')}/pid`;
    await eventually(() => existsSync(pidFile) && readFileSync(pidFile, 'utf8')).toMatch(/\d+\n/);
    const pid = readFileSync(pidFile, 'utf8').trim();
    const { uid } = statSync(pidFile);
    expect(uid).toBeGreaterThanOrEqual(710_000);
    expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toContain(`Uid:\t${uid}\t`);
    await world.remove('one');
    await world.until('one', isGone);
    expect(isAlive(pid)).toBe(false);
  });

  test('whose image or program does not exist says so', async () => {
    await using world = await startTestNode();
    await world.create('image', { containers: [{ name: 'main', image: 'none' }] });
    await world.create('program', { restartPolicy: 'Never', containers: [{ name: 'main', image: 'broken' }] });
    const image = await world.until('image', (p) => p?.status?.containerStatuses !== undefined);
    expect(image.status).toMatchObject({
      phase: 'Pending',
      containerStatuses: [{ state: { waiting: { reason: 'ErrImageNeverPull' } } }],
    });
    const program = await world.until('program', phaseIs('Failed'));
    expect(program.status?.containerStatuses?.[0]?.state?.terminated).toMatchObject({
      exitCode: 128,
      reason: 'StartError',
    });
  });
});

describe('containers', () => {
  test('start in order: init, then the sidecar, then main containers; and end in the reverse', async () => {
    await using world = await startTestNode();
    const note = (text: string): string => `echo ${text} >> "$ORDER"`;
    const order = `${world.dir}/order`;
    const env = [{ name: 'ORDER', value: order }];
    const noting = (name: string): string =>
      `trap 'echo ${name}- >> $ORDER; exit 0' TERM; ${note(`${name}+`)}; while :; do sleep 60 & wait; done`;
    // A sidecar without a startup probe has started when its process has: what it does first may come after this.
    const sideIsUp = 'until grep -q side+ "$ORDER"; do sleep 0.02; done';
    await world.create('one', {
      initContainers: [
        script('init', `sleep 0.1; ${note('init')}`, { env }),
        script('side', noting('side'), { env, restartPolicy: 'Always' }),
        script('late', `${sideIsUp}; ${note('late')}`, { env }),
      ],
      containers: [script('main', noting('main'), { env })],
    });
    const pod = await world.until('one', isReady);
    expect(
      pod.status?.initContainerStatuses?.map((s) => [s.name, s.ready, s.state && Object.keys(s.state)[0]]),
    ).toEqual([
      ['init', true, 'terminated'],
      ['side', true, 'running'],
      ['late', true, 'terminated'],
    ]);
    await eventually(() => readFileSync(order, 'utf8')).toContain('main+');
    await world.remove('one');
    await world.until('one', isGone);
    expect(readFileSync(order, 'utf8').trim().split('\n')).toEqual([
      'init',
      'side+',
      'late',
      'main+',
      'main-',
      'side-',
    ]);
  });

  test('a sidecar that dies is started again while the main container runs on; a dead main container takes it along', async () => {
    await using world = await startTestNode();
    const pod = await world.create('one', {
      restartPolicy: 'Never',
      initContainers: [
        script('side', `if [ -e "$VOLUME_work/again" ]; then ${obedient}; fi; touch "$VOLUME_work/again"; exit 1`, {
          restartPolicy: 'Always',
        }),
      ],
      containers: [script('main', 'while [ ! -e "$VOLUME_work/stop" ]; do sleep 0.05; done; exit 1')],
      ...workVolume,
    });
    const restarted = await world.until('one', (p) => p?.status?.initContainerStatuses?.[0]?.restartCount === 1);
    expect(restarted.status?.phase).not.toBe('Failed');
    const running = await world.until('one', isReady);
    expect(running.status?.initContainerStatuses?.[0]).toMatchObject({
      lastState: { terminated: { exitCode: 1 } },
      state: { running: {} },
    });
    writeFileSync(`${volume(world, pod, 'work')}/stop`, '');
    const failed = await world.until('one', phaseIs('Failed'));
    expect(failed.status?.initContainerStatuses?.[0]?.state?.terminated).toBeDefined();
  });

  test('a container that keeps dying backs off, by the clock', async () => {
    const clock = createSteppedClock();
    await using world = await startTestNode({ clock });
    await world.create('one', { containers: [script('main', 'exit 7')] });
    const first = await world.until(
      'one',
      (p) => p?.status?.containerStatuses?.[0]?.state?.waiting?.reason === 'CrashLoopBackOff',
    );
    expect(first.status).toMatchObject({
      phase: 'Running',
      containerStatuses: [{ restartCount: 1, lastState: { terminated: { exitCode: 7 } } }],
    });
    await clock.step(9_900);
    expect((await world.get('one'))?.status?.containerStatuses?.[0]?.restartCount).toBe(1);
    await clock.step(200);
    await world.until('one', (p) => p?.status?.containerStatuses?.[0]?.restartCount === 2);
    await world.until(
      'one',
      (p) => p?.status?.containerStatuses?.[0]?.state?.waiting?.message?.startsWith('back-off 20s') === true,
    );
  });

  test('a readiness probe decides on Ready, found within a moment of the truth', async () => {
    await using world = await startTestNode();
    const pod = await world.create('one', {
      containers: [
        {
          name: 'main',
          image: 'node',
          args: [server(7700)],
          env: [podIpVariable],
          ports: [{ name: 'http', containerPort: 7700 }],
          readinessProbe: { httpGet: { path: '/readyz', port: 'http' }, periodSeconds: 10 },
        },
      ],
      ...workVolume,
    });
    await world.until('one', phaseIs('Running'));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(isReady(await world.get('one'))).toBe(false);
    const startMs = performance.now();
    writeFileSync(`${volume(world, pod, 'work')}/up`, '');
    await world.until('one', isReady);
    expect(performance.now() - startMs).toBeLessThan(5_000);
  });

  test('a failed liveness probe restarts the container, after its startup probe has let it', async () => {
    await using world = await startTestNode();
    const pod = await world.create('one', {
      containers: [
        {
          name: 'main',
          image: 'node',
          args: [server(7700)],
          env: [podIpVariable],
          startupProbe: { tcpSocket: { port: 7700 }, failureThreshold: 30, periodSeconds: 1 },
          livenessProbe: { httpGet: { port: 7700 }, periodSeconds: 1, failureThreshold: 1 },
        },
      ],
      ...workVolume,
    });
    const restarted = await world.until('one', (p) => p?.status?.containerStatuses?.[0]?.restartCount === 1);
    expect(restarted.status?.containerStatuses?.[0]?.lastState?.terminated).toMatchObject({ exitCode: 0 });
    writeFileSync(`${volume(world, pod, 'work')}/up`, '');
    await world.until('one', isReady);
  });
});

describe('placing', () => {
  test('a pod that does not fit waits, says why, and is placed when something has become free', async () => {
    await using world = await startTestNode({ capacity: { cpuMillis: 1000, memoryBytes: 2 ** 30, pods: 10 } });
    await world.create('one', { containers: [script('main', obedient, requests('800m'))] });
    await world.until('one', phaseIs('Running'));
    await world.create('two', { containers: [script('main', obedient, requests('500m'))] });
    await world.create('small', { containers: [script('main', obedient, requests('200m'))] });
    await world.until('small', phaseIs('Running'));
    const two = await world.until('two', (p) => p?.status?.conditions !== undefined);
    expect(two.spec.nodeName).toBeUndefined();
    expect(two.status).toMatchObject({
      phase: 'Pending',
      conditions: [
        {
          type: 'PodScheduled',
          status: 'False',
          reason: 'Unschedulable',
          message: '0/1 nodes are available: 1 Insufficient cpu.',
        },
      ],
    });
    expect(world.node.used()).toMatchObject({ cpuMillis: 1000, pods: 2 });
    await world.remove('one');
    const placed = await world.until('two', phaseIs('Running'));
    expect(placed.status?.conditions?.filter((c) => c.type === 'PodScheduled').map((c) => c.status)).toEqual(['True']);
  });

  test('a pod that somebody else assigned beyond capacity is refused; one for another node is left alone', async () => {
    await using world = await startTestNode({
      schedules: false,
      capacity: { cpuMillis: 1000, memoryBytes: 0, pods: 10 },
    });
    await world.create('large', { nodeName: 'local', containers: [script('main', obedient, requests('2'))] });
    await world.create('other', { nodeName: 'elsewhere', containers: [script('main', obedient)] });
    await world.create('unplaced', { containers: [script('main', obedient)] });
    await world.create('fits', { nodeName: 'local', containers: [script('main', obedient, requests('1'))] });
    await world.until('fits', phaseIs('Running'));
    const large = await world.until('large', phaseIs('Failed'));
    expect(large.status?.reason).toBe('OutOfcpu');
    for (const name of ['other', 'unplaced']) expect((await world.get(name))?.status).toBeUndefined();
    await world.remove('large');
    await world.until('large', isGone);
  });

  test('twenty pods at once all run, each at an address of its own', async () => {
    await using world = await startTestNode();
    const names = Array.from({ length: 20 }, (_, i) => `p${i}`);
    for (const name of names) await world.create(name, { containers: [script('main', obedient)] });
    const running = await Promise.all(names.map((name) => world.until(name, phaseIs('Running'))));
    expect(new Set(running.map((p) => p.status?.podIP)).size).toBe(20);
    for (const name of names) await world.remove(name);
    await Promise.all(names.map((name) => world.until(name, isGone)));
    expect(world.node.used().pods).toBe(0);
  });
});

describe('the end', () => {
  test('activeDeadlineSeconds end a pod by the clock', async () => {
    const clock = createSteppedClock();
    await using world = await startTestNode({ clock });
    await world.create('one', {
      activeDeadlineSeconds: 60,
      initContainers: [script('side', obedient, { restartPolicy: 'Always' })],
      containers: [script('main', obedient)],
    });
    await world.until('one', phaseIs('Running'));
    await clock.step(59_000);
    expect((await world.get('one'))?.status?.phase).toBe('Running');
    await clock.step(1_500);
    const pod = await world.until('one', phaseIs('Failed'));
    expect(pod.status).toMatchObject({ reason: 'DeadlineExceeded' });
    expect(world.node.used().pods).toBe(0);
  });

  test('activeDeadlineSeconds may be shortened while the pod runs', async () => {
    const clock = createSteppedClock();
    await using world = await startTestNode({ clock });
    const { metadata } = await world.create('one', {
      activeDeadlineSeconds: 3_600,
      containers: [script('main', obedient)],
    });
    await world.until('one', phaseIs('Running'));
    await world.store.patch(pods, metadata, { spec: { activeDeadlineSeconds: 60 } });
    await clock.step(61_000);
    expect((await world.until('one', phaseIs('Failed'))).status?.reason).toBe('DeadlineExceeded');
  });

  test('a container that ignores SIGTERM is killed when its grace is over, and not before', async () => {
    await using world = await startTestNode();
    await world.create('one', { terminationGracePeriodSeconds: 1, containers: [script('main', stubborn)] });
    await world.until('one', phaseIs('Running'));
    await untilItListens();
    const startMs = performance.now();
    await world.remove('one');
    const last = await world.until('one', phaseIs('Failed'));
    expect(last.status?.containerStatuses?.[0]?.state?.terminated).toMatchObject({ exitCode: 137, signal: 9 });
    await world.until('one', isGone);
    expect(performance.now() - startMs).toBeGreaterThan(950);
    expect(performance.now() - startMs).toBeLessThan(5_000);
  });

  test('a pod that is deleted outright ends too, and a new one of its name runs beside', async () => {
    await using world = await startTestNode();
    const first = await world.create('one', { containers: [script('main', obedient)] });
    await world.until('one', phaseIs('Running'));
    await world.store.delete(pods, first.metadata, { gracePeriodSeconds: 0 });
    const second = await world.create('one', { containers: [script('main', obedient)] });
    await world.until('one', phaseIs('Running'));
    await eventually(() => readdirSync(world.podsDir)).toEqual([second.metadata.uid]);
    expect(world.node.used().pods).toBe(1);
  });

  test('a pod that is deleted before it could start is gone at once', async () => {
    await using world = await startTestNode();
    await world.create('one', { containers: [{ name: 'main', image: 'none' }] });
    await world.until('one', (p) => p?.status?.containerStatuses !== undefined);
    await world.remove('one');
    await world.until('one', isGone);
    expect(readdirSync(world.podsDir)).toEqual([]);
  });

  test('a node that stops ends all its pods within four seconds, the stubborn included', async () => {
    const world = await startTestNode();
    const grace = { terminationGracePeriodSeconds: 30 };
    const initContainers = [script('side', stubborn, { restartPolicy: 'Always' })];
    await world.create('stubborn', { ...grace, initContainers, containers: [script('main', stubborn)] });
    await world.create('nice', { containers: [script('main', obedient)] });
    await world.until('stubborn', phaseIs('Running'));
    await world.until('nice', phaseIs('Running'));
    const startMs = performance.now();
    await world.node[Symbol.asyncDispose]();
    expect(performance.now() - startMs).toBeLessThan(4_000);
    expect(readdirSync(world.podsDir)).toEqual([]);
    expect(readdirSync(world.stateDir)).toEqual([]);
    const reasons = [await world.get('stubborn'), await world.get('nice')].map((p) => p?.status?.reason);
    expect(reasons).toEqual(['Terminated', 'Terminated']);
    await world[Symbol.asyncDispose]();
  });

  test('what a node finds as running in the store ran on one that is gone: restart policy decides', async () => {
    await using world = await startTestNode({ schedules: false });
    const running = { running: { startedAt: '2026-01-01T00:00:00.000Z' } };
    const adopt = async (name: string, restartPolicy: string): Promise<void> => {
      const pod = await world.create(name, { restartPolicy, containers: [script('main', obedient)] });
      const status = { name: 'main', image: 'sh', imageID: '', containerID: 'x', ready: true, restartCount: 0 };
      await world.store.patchStatus(pods, pod.metadata, {
        phase: 'Running',
        containerStatuses: [{ ...status, state: running }],
      });
      await world.store.patch(pods, pod.metadata, { spec: { nodeName: 'local' } });
    };
    await adopt('once', 'Never');
    await adopt('always', 'Always');
    const once = await world.until('once', phaseIs('Failed'));
    expect(once.status?.containerStatuses?.[0]?.state?.terminated?.reason).toBe('ContainerStatusUnknown');
    const always = await world.until('always', (p) => p?.status?.containerStatuses?.[0]?.restartCount === 1);
    expect(always.status?.phase).toBe('Running');
  });
});

test.each<[string, StoreReason, { patch: number; patchStatus: number; delete: number }]>([
  ['that cannot be written to for a while', 'Unavailable', { patch: 1, patchStatus: 2, delete: 1 }],
  ['that does not know a pod for a while', 'NotFound', { patch: 0, patchStatus: 1, delete: 1 }],
])('a store %s is written to later', async (_name, reason, left) => {
  const failAtFirst = (call: keyof typeof left): Promise<void> =>
    left[call]-- > 0 ? Promise.reject(new StoreError(reason, 'not now')) : Promise.resolve();
  await using world = await startTestNode({
    disturb: (store): Store => ({
      get: store.get.bind(store),
      list: store.list.bind(store),
      watch: store.watch.bind(store),
      create: store.create.bind(store),
      update: store.update.bind(store),
      apply: store.apply.bind(store),
      patch: (...args) => failAtFirst('patch').then(() => store.patch(...args)),
      patchStatus: (...args) => failAtFirst('patchStatus').then(() => store.patchStatus(...args)),
      delete: (...args) => failAtFirst('delete').then(() => store.delete(...args)),
    }),
  });
  await world.create('p', { containers: [script('main', obedient)] });
  const pod = await world.until('p', phaseIs('Running'));
  expect(pod.status?.containerStatuses?.[0]?.restartCount).toBe(0);
  await world.remove('p');
  await world.until('p', isGone);
  expect(world.node.used().pods).toBe(0);
  expect(Math.max(...Object.values(left))).toBeLessThanOrEqual(0);
});

test('two nodes in one process mind their own pods', async () => {
  await using one = await startTestNode();
  await using two = await startTestNode({ commandFor: runScripts });
  await one.create('p', { containers: [script('main', obedient)] });
  await two.create('p', { containers: [script('main', obedient)] });
  const [a, b] = await Promise.all([one.until('p', phaseIs('Running')), two.until('p', phaseIs('Running'))]);
  expect(a.status?.podIP).not.toBe(b.status?.podIP);
  await one.node[Symbol.asyncDispose]();
  expect((await two.get('p'))?.status?.phase).toBe('Running');
});
