import { join } from 'node:path';
import { startTestNode, script } from './test-node.ts';

/**
 * A program for tests of what follows a kill -9: a node with one pod whose processes heed no SIGTERM; says the pod's uid when
 * they all run. Argument: the folder for its state.
 */
const dir = process.argv[2] ?? '';

/** A main process, a child, a grandchild in a session of its own, and a child whose parent is dead; each notes its pid. */
const tree = `
  trap "" TERM
  note() { echo $1 >> "$VOLUME_work/pids"; }
  note $$
  sh -c 'trap "" TERM; echo $$ >> "$VOLUME_work/pids"; setsid sh -c "echo \\$\\$ >> \\$VOLUME_work/pids; exec sleep 600" & wait' &
  sh -c 'sleep 600 & echo $! >> "$VOLUME_work/pids"'
  while :; do sleep 1; done`;

const world = await startTestNode({ stateDir: join(dir, 'state'), podsDir: join(dir, 'pods') });
const pod = await world.create('doomed', {
  containers: [script('main', tree)],
  volumes: [{ name: 'work', emptyDir: {} }],
});
await world.until('doomed', (p) => p?.status?.phase === 'Running');
process.stdout.write(`${pod.metadata.uid}\n`);
