import type {
  AgentStatus,
  BindRequest,
  EndIfIdleAnswer,
  EndIfUnusedAnswer,
  IsolationKind,
} from '../../api/agent/wire.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Browser, UsableBrowser } from '../chromium/browser.ts';
import type { Viewport } from '../chromium/page.ts';
import type { Shelf } from '../extensions/shelf.ts';
import type { Recorder } from '../recorder/recorder.ts';
import { createActivityWatch, type ActivityWatch } from './activity-watch.ts';
import { createAudience, type Audience } from './audience.ts';
import type { Egress } from './egress.ts';
import { createFurnish } from './furnish.ts';
import { Refusal } from './refusal.ts';
import { createTenancy, type Tenancy } from './tenancy.ts';

export interface SandboxOptions {
  readonly browser: Browser;
  readonly display: 'headful' | 'headless';
  /** Makes the screen so large; undefined: there is none. */
  readonly resizeScreen: ((size: Viewport) => Promise<void>) | undefined;
  readonly isolation: IsolationKind;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly recorder: Recorder;
  readonly egress: Egress;
  readonly shelf: Shelf;
}

/** The one browser of this pod and its one session. */
export interface Sandbox {
  readonly tenancy: Tenancy;
  readonly activity: ActivityWatch;
  /** Who looks at its screen. */
  readonly audience: Audience;
  /** Whether a client that connects now would succeed. */
  readonly isUsable: boolean;
  /** Throws `not_ready` or `browser_gone`. */
  requireBrowser(): UsableBrowser;
  /** Waits until the browser is usable. Throws `spent`, `not_ready`, `browser_gone`. */
  bind(request: BindRequest): Promise<void>;
  endIfIdle(idleForMs: number): EndIfIdleAnswer;
  endIfUnused(): EndIfUnusedAnswer;
  status(): AgentStatus;
  /** Calls `fn` when the session ends. */
  onEnd(fn: () => void): void;
}

const nothingYet = { product: '', sandboxed: false, bootMs: 0 } as const;

export function createSandbox({
  browser,
  display,
  resizeScreen,
  isolation,
  clock,
  recorder,
  egress,
  shelf,
}: SandboxOptions): Sandbox {
  const tenancy = createTenancy();
  const activity = createActivityWatch(clock);
  const audience = createAudience();
  let binding: Promise<void> | undefined;

  const whenUsable = (): Promise<UsableBrowser> =>
    browser.whenUsable.catch((cause: unknown) => {
      throw new Refusal('not_ready', cause instanceof Error ? cause.message : String(cause), { cause });
    });
  const requireBrowser = (): UsableBrowser => {
    if (!browser.isAlive) throw new Refusal('browser_gone', 'The browser of this sandbox is gone.');
    if (!browser.usable) throw new Refusal('not_ready', 'The browser of this sandbox is starting.');
    return browser.usable;
  };
  const furnish = createFurnish({ whenUsable, requireBrowser, display, resizeScreen, recorder, egress, shelf });
  const phase = (): AgentStatus['phase'] => {
    if (tenancy.hasEnded || !browser.isAlive) return 'ended';
    if (!browser.usable) return 'starting';
    return tenancy.sessionUid === undefined ? 'ready' : 'bound';
  };

  const ending = createEnding(tenancy, activity);
  ending.onEnd(() => void recorder.conclude('SessionEnded'));

  return {
    tenancy,
    activity,
    audience,
    requireBrowser,
    get isUsable() {
      return browser.usable !== undefined && !tenancy.hasEnded;
    },
    bind: async (request) => {
      // At once, before anything is waited for: of two that ask at the same time one must hear that it is too late.
      tenancy.take(request.sessionUid);
      await (binding ??= furnish(request).then(() => activity.begin(request.idlePolicy)));
      requireBrowser();
      tenancy.check(request.sessionUid);
    },
    ...ending,
    status: () => {
      const { product, sandboxed, bootMs } = browser.usable ?? nothingYet;
      return {
        phase: phase(),
        ...(tenancy.sessionUid !== undefined && { sessionUid: tenancy.sessionUid }),
        browser: { alive: browser.isAlive, product, sandboxed, display, bootMs },
        isolation,
        activity: activity.read(),
        viewers: audience.size,
      };
    },
  };
}

/** No await from the question to the deed: a client that attaches comes before both or after both. */
function createEnding(tenancy: Tenancy, activity: ActivityWatch): Pick<Sandbox, 'endIfIdle' | 'endIfUnused' | 'onEnd'> {
  const onEnd: (() => void)[] = [];
  const end = (): void => {
    tenancy.end();
    for (const fn of onEnd) fn();
  };
  return {
    endIfIdle: (idleForMs) => {
      const answer = { ended: activity.isIdleFor(idleForMs), ...activity.read() };
      if (answer.ended) end();
      return answer;
    },
    endIfUnused: () => {
      const answer = { ended: !activity.isUsed };
      if (answer.ended) end();
      return answer;
    },
    onEnd: (fn) => void onEnd.push(fn),
  };
}
