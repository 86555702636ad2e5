/**
 * What a request is about. `live` is the screen's WebSocket. `sessionUid` is what the path says; undefined where the token alone tells the session. All the
 * forms that Playwright, Puppeteer, chrome-remote-interface, chromedp and the DevTools front-end use.
 */
export type Route =
  | { readonly kind: 'browser'; readonly sessionUid: string | undefined; readonly isHint: boolean }
  | { readonly kind: 'page'; readonly sessionUid: string | undefined; readonly targetId: string }
  | { readonly kind: 'json'; readonly sessionUid: string | undefined; readonly endpoint: JsonEndpoint }
  | { readonly kind: 'frontend'; readonly sessionUid: string; readonly file: string }
  | { readonly kind: 'live'; readonly sessionUid: string }
  | { readonly kind: 'livePage' | 'liveState'; readonly sessionUid: string }
  | { readonly kind: 'liveAsset'; readonly version: string; readonly name: string };

export type JsonEndpoint =
  | { readonly name: 'version' | 'list' | 'protocol' | 'new' }
  | { readonly name: 'close' | 'activate'; readonly targetId: string };

export interface RequestUrl {
  readonly path: string;
  /** As it came, without the token. */
  readonly query: string;
  readonly token: string | undefined;
}

const uid = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
const target = '[A-Za-z0-9-]{1,64}';
const patterns = {
  inSession: new RegExp(`^/sessions/(${uid})(/.*)?$`),
  live: new RegExp(`^(?:/live)?/(${uid})(?:/?|/(state|rfb))$`),
  liveAsset: /^(?:\/live)?\/assets\/([0-9a-f]{16})\/((?:[a-z0-9][a-z0-9_-]*\/)*[a-z0-9][a-z0-9_.-]*)$/,
  browser: /^\/devtools\/browser(?:\/([^/]*))?\/?$/,
  page: new RegExp(`^/devtools/page/(${target})/?$`),
  json: /^\/json(?:\/(version|list|protocol|new))?\/?$/,
  jsonOfTarget: new RegExp(`^/json/(close|activate)/(${target})/?$`),
  // Chromium looks these up among its built-in resources, by name.
  frontend: /^\/devtools\/((?:[A-Za-z0-9_-][A-Za-z0-9._-]*\/)*[A-Za-z0-9_-][A-Za-z0-9._-]*)$/,
  uid: new RegExp(`^${uid}$`),
  sessionTwice: new RegExp(`^(/sessions/${uid})\\1(?=/)`),
  tokenInPath: /%3Ftoken=[^/]*$/i,
};

/**
 * chrome-remote-interface puts its `alterPath` over the addresses of `/json/…` once more. With one that adds the path and query
 * of the cdpUrl, the session stands there twice, and the token in the path as well.
 */
function undoAlterPath(path: string): string {
  return path.replace(patterns.tokenInPath, '').replace(patterns.sessionTwice, '$1');
}

/**
 * Takes a request target (RFC 9112, section 3.2.1) apart. Of several tokens the last counts: `/json/new?<url>` may hold a URL
 * with a token of its own, and tools append ours.
 */
export function parseUrl(requestTarget: string): RequestUrl {
  const mark = requestTarget.indexOf('?');
  if (mark < 0) return { path: requestTarget, query: '', token: undefined };
  const path = undoAlterPath(requestTarget.slice(0, mark));
  const parts = requestTarget.slice(mark + 1).split('&');
  const at = parts.findLastIndex((part) => part.startsWith('token='));
  const token = at < 0 ? undefined : decode(parts.splice(at, 1)[0] ?? '').slice('token='.length);
  return { path, query: parts.join('&'), token };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Undefined: nothing of ours is there. */
export function parseRoute(path: string): Route | undefined {
  const inSession = patterns.inSession.exec(path);
  const sessionUid = inSession?.[1];
  if (sessionUid !== undefined) return parseWithin(sessionUid, inSession?.[2] ?? '/');
  return parseLive(path) ?? parseAtRoot(path);
}

const liveKinds = { state: 'liveState', rfb: 'live' } as const;

function parseLive(path: string): Route | undefined {
  const [, sessionUid, part] = patterns.live.exec(path) ?? [];
  if (sessionUid !== undefined) {
    return { kind: part === undefined ? 'livePage' : liveKinds[part as keyof typeof liveKinds], sessionUid };
  }
  const [, version, name] = patterns.liveAsset.exec(path) ?? [];
  return version === undefined || name === undefined ? undefined : { kind: 'liveAsset', version, name };
}

function parseWithin(sessionUid: string, rest: string): Route | undefined {
  if (rest === '/' || patterns.browser.test(rest)) return { kind: 'browser', sessionUid, isHint: false };
  const common = parsePageOrJson(sessionUid, rest);
  if (common) return common;
  const file = patterns.frontend.exec(rest)?.[1];
  return file === undefined ? undefined : { kind: 'frontend', sessionUid, file };
}

/** After `/devtools/browser/` stands the session's id, or the browser's own, which looks the same: a token outweighs it. */
function parseAtRoot(path: string): Route | undefined {
  if (path === '/') return { kind: 'browser', sessionUid: undefined, isHint: true };
  const browser = patterns.browser.exec(path);
  if (!browser) return parsePageOrJson(undefined, path);
  const id = browser[1] ?? '';
  return { kind: 'browser', sessionUid: patterns.uid.test(id) ? id : undefined, isHint: true };
}

function parsePageOrJson(sessionUid: string | undefined, path: string): Route | undefined {
  const targetId = patterns.page.exec(path)?.[1];
  if (targetId !== undefined) return { kind: 'page', sessionUid, targetId };
  const plain = patterns.json.exec(path);
  if (plain) return { kind: 'json', sessionUid, endpoint: { name: (plain[1] ?? 'list') as 'list' } };
  const [, name, id] = patterns.jsonOfTarget.exec(path) ?? [];
  if (name === undefined || id === undefined) return undefined;
  return { kind: 'json', sessionUid, endpoint: { name: name as 'close', targetId: id } };
}
