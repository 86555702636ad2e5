import { setTimeout as delay } from 'node:timers/promises';
import { paths, ports } from '../api/agent/contract.ts';
import { request } from '../lib/http.ts';

const lookEveryMs = 25;
/** It is a process of the same pod: it answers at once or is not there yet. */
const answerWithinMs = 1_000;

/** Resolves when the pod's egress proxy takes requests, which without it lead nowhere; for ever, until `isOver` says that nobody asks. */
export async function waitForProxy(podIp: string, isOver: () => boolean): Promise<void> {
  while (!isOver() && !(await isProxyReady(podIp))) await delay(lookEveryMs);
}

function isProxyReady(host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asking = request({ host, port: ports.proxyHealth, path: paths.ready }, (response) => {
      resolve(response.statusCode === 200);
      response.resume();
    });
    asking.setTimeout(answerWithinMs, () => void asking.destroy());
    asking.once('error', () => resolve(false)).once('close', () => resolve(false));
    asking.end();
  });
}
