import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { ControlError, type Control } from './control.ts';
import { assumePersona, toAcceptLanguage, type Persona } from './persona.ts';

it.each([
  ['de-DE', 'de-DE,de'],
  ['zh-TW', 'zh-TW,zh'],
  ['fr', 'fr'],
])('%s is accepted as %s', (locale, expected) => expect(toAcceptLanguage(locale)).toBe(expected));

interface Sent {
  readonly method: string;
  readonly parameters: object | undefined;
  readonly session: string | undefined;
}

/** A browser with one page, which takes what it is told unless `refusal` says otherwise. */
function createBrowser(refusal: (method: string) => string | undefined = () => undefined) {
  const events = new EventEmitter();
  const sent: Sent[] = [];
  const attach = (sessionId: string): void => void events.emit('Target.attachedToTarget', { sessionId });
  const control: Control = {
    call: (method, parameters, session) => {
      sent.push({ method, parameters, session });
      if (method === 'Target.setAutoAttach' && session === undefined) attach('first');
      const why = refusal(method);
      return why === undefined ? Promise.resolve({}) : Promise.reject(new ControlError(why));
    },
    listen: (event, fn) => {
      events.on(event, fn);
      return () => void events.off(event, fn);
    },
    [Symbol.dispose]: () => undefined,
  };
  const detach = (sessionId: string): void => void events.emit('Target.detachedFromTarget', { sessionId });
  const methodsTo = (session: string): string[] => sent.filter((it) => it.session === session).map((it) => it.method);
  return { control, sent, attach, detach, methodsTo };
}

const berlin: Persona = { timezone: 'Europe/Berlin', locale: 'de-DE' };
const all = [
  'Emulation.setUserAgentOverride',
  'Emulation.setTimezoneOverride',
  'Emulation.setLocaleOverride',
  'Target.setAutoAttach',
  'Runtime.runIfWaitingForDebugger',
];

it('says nothing to a browser that is to stay as it is', async () => {
  const { control, sent } = createBrowser();
  await assumePersona(control, {});
  expect(sent).toEqual([]);
});

it('tells each target before that goes on, and asks for those below it', async () => {
  const { control, attach, methodsTo } = createBrowser();
  await assumePersona(control, berlin);
  expect(methodsTo('first')).toEqual(all);
  attach('worker');
  expect(methodsTo('worker')).toEqual(all);
});

it('leaves the user agent alone when only the language is to be another', async () => {
  const { control, sent } = createBrowser();
  await assumePersona(control, { locale: 'de-DE' });
  expect(sent.find(({ method }) => method === 'Emulation.setUserAgentOverride')?.parameters).toEqual({
    userAgent: '',
    acceptLanguage: 'de-DE,de',
  });
});

it('says time zone and language again to those that are left when one goes, which may have spoken for its process', async () => {
  const { control, sent, attach, detach } = createBrowser();
  await assumePersona(control, berlin);
  attach('opener');
  sent.length = 0;
  detach('opener');
  expect(sent.map(({ method, session }) => [method, session])).toEqual([
    ['Emulation.setTimezoneOverride', 'first'],
    ['Emulation.setLocaleOverride', 'first'],
  ]);
});

it('takes it for done when another target of the process has said it', async () => {
  const { control } = createBrowser((method) =>
    method === 'Emulation.setLocaleOverride' ? 'Another locale override is already in effect' : undefined,
  );
  await expect(assumePersona(control, berlin)).resolves.toBeUndefined();
});

it('fails when the browser will not', async () => {
  const { control } = createBrowser((method) =>
    method === 'Emulation.setTimezoneOverride' ? 'Invalid timezone id' : undefined,
  );
  await expect(assumePersona(control, berlin)).rejects.toThrow('Invalid timezone id');
});
