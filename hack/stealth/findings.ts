import type { Context, EmptyFrame, Report } from './report-shape.ts';

/** Something by which the page could tell the browser from one on somebody's desk. */
export interface Finding {
  readonly check: Check;
  readonly saw: string;
}

const checks = [
  'navigator.webdriver',
  'globals of automation tools',
  'Headless in a user agent or a brand',
  'client hints without their values',
  'contexts that say different things',
  'headers that say something else',
  'functions that are not native',
  'plugins and PDF viewer',
  'window.chrome',
  'permissions that contradict each other',
  'window and screen',
  'no mouse',
  'no WebGL',
  'WebGL without a GPU',
  'no H.264 or AAC',
  'time zone UTC',
  'no sound or camera device',
  'no voices',
  'an inspector that looks into logged errors',
  'BotD',
  'fpscanner',
] as const;
export type Check = (typeof checks)[number];

/** In the order of the report. */
export const allChecks: readonly Check[] = checks;

type Look = (report: Report) => readonly string[];

/** What was tried and could not be had is as telling as what was. */
const isThere = <T extends object>(it: T | string | null): it is T => typeof it === 'object' && it !== null;

/** By name; a context that gave no answer is missing here, and found by `missingContexts`. */
export function contextsOf({ main, contexts }: Report): [name: string, context: Context][] {
  const { emptyFrame: _, ...others } = contexts;
  const found = Object.entries(others).flatMap(([name, it]) => (isThere(it) ? [[name, it] as [string, Context]] : []));
  return [['main', main], ...found];
}

function missingContexts({ contexts }: Report): string[] {
  return Object.entries(contexts).flatMap(([name, it]) => (isThere(it) ? [] : [`${name}: ${it ?? 'nothing'}`]));
}

/** What no two contexts of a browser differ in. */
function identityOf({
  userAgent,
  platform,
  languages,
  hardwareConcurrency,
  deviceMemory,
  dates,
  hints,
}: Context): string {
  const { timeZone, locale } = dates;
  return JSON.stringify([userAgent, platform, languages, hardwareConcurrency, deviceMemory, timeZone, locale, hints]);
}

function isLike(frame: EmptyFrame, { userAgent, languages, platform, dates }: Context): boolean {
  const same = [frame.userAgent === userAgent, frame.platform === platform, frame.timeZone === dates.timeZone];
  return same.every(Boolean) && frame.languages.join() === languages.join() && frame.hasChrome && frame.isOwnWindow;
}

function differences(report: Report): string[] {
  const { emptyFrame } = report.contexts;
  const mine = identityOf(report.main);
  const others = contextsOf(report).filter(([, context]) => identityOf(context) !== mine);
  const odd = isThere(emptyFrame) && !isLike(emptyFrame, report.main) ? ['emptyFrame'] : [];
  return [...others.map(([name]) => name), ...odd, ...missingContexts(report)];
}

function headerTroubles(report: Report): string[] {
  return contextsOf(report).flatMap(([name, { headers, userAgent, languages }]) => {
    if (!isThere(headers)) return [`${name}: no answer`];
    const accepted = (headers['accept-language'] ?? '').split(',').map((it) => it.split(';')[0]);
    return [
      ...(headers['user-agent'] === userAgent ? [] : [`${name}: user-agent ${headers['user-agent'] ?? 'absent'}`]),
      ...(accepted.join() === languages.join() ? [] : [`${name}: accept-language ${accepted.join()}`]),
    ];
  });
}

const namesOf = (report: Report): string[] =>
  contextsOf(report).flatMap(([, { userAgent, appVersion, hints, headers }]) => [
    userAgent,
    appVersion,
    ...(isThere(hints) ? [...hints.brands, ...(hints.fullVersionList ?? [])].map(({ brand }) => brand) : []),
    ...(isThere(headers) ? [headers['user-agent'] ?? '', headers['sec-ch-ua'] ?? ''] : []),
  ]);

function windowTroubles({ window: it }: Report): string[] {
  if (!isThere(it)) return [String(it)];
  const { screen, outerWidth, outerHeight, innerWidth, innerHeight, screenX, screenY } = it;
  const troubles: readonly (readonly [boolean, string])[] = [
    [
      outerWidth < innerWidth || outerHeight <= innerHeight,
      `outer ${outerWidth}×${outerHeight} around ${innerWidth}×${innerHeight}`,
    ],
    [
      outerWidth > screen.width || outerHeight > screen.height,
      `window ${outerWidth}×${outerHeight} on ${screen.width}×${screen.height}`,
    ],
    [screen.width === 800 && screen.height === 600, 'screen 800×600'],
    [screenX < 0 || screenY < 0, `at ${screenX},${screenY}`],
  ];
  return troubles.flatMap(([isSo, what]) => (isSo ? [what] : []));
}

function mediaOf({ media }: Report) {
  return isThere(media) ? media : undefined;
}

const looks: Readonly<Record<Check, Look>> = {
  'navigator.webdriver': (report) => contextsOf(report).flatMap(([name, it]) => (it.webdriver ? [name] : [])),
  'globals of automation tools': ({ globals }) => (isThere(globals) ? globals : [String(globals)]),
  'Headless in a user agent or a brand': (report) => [...new Set(namesOf(report).filter((it) => /headless/i.test(it)))],
  'client hints without their values': (report) =>
    contextsOf(report).flatMap(([name, { hints }]) =>
      isThere(hints) && hints.brands.length > 0 && hints.fullVersionList?.length && hints.architecture ? [] : [name],
    ),
  'contexts that say different things': differences,
  'headers that say something else': headerTroubles,
  'functions that are not native': ({ natives }) =>
    isThere(natives) ? [...natives.patched, ...natives.ownNavigatorProperties] : [String(natives)],
  'plugins and PDF viewer': ({ plugins }) =>
    isThere(plugins) && plugins.names.length > 0 && plugins.isConsistent && plugins.pdfViewerEnabled ? [] : ['missing'],
  'window.chrome': ({ chrome }) => (isThere(chrome) ? [] : ['missing']),
  'permissions that contradict each other': ({ permissions: it }) => {
    if (!isThere(it)) return [String(it)];
    return it['notification'] === 'denied' && it['notifications'] === 'prompt' ? ['notifications'] : [];
  },
  'window and screen': windowTroubles,
  'no mouse': ({ window: it }) => (isThere(it) && it.hover && it.finePointer ? [] : ['no hover, or no fine pointer']),
  'no WebGL': (report) => contextsOf(report).flatMap(([name, { webGl }]) => (isThere(webGl) ? [] : [name])),
  'WebGL without a GPU': ({ main: { webGl } }) =>
    isThere(webGl) && /SwiftShader|llvmpipe/i.test(webGl.renderer) ? [webGl.renderer] : [],
  'no H.264 or AAC': (report) => (mediaOf(report)?.h264 && mediaOf(report)?.aac ? [] : ['missing']),
  'time zone UTC': ({ main }) => (main.dates.timeZone === 'UTC' ? ['UTC'] : []),
  'no sound or camera device': (report) => {
    const devices = mediaOf(report)?.devices;
    return devices && Object.values(devices).some((count) => count > 0) ? [] : ['none'];
  },
  'no voices': (report) => ((mediaOf(report)?.voices ?? 0) > 0 ? [] : ['none']),
  'an inspector that looks into logged errors': (report) =>
    contextsOf(report).flatMap(([name, { inspector }]) =>
      Object.values(inspector).some((isSeen) => isSeen === true) ? [name] : [],
    ),
  BotD: ({ botd }) => (isThere(botd) ? (botd.bot ? botd.detections : []) : [String(botd)]),
  fpscanner: ({ fpscanner }) => (isThere(fpscanner) ? fpscanner.detections : [String(fpscanner)]),
};

/** All that a page could tell, in the order of the checks. */
export function judgeReport(report: Report): Finding[] {
  return checks.flatMap((check) => {
    const saw = looks[check](report);
    return saw.length > 0 ? [{ check, saw: saw.join(', ') }] : [];
  });
}
