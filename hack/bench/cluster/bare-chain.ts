import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Run } from '../run.ts';
import type { ChainOrder, ChainResult } from './chain-order.ts';

/**
 * The least that a product like this costs on an API server: create → another client's watch → its status patch → the creator's
 * watch. Both clients are processes of their own and use Porthole's own client library, on sessions like its own in a namespace
 * that nobody else looks at.
 */
export interface BareChain extends AsyncDisposable {
  run(order: ChainOrder): Promise<ChainResult>;
}

const creator = fileURLToPath(import.meta.resolve('./chain-creator.ts'));
const patcher = fileURLToPath(import.meta.resolve('./chain-patcher.ts'));

async function startClient(program: string, args: readonly string[], nodeFlags: readonly string[]) {
  const child = fork(program, args, { execArgv: [...nodeFlags], stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  const ended = once(child, 'exit');
  await Promise.race([
    once(child.stdout ?? child, 'data'),
    ended.then(() => Promise.reject(new Error(`${program} ended before it was ready`))),
  ]);
  return {
    child,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

function ask(child: ChildProcess, order: ChainOrder): Promise<ChainResult> {
  return new Promise((resolve, reject) => {
    const fail = (): void => reject(new Error('the bare chain ended early'));
    child.once('exit', fail).once('message', (result) => {
      child.off('exit', fail);
      resolve(result as ChainResult);
    });
    child.send(order);
  });
}

/** `namespace` must exist. */
export async function startBareChain(run: Run, kubeconfig: string, namespace: string): Promise<BareChain> {
  await using stack = new AsyncDisposableStack();
  const args = [kubeconfig, namespace];
  stack.use(await startClient(patcher, args, run.nodeFlags));
  const { child } = stack.use(await startClient(creator, args, run.nodeFlags));
  const running = stack.move();
  return { run: (order) => ask(child, order), [Symbol.asyncDispose]: () => running.disposeAsync() };
}
