import { afterEach, describe, expect, it } from 'vitest';
import { startTestAgent, type TestAgent } from '../../test/support/test-agent.ts';
import { connectControl, type Control } from './chromium/control.ts';

let agent: TestAgent | undefined;
let control: Control | undefined;
afterEach(async () => {
  control?.[Symbol.dispose]();
  await agent?.[Symbol.asyncDispose]();
});

async function start(index: number, display: 'headful' | 'headless'): Promise<TestAgent> {
  agent = await startTestAgent({ index, environment: { PORTHOLE_DISPLAY: display } });
  await agent.waitUntilReady();
  return agent;
}

const bindTo = ({ client, ref }: TestAgent, stealth: { timezone?: string; locale?: string }) =>
  client.bind(ref, { idlePolicy: 'attached', stealth }, AbortSignal.timeout(20_000));

/** What a script says in a tab that is opened after the bind. */
async function evaluateInNewTab({ devtoolsPort }: TestAgent, expression: string): Promise<unknown> {
  const version = await fetch(`http://127.0.0.1:${devtoolsPort}/json/version`);
  const { webSocketDebuggerUrl } = (await version.json()) as { webSocketDebuggerUrl: string };
  control = await connectControl({ port: devtoolsPort, browserPath: new URL(webSocketDebuggerUrl).pathname });
  const { targetId } = await control.call('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await control.call('Target.attachToTarget', { targetId, flatten: true });
  const parameters = { expression, returnByValue: true };
  const { result } = await control.call('Runtime.evaluate', parameters, sessionId as string);
  return (result as { value: unknown }).value;
}

const says = `[Intl.DateTimeFormat().resolvedOptions().timeZone, navigator.languages.join(), /headless/i.test(navigator.userAgent),
  matchMedia('(hover: hover) and (pointer: fine)').matches, screen.width >= outerWidth, navigator.webdriver].join(' ')`;

describe.each([
  ['headful', 40],
  ['headless', 41],
] as const)('a %s browser', (display, index) => {
  it('is at the place that the bind says', async () => {
    const started = await start(index, display);
    await bindTo(started, { timezone: 'Asia/Tokyo', locale: 'ja-JP' });
    expect(await evaluateInNewTab(started, says)).toBe('Asia/Tokyo ja-JP,ja false true true false');
  });
});

it('a place that the browser does not know fails the bind, with what it says', async () => {
  const started = await start(42, 'headless');
  await expect(bindTo(started, { timezone: 'Mars/Olympus_Mons' })).rejects.toMatchObject({
    code: 'capability',
    message: expect.stringMatching(/stealth.*Invalid timezone/) as string,
  });
});
