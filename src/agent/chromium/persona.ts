import { ControlError, type Control } from './control.ts';
import type { UserAgentOverride } from './user-agent.ts';

/** What a browser is made to say of itself; what is absent stays as it is. */
export interface Persona {
  /** For a browser without a window, whose own says so. */
  readonly userAgent?: UserAgentOverride | undefined;
  /** IANA name: https://www.iana.org/time-zones */
  readonly timezone?: string | undefined;
  /** BCP 47 tag, e.g. `de-DE`: https://www.rfc-editor.org/info/bcp47 */
  readonly locale?: string | undefined;
}

interface Attached {
  readonly sessionId: string;
}

type Command = readonly [method: string, parameters?: object];

/** Each new target waits until it has been told, so that its very first script hears nothing else. */
const attachAll = { autoAttach: true, waitForDebuggerOnStart: true, flatten: true };

/** The browser's own furniture shows to nobody; as for the rest, a target of each kind may run what a site has sent. */
const ofInterest = [
  { type: 'browser', exclude: true },
  { type: 'tab', exclude: true },
  { type: 'browser_ui', exclude: true },
  {},
];

/** `de-DE` becomes `de-DE,de`, as in a browser whose user speaks one language; Chromium adds the weights to the header. */
export function toAcceptLanguage(locale: string): string {
  const [language = locale] = locale.split('-');
  return [...new Set([locale, language])].join(',');
}

function overridesOf({ userAgent, locale }: Persona): Command[] {
  if (userAgent === undefined && locale === undefined) return [];
  // An empty user agent leaves it, and the client hints, alone.
  const acceptLanguage = locale === undefined ? {} : { acceptLanguage: toAcceptLanguage(locale) };
  return [['Emulation.setUserAgentOverride', { userAgent: '', ...userAgent, ...acceptLanguage }]];
}

/** Of these there is one in a process, whichever of its targets has set it. */
function placeOf({ timezone, locale }: Persona): Command[] {
  return [
    ...(timezone === undefined ? [] : [['Emulation.setTimezoneOverride', { timezoneId: timezone }] as const]),
    ...(locale === undefined ? [] : [['Emulation.setLocaleOverride', { locale }] as const]),
  ];
}

/** Another target of the process has said it already, or a client wants it otherwise. */
const isTaken = (error: unknown): boolean => error instanceof ControlError && /already in effect/.test(error.message);

/**
 * Makes the browser say so, in every page, frame and worker that there is and will be, for as long as the connection lasts. Resolves
 * when those that there are do; rejects when the browser will not.
 */
export async function assumePersona(control: Control, persona: Persona): Promise<void> {
  const place = placeOf(persona);
  const overrides = overridesOf(persona);
  if (place.length + overrides.length === 0) return;
  const sessions = new Set<string>();
  let first: Promise<unknown>[] | undefined = [];
  const send = (commands: readonly Command[], session: string): Promise<unknown>[] =>
    commands.map(([method, parameters]) =>
      control.call(method, parameters, session).catch((error: unknown) => {
        // A target that has gone meanwhile needs nothing any more.
        if (!isTaken(error) && sessions.has(session)) throw error;
      }),
    );
  control.listen('Target.attachedToTarget', (parameters) => {
    const { sessionId } = parameters as unknown as Attached;
    sessions.add(sessionId);
    const told = send([...overrides, ...place, ['Target.setAutoAttach', attachAll]], sessionId);
    for (const telling of told) telling.catch(() => undefined);
    first?.push(...told);
    // Not after the answers: they are carried out in order, and nobody is to wait for a round trip.
    control.call('Runtime.runIfWaitingForDebugger', {}, sessionId).catch(() => undefined);
  });
  control.listen('Target.detachedFromTarget', (parameters) => {
    sessions.delete((parameters as unknown as Attached).sessionId);
    // It may have been the one that spoke for its process.
    for (const session of sessions) for (const telling of send(place, session)) telling.catch(() => undefined);
  });
  await control.call('Target.setAutoAttach', { ...attachAll, filter: ofInterest });
  const telling = first;
  first = undefined;
  await Promise.all(telling);
}
