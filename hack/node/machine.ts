import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { diesWithParent, firstChildOf } from '../cluster/managed-process.ts';
import { nodeNetwork } from './network.ts';
import { systemPath } from './requirements.mjs';

/**
 * A machine within the machine: network, mounts and processes of its own. It ends with this process however that ends, and with it
 * all that was started in it.
 */
export interface Machine extends AsyncDisposable {
  /** Of its first process, as this machine counts. */
  readonly pid: number;
  /** The command line for a program in its network, and otherwise of this machine. */
  readonly inNetwork: (argv: readonly string[]) => readonly string[];
  /** The command line for a program in all of it; the program is the child of what is started. */
  readonly inside: (argv: readonly string[]) => readonly string[];
  /** Path by which this machine sees one of its files. */
  readonly fileAt: (file: string) => string;
}

const script = path.join(import.meta.dirname, 'machine.sh');

function spawnHolder(dir: string): ChildProcess {
  const { bridge, address, prefixLength } = nodeNetwork;
  const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const first = ['bash', script, dir, bridge, `${address}/${prefixLength}`];
  const [program = '', ...args] = diesWithParent(['unshare', ...namespaces, ...first]);
  return spawn(program, args, {
    env: { PATH: systemPath },
    // A session of its own: Ctrl-C in a terminal reaches the launcher alone.
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

/** The command line for a program in the network of another process. */
export const inNetworkOf = (pid: number, argv: readonly string[]): readonly string[] => [
  'nsenter',
  `--net=/proc/${pid}/ns/net`,
  '--',
  ...argv,
];

async function untilSetUp(holder: ChildProcess): Promise<void> {
  let said = '';
  let complaint = '';
  holder.stdout?.setEncoding('utf8').on('data', (text: string) => (said += text));
  holder.stderr?.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  await new Promise<void>((resolve, reject) => {
    holder.stdout?.on('data', () => {
      if (said.includes('ready')) resolve();
    });
    const fail = (how: string): void =>
      reject(
        new Error(`This machine does not let a node have namespaces and mounts of its own: ${complaint.trim() || how}`),
      );
    holder.once('error', (error) => fail(error.message));
    holder.once('close', (code, signal) => fail(`ended with ${code ?? signal ?? '?'}`));
  });
}

/** `dir`: the node's own folder, absolute; the only one that it shares with this machine for writing. */
export async function startMachine(dir: string): Promise<Machine> {
  const holder = spawnHolder(dir);
  await untilSetUp(holder);
  const pid = firstChildOf(holder.pid ?? 0);
  if (pid === undefined) throw new Error('The node has no first process.');
  return {
    pid,
    inNetwork: (argv) => inNetworkOf(pid, argv),
    inside: (argv) => ['nsenter', `--target=${pid}`, '--net', '--mount', '--pid', '--', ...diesWithParent(argv)],
    fileAt: (file) => `/proc/${pid}/root${file}`,
    [Symbol.asyncDispose]: async () => {
      if (holder.exitCode !== null || holder.signalCode !== null) return;
      holder.stdin?.end();
      await once(holder, 'exit');
    },
  };
}
