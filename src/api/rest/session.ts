import { z } from 'zod';
import { capabilities, maxExtensions, timeoutBoundsMs } from '../v1alpha1/browser-session.ts';

/** Bodies of section 1 of the REST contract. `describe` and `meta` end up in the OpenAPI document. */

/** Where live sessions can be; an ended one is answered 404. */
export const sessionStatuses = ['pending', 'starting', 'ready', 'terminating'] as const;
export type SessionStatus = (typeof sessionStatuses)[number];

/** RFC 3986 userinfo characters but the colon. */
const userChar = "(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})";
const host = '(?:\\[[0-9A-Fa-f:.]+\\]|[0-9A-Za-z](?:[0-9A-Za-z._-]*[0-9A-Za-z])?)';
/** `scheme://[user:pass@]host:port` and nothing after it; what the host may be is checked besides. */
const proxyUrlForm = new RegExp(`^(?:https?|socks[45])://(?:${userChar}+:${userChar}*@)?${host}:[0-9]{1,5}$`);

/** The form by the expression; address and port by the rules of https://url.spec.whatwg.org/#host-parsing */
function hasRealHost(proxyUrl: string): boolean {
  const authority = proxyUrl.slice(proxyUrl.indexOf('://') + 3);
  const port = Number(authority.slice(authority.lastIndexOf(':') + 1));
  return port > 0 && URL.canParse(`http://${authority}`);
}

const proxyUrlMessage = 'must be http|https|socks4|socks5://[user:pass@]host:port, user and pass percent-encoded';
const unknownCapability = `unknown capability; known are: ${capabilities.join(', ')}`;

/** Capability names; the list of the known ones is in every refusal. */
export const capabilityList = z.array(z.enum(capabilities, { error: unknownCapability }), {
  error: 'must be a list of capability names',
});

export const managedProxy = z
  .strictObject(
    {
      location: z.string().min(1).max(63).optional().describe('Where the traffic should come from.'),
      provider: z.string().min(1).max(253).optional().describe('A configured provider; default: one that fits.'),
      sticky: z.boolean().optional().describe('Whether one upstream identity serves the whole session.'),
    },
    { error: objectError('must be an object with location, provider, sticky') },
  )
  .meta({
    description: 'A managed proxy. A location or a provider that is not configured is a 400 that lists those that are.',
  });

/** Says `sentence` when the value is no object, and leaves unknown fields to the schema. */
function objectError(sentence: string) {
  return (issue: { readonly code?: string | undefined }): string | undefined =>
    issue.code === 'invalid_type' ? sentence : undefined;
}

/** Body of `POST /browser/sessions`; absent is the same as `{}`. */
export const createSessionRequest = z
  .strictObject(
    {
      capabilities: capabilityList
        .default([])
        .describe('`stealth` (looks like an ordinary browser), `recording` (a server-side MP4 from the first moment).'),
      extensions: z
        .array(z.string('must be an extension id').min(1, 'must not be empty'), { error: 'must be a list of ids' })
        .refine((ids) => new Set(ids).size <= maxExtensions, { error: `at most ${maxExtensions} extensions` })
        .default([])
        .describe(
          `Ids of uploaded extensions, at most ${maxExtensions}; duplicates collapse. One that the account does not have is a 400 that names it; one that the browser refuses a 503.`,
        ),
      proxyUrl: z
        .string('must be a string')
        .max(2048, 'must have at most 2048 characters')
        .regex(proxyUrlForm, proxyUrlMessage)
        .refine(hasRealHost, { error: proxyUrlMessage })
        .optional()
        .describe('A raw upstream proxy for all traffic of the browser; not together with `proxy`.'),
      proxy: managedProxy.optional(),
      timeout: z
        .int({ error: 'must be a whole number of milliseconds' })
        .min(timeoutBoundsMs.min, `must be at least ${timeoutBoundsMs.min}`)
        .max(timeoutBoundsMs.max, `must be at most ${timeoutBoundsMs.max}`)
        .optional()
        .describe(
          `Idle timeout in milliseconds; default ${timeoutBoundsMs.defaultIdle}. An account may have a lower cap.`,
        )
        .meta({ default: timeoutBoundsMs.defaultIdle }),
    },
    { error: objectError('the body must be a JSON object') },
  )
  .refine((body) => body.proxy === undefined || body.proxyUrl === undefined, {
    error: 'set proxy or proxyUrl, not both',
    path: ['proxyUrl'],
    when: ({ value }) => typeof value === 'object' && value !== null,
  })
  .meta({
    description: 'What the browser should be like. Unknown fields are refused.',
    examples: [{ timeout: 600_000 }],
  });
export type CreateSessionRequest = z.output<typeof createSessionRequest>;

const epochMs = z.int().min(0);
const exampleId = '3f0e2b52-6c0b-4a6e-9d7c-0f6f1f0a7c11';
const exampleToken = `${exampleId}.cdp.t4wq0o.kJ0…`;

const sessionFields = {
  id: z.uuid().describe('UUID v4; the `{id}` of every other path.'),
  status: z.enum(sessionStatuses).describe('A 201 always says `ready`.'),
  cdpUrl: z
    .string()
    .describe(
      'Where any CDP client attaches; the URL alone is enough. Instead of its token, the API key works as a Bearer header.',
    ),
  liveViewUrl: z.string().describe('A page that shows the browser to a person; dies with the session.'),
  capabilities: z.array(z.enum(capabilities)).describe('As enabled.'),
  extensions: z.array(z.string()).describe('As enabled.'),
  proxyUrl: z
    .string()
    .exactOptional()
    .describe('Only if created with it; its password is shown in the 201 and nowhere else.'),
  proxy: z
    .strictObject({
      enabled: z.boolean(),
      provider: z.string().exactOptional().describe('The ProxyProvider that serves it.'),
      location: z.string().exactOptional().describe('Where its traffic comes from, as the provider names it.'),
      sticky: z.boolean().describe('Whether one upstream identity serves the whole session.'),
    })
    .exactOptional()
    .describe('Only if created with it.'),
  createdAt: epochMs.describe('Epoch milliseconds.'),
  expiresAt: epochMs.describe(
    'Epoch milliseconds at which the session ends if nothing more happens: the earlier of last activity + timeout and creation + the longest life. Moves with activity.',
  ),
};

const exampleSession = {
  id: exampleId,
  status: 'ready',
  cdpUrl: `ws://127.0.0.1:8081/sessions/${exampleId}?token=${exampleToken}`,
  liveViewUrl: `http://127.0.0.1:8081/live/${exampleId}?token=${exampleToken.replace('cdp', 'live')}`,
  capabilities: [],
  extensions: [],
  createdAt: 1_795_305_600_000,
  expiresAt: 1_795_306_500_000,
};

export const sessionView = z
  .strictObject(sessionFields)
  .meta({ description: 'One browser.', examples: [exampleSession] });
export type SessionView = z.infer<typeof sessionView>;

export const pageView = z
  .strictObject({
    pageId: z.string().describe('CDP target id.'),
    url: z.string(),
    title: z.string(),
    active: z.boolean().describe('Whether it is the tab in front.'),
  })
  .meta({ description: 'An open tab.' });
export type PageView = z.infer<typeof pageView>;

const examplePage = {
  pageId: '7B1E9A1F0C3D4E5F8A9B0C1D2E3F4A5B',
  url: 'https://example.com/',
  title: 'Example Domain',
  active: true,
};

export const sessionWithPages = z
  .strictObject({
    ...sessionFields,
    pages: z.array(pageView).describe('Open tabs; empty while the browser is not ready or does not answer.'),
  })
  .meta({
    description: 'One browser and its open tabs.',
    examples: [{ ...exampleSession, pages: [examplePage] }],
  });
export type SessionWithPages = z.infer<typeof sessionWithPages>;

export const sessionList = z
  .strictObject({ sessions: z.array(sessionView).describe('Live sessions of this account, oldest first.') })
  .meta({ description: 'Live sessions.', examples: [{ sessions: [exampleSession] }] });
export type SessionList = z.infer<typeof sessionList>;

const trueOrFalse = z.enum(['true', 'false'], { error: 'must be true or false' });

/** Query of `GET …/live-view`. Strict: a misspelt `readOnly` must not hand out an interactive link. */
export const liveViewQuery = z.strictObject({
  readOnly: trueOrFalse.default('false').describe('`true`: whoever opens the link can look, and not act.'),
});

export const liveViewLink = z
  .strictObject({ url: z.string().describe('With a fresh token.') })
  .meta({ description: 'A link to hand on.', examples: [{ url: exampleSession.liveViewUrl }] });
export type LiveViewLink = z.infer<typeof liveViewLink>;

/** Body of a POST that takes nothing. */
export const emptyRequest = z
  .strictObject({}, { error: objectError('the body must be a JSON object') })
  .meta({ description: 'Nothing, or an empty object.' });
