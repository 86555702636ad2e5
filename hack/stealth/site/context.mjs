// @ts-nocheck It runs in pages and workers: the DOM's types would leak into Node's code.

/** An answer, or why there is none: a report is complete whatever a browser lacks. */
export async function attempt(read) {
  try {
    return (await read()) ?? null;
  } catch (error) {
    return `error: ${error?.message ?? error}`;
  }
}

const highEntropyHints = [
  'architecture',
  'bitness',
  'formFactors',
  'fullVersionList',
  'model',
  'platformVersion',
  'uaFullVersion',
  'wow64',
];

function readWebGl() {
  const gl = new OffscreenCanvas(1, 1).getContext('webgl');
  if (!gl) return null;
  const names = gl.getExtension('WEBGL_debug_renderer_info');
  return {
    vendor: gl.getParameter(names.UNMASKED_VENDOR_WEBGL),
    renderer: gl.getParameter(names.UNMASKED_RENDERER_WEBGL),
  };
}

async function readHints() {
  const { userAgentData: data } = navigator;
  if (!data) return null;
  const { brands, mobile, platform } = data;
  return { brands, mobile, platform, ...(await data.getHighEntropyValues(highEntropyHints)) };
}

function readDates() {
  const { timeZone, locale } = Intl.DateTimeFormat().resolvedOptions();
  const july = new Date(Date.UTC(2025, 6, 1, 12));
  return {
    timeZone,
    locale,
    julyOffset: july.getTimezoneOffset(),
    july: july.toString(),
    local: july.toLocaleString(),
  };
}

/** Whether the inspector looks into what is logged, which it does for a client that has the Runtime domain on. */
const inspectorLeaks = {
  /** The stack of a logged error is formatted by a function of the page. */
  prepareStackTrace: () => {
    const original = Error.prepareStackTrace;
    let isSeen = false;
    Error.prepareStackTrace = (error, frames) => {
      isSeen = true;
      return original ? original(error, frames) : String(error);
    };
    console.debug(new Error(''));
    Error.prepareStackTrace = original;
    return isSeen;
  },
  /** A getter in place of a logged error's stack. */
  stackGetter: () => {
    let isSeen = false;
    const error = new Error('');
    Object.defineProperty(error, 'stack', {
      configurable: true,
      get: () => {
        isSeen = true;
        return '';
      },
    });
    console.debug(error);
    return isSeen;
  },
  /** A proxy among a logged object's prototypes, whose keys a preview lists. */
  prototypeProxy: () => {
    let isSeen = false;
    const trap = new Proxy(
      {},
      {
        ownKeys: () => {
          isSeen = true;
          return [];
        },
      },
    );
    console.groupEnd(Object.create(trap));
    return isSeen;
  },
};

export function readInspectorLeaks() {
  return Object.fromEntries(
    Object.entries(inspectorLeaks).map(([name, look]) => {
      try {
        return [name, look()];
      } catch (error) {
        return [name, `error: ${error.message}`];
      }
    }),
  );
}

/** What every kind of page, frame and worker shows of the browser it runs in. `n` is navigator, which may be another window's. */
export function readAtOnce(n = navigator) {
  return {
    userAgent: n.userAgent,
    appVersion: n.appVersion,
    platform: n.platform,
    language: n.language,
    languages: [...(n.languages ?? [])],
    hardwareConcurrency: n.hardwareConcurrency,
    deviceMemory: n.deviceMemory ?? null,
    webdriver: n.webdriver ?? null,
  };
}

export async function readContext() {
  // First, before anything is awaited: what the very first script of a context sees is what counts.
  const atOnce = readAtOnce();
  const dates = readDates();
  const [hints, headers] = await Promise.all([
    attempt(readHints),
    attempt(async () => (await fetch('/headers', { cache: 'no-store' })).json()),
  ]);
  return { ...atOnce, dates, hints, headers, webGl: await attempt(readWebGl), inspector: readInspectorLeaks() };
}
