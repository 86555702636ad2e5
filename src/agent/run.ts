import { agentExitCodes, ports } from '../api/agent/contract.ts';
import { findWeakness, type Observed, type Requirements } from '../api/agent/requirements.ts';
import type { IsolationKind } from '../api/agent/wire.ts';
import { systemClock } from '../lib/clock.ts';
import { importPublicKey } from '../lib/ticket.ts';
import type { Boot } from './boot.ts';
import { resizeScreen } from './desktop/resize-screen.ts';
import { watchBrowser, type Browser } from './chromium/browser.ts';
import { observeIsolation } from './isolation.ts';
import { findProgram } from './find-program.ts';
import { rehearseUnpacking } from './extensions/rehearse-unpacking.ts';
import { createShelf } from './extensions/shelf.ts';
import { leaveLastWords } from './last-words.ts';
import type { Log } from './log.ts';
import { waitForProxy } from './proxy-ready.ts';
import { createRecorder } from './recorder/recorder.ts';
import { createEgress, type Egress } from './server/egress.ts';
import { rehearse } from './server/rehearse.ts';
import { createSandbox } from './server/sandbox.ts';
import { startAgentServer } from './server/start-server.ts';
import type { Tenancy } from './server/tenancy.ts';
import { createTicketGate } from './server/ticket-gate.ts';
import type { AgentSettings } from './settings.ts';

export interface AgentOptions {
  readonly settings: AgentSettings;
  readonly boot: Boot;
  /** Resolves with the name of the signal that asks the agent to end. */
  readonly stopped: Promise<string>;
  readonly log: Log;
}

interface Outcome {
  readonly exitCode: number;
  readonly reason: string;
}

class WeakSandboxError extends Error {
  override readonly name = 'WeakSandboxError';
}

/** Throws when the pool demands more. */
function judge(requirements: Requirements, observed: Observed): void {
  const weakness = findWeakness(requirements, observed);
  if (weakness) throw new WeakSandboxError(weakness);
}

/** What ends an agent: being asked to, or its browser. */
async function whatEndsIt({ boot, stopped }: AgentOptions, whenUsable: Promise<unknown>): Promise<Outcome> {
  const failed = new Promise<Outcome>((resolve) => {
    whenUsable.catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      const exitCode = error instanceof WeakSandboxError ? agentExitCodes.tooWeak : agentExitCodes.neverUsable;
      resolve({ exitCode, reason });
    });
  });
  const gone = async (): Promise<Outcome> => {
    const how = await boot.browser.ended;
    await whenUsable; // before that, it is the failure above
    return { exitCode: agentExitCodes.browserGone, reason: `Chromium ${how}` };
  };
  const asked = stopped.then((signal) => ({ exitCode: agentExitCodes.told, reason: signal }));
  return Promise.race([failed, asked, gone().catch(() => failed)]);
}

/** The browser, usable once a page, the proxy and what the pool demands are there. */
function watchFor({ settings, boot }: AgentOptions, isolation: IsolationKind): Browser {
  const { requirements, podIp } = settings;
  let hasEnded = false;
  void boot.browser.ended.then(() => (hasEnded = true));
  // What no browser can make good is not waited for.
  const hopeless = findWeakness(requirements, { isolation, sandboxed: true });
  return watchBrowser(boot.browser, {
    proxyReady: hopeless ? Promise.reject(new WeakSandboxError(hopeless)) : waitForProxy(podIp, () => hasEnded),
    judge: (sandboxed) => judge(requirements, { isolation, sandboxed }),
  });
}

/** As long as nobody has the sandbox, for they would wait for it. */
async function rehearseAll({ podIp, workDir }: AgentSettings, egress: Egress, tenancy: Tenancy): Promise<void> {
  const rehearsals = [
    () => rehearse({ host: podIp, port: ports.agent }),
    () => egress.rehearse(),
    // What is wrong with the disk shows to whoever brings an extension.
    () => rehearseUnpacking(workDir).catch(() => undefined),
  ];
  for (const next of rehearsals) if (tenancy.sessionUid === undefined) await next();
}

/** Serves the browser until it ends or the agent is asked to. Resolves to the exit code, with no client left. */
export async function runAgent(options: AgentOptions): Promise<number> {
  const { settings, boot, log } = options;
  const isolation = observeIsolation(settings.isLocalProcess);
  const browser = watchFor(options, isolation);
  const display = boot.desktop ? 'headful' : 'headless';
  const rfbSocket = boot.desktop?.rfbSocket;
  const recorder = createRecorder({
    program: findProgram(['ffmpeg'], settings.searchPath),
    screen: boot.desktop?.env,
    workDir: settings.workDir,
    framesPerSecond: settings.recordingRate,
    maxBytes: settings.recordingMaxBytes,
    now: Date.now,
    log,
  });
  const egress = createEgress(settings.podIp);
  const shelf = createShelf(settings.workDir);
  const sandbox = createSandbox({
    browser,
    display,
    resizeScreen: rfbSocket === undefined ? undefined : (size) => resizeScreen(rfbSocket, size),
    isolation,
    clock: systemClock,
    recorder,
    egress,
    shelf,
  });
  const key = importPublicKey(settings.ticketKey);
  const gate = createTicketGate({ key, podUid: settings.podUid, now: Date.now });
  const server = await startAgentServer({
    host: settings.podIp,
    port: ports.agent,
    sandbox,
    gate,
    recorder,
    egress,
    shelf,
    rfbSocket,
    log,
  });
  browser.whenUsable.then(
    ({ product, sandboxed, bootMs }) => {
      log(30, 'the browser is usable', { product, sandboxed, display, bootMs });
      // Not before, for it would take from the browser's start.
      void rehearseAll(settings, egress, sandbox.tenancy);
    },
    () => undefined,
  );
  const { exitCode, reason } = await whatEndsIt(options, browser.whenUsable);
  const isTold = exitCode === agentExitCodes.told;
  await recorder.conclude(isTold ? 'SessionEnded' : 'BrowserGone');
  log(isTold ? 30 : 40, 'the agent ends', { reason, exitCode });
  if (!isTold) leaveLastWords(reason);
  server[Symbol.dispose]();
  return exitCode;
}
