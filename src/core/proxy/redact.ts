/** What stands in place of a secret. */
const hidden = '***';

/**
 * A proxy URL that may be shown: without its password; without the user too where that is all there is, for then it is the secret (a
 * token). Anything that has not the form of such a URL is hidden whole.
 */
export function redactProxyUrl(url: string): string {
  const [, scheme, userinfo, host] = /^([a-z0-9]+:\/\/)(?:([^@]*)@)?([^@]*)$/is.exec(url) ?? [];
  if (scheme === undefined || host === undefined) return hidden;
  if (userinfo === undefined) return `${scheme}${host}`;
  const [user = '', password = ''] = userinfo.split(/:(.*)/s);
  return password === '' ? `${scheme}${hidden}@${host}` : `${scheme}${user}:${hidden}@${host}`;
}
