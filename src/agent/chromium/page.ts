import { setTimeout as delay } from 'node:timers/promises';
import type { Control } from './control.ts';

/** Pixels of the page, without the window's own furniture. */
export interface Viewport {
  readonly width: number;
  readonly height: number;
}

interface TargetInfo {
  readonly targetId: string;
  readonly type: string;
}

async function findPage(control: Control): Promise<string | undefined> {
  const { targetInfos } = await control.call('Target.getTargets');
  return (targetInfos as readonly TargetInfo[]).find((target) => target.type === 'page')?.targetId;
}

/** Runs a line of script that gives a JSON value, in an attached page. */
async function evaluate(control: Control, session: string, expression: string): Promise<unknown> {
  const { result } = await control.call('Runtime.evaluate', { expression, returnByValue: true }, session);
  return (result as { readonly value?: unknown }).value;
}

/**
 * Resolves when a page has run a line of script. DevTools answering is not enough: where the sandbox is denied what it needs, they
 * do, and no renderer ever starts. A browser that is starting takes 20 ms for each answer, so this asks as little as can be.
 */
export async function waitForAnsweringPage(control: Control): Promise<void> {
  const { promise: attached, resolve } = Promise.withResolvers<string>();
  const stop = control.listen('Target.attachedToTarget', ({ sessionId, targetInfo }) => {
    if ((targetInfo as TargetInfo).type === 'page') resolve(sessionId as string);
  });
  const how = { waitForDebuggerOnStart: false, flatten: true };
  await control.call('Target.setAutoAttach', { ...how, autoAttach: true, filter: [{ type: 'page' }] });
  await evaluate(control, await attached, '1');
  stop();
  // Detaches too, if it has no filter. Nobody waits for it; should it fail, then because the browser has just died.
  control.call('Target.setAutoAttach', { ...how, autoAttach: false }).catch(() => undefined);
}

const roomPatienceMs = 2_000;
const lookEveryMs = 5;

/** Chromium hears of another size of the screen a moment later, and until then keeps its windows within the old one. */
async function seesRoom(control: Control, session: string, { width, height }: Viewport): Promise<void> {
  const deadline = performance.now() + roomPatienceMs;
  const expression = `screen.width >= ${width} && screen.height >= ${height}`;
  while (!(await evaluate(control, session, expression)) && performance.now() < deadline) await delay(lookEveryMs);
}

/** Makes the first window so large that its page has the given size, once there is room for it: `makeRoom` gets the window's size. */
export async function fitWindow(
  control: Control,
  { width, height }: Viewport,
  makeRoom?: (window: Viewport) => Promise<void>,
): Promise<void> {
  const targetId = await findPage(control);
  if (targetId === undefined) return;
  const { sessionId } = await control.call('Target.attachToTarget', { targetId, flatten: true });
  const session = sessionId as string;
  const furniture = await evaluate(control, session, '[outerWidth - innerWidth, outerHeight - innerHeight]');
  const [besides = 0, above = 0] = furniture as readonly number[];
  const bounds = { width: width + besides, height: height + above };
  if (makeRoom) {
    // A window as large as its screen is made one pixel smaller: window managers would take it for one in full screen.
    const room = { width: bounds.width + 1, height: bounds.height + 1 };
    await makeRoom(room);
    await seesRoom(control, session, room);
  }
  await control.call('Target.detachFromTarget', { sessionId: session });
  const { windowId } = await control.call('Browser.getWindowForTarget', { targetId });
  await control.call('Browser.setWindowBounds', { windowId, bounds });
}
