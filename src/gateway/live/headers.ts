/** A keyword has quotes in a policy. */
const toSource = (text: string): string => (text === 'self' ? "'self'" : text);

/**
 * All that the page loads comes from the gateway itself: no script or style in the page, nothing from elsewhere. `data:` is for the pointer's
 * picture, which the display sends. https://www.w3.org/TR/CSP3/
 */
export function pageHeaders(frameAncestors: readonly string[]): Readonly<Record<string, string>> {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "base-uri 'none'",
    "form-action 'none'",
    `frame-ancestors ${frameAncestors.length === 0 ? "'none'" : frameAncestors.map(toSource).join(' ')}`,
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ];
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': policy.join('; '),
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'permissions-policy': 'camera=(), display-capture=(), geolocation=(), microphone=()',
    'cross-origin-opener-policy': 'same-origin',
    'cache-control': 'no-store',
  };
}
