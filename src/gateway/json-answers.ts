import { z } from 'zod';

/** Which addresses an answer must name. */
export interface PublicAddress {
  /** `ws://…` or `wss://…`, perhaps with a path, without a slash at its end. */
  readonly base: string;
  readonly sessionUid: string;
  readonly token: string;
}

const version = z.looseObject({ webSocketDebuggerUrl: z.string() });
const target = z.looseObject({ id: z.string(), type: z.string() });

/** `/json/version` with the address of this gateway, token included: clients dial it verbatim. Throws on anything else. */
export function rewriteVersion(body: string, address: PublicAddress): string {
  const answer = version.parse(JSON.parse(body));
  const browserId = /[^/]*$/.exec(answer.webSocketDebuggerUrl)?.[0] ?? '';
  return toText({ ...answer, webSocketDebuggerUrl: socketUrl(address, `browser/${browserId}`) });
}

/** `/json/list` with pages only: Chromium's own windows, workers and extension pages are nobody's business. */
export function rewriteTargets(body: string, address: PublicAddress): string {
  const targets = z.array(target).parse(JSON.parse(body));
  return toText(targets.filter((t) => t.type === 'page').map((t) => withAddresses(t, address)));
}

/** `/json/new`. */
export function rewriteTarget(body: string, address: PublicAddress): string {
  return toText(withAddresses(target.parse(JSON.parse(body)), address));
}

/** Chromium's own front-end address would carry the token to a public site; the front-end it has built in does as well. */
function withAddresses(of: z.infer<typeof target>, address: PublicAddress): object {
  const webSocketDebuggerUrl = socketUrl(address, `page/${of.id}`);
  const [scheme = '', rest = ''] = webSocketDebuggerUrl.split('://');
  const site = `${toHttp(address.base)}/sessions/${address.sessionUid}/devtools`;
  const devtoolsFrontendUrl = `${site}/inspector.html?token=${address.token}&${scheme}=${encodeURIComponent(rest)}`;
  return { ...of, devtoolsFrontendUrl, webSocketDebuggerUrl };
}

function socketUrl({ base, sessionUid, token }: PublicAddress, path: string): string {
  return `${base}/sessions/${sessionUid}/devtools/${path}?token=${token}`;
}

/** ws → http, wss → https. */
export function toHttp(url: string): string {
  return url.replace(/^ws/, 'http');
}

/** Laid out as Chromium does. */
function toText(value: unknown): string {
  return `${JSON.stringify(value, undefined, 3)}\n`;
}
