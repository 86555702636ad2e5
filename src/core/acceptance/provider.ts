import type { ProxyProviderSpec } from '../../api/v1alpha1/proxy-provider.ts';
import { readiness } from '../conditions.ts';
import type { AcceptanceVerdict } from './status.ts';

const schemes: ReadonlySet<string> = new Set(['http:', 'https:', 'socks4:', 'socks5:']);
const placeholders: ReadonlySet<string> = new Set(['username', 'password', 'location', 'session']);
const credentials: ReadonlySet<string> = new Set(['username', 'password']);

/** What the schema cannot say of a provider: that its templates become URLs, and that there is something to fill them with. */
export function judgeProvider(spec: Pick<ProxyProviderSpec, 'locations' | 'credentialsSecretRef'>): AcceptanceVerdict {
  for (const [location, template] of Object.entries(spec.locations)) {
    const trouble = troubleWith(template, spec.credentialsSecretRef !== undefined);
    if (trouble) return readiness.stalled({ ...trouble, message: `Location ${location}: ${trouble.message}` });
  }
  return readiness.ready({ reason: 'Accepted', message: 'Its templates are well-formed.' });
}

/** Whether sessions may be sent there. */
export function isWellFormed({ locations, credentialsSecretRef }: ProxyProviderSpec): boolean {
  return Object.values(locations).every((template) => !troubleWith(template, credentialsSecretRef !== undefined));
}

interface Trouble {
  readonly reason: 'InvalidTemplate' | 'CredentialsMissing';
  readonly message: string;
}

function troubleWith(template: string, hasCredentials: boolean): Trouble | undefined {
  const used = [...template.matchAll(/\{([^{}]*)\}/g)].map(([, name = '']) => name);
  const unknown = used.find((name) => !placeholders.has(name));
  if (unknown !== undefined)
    return invalid(`{${unknown}} is none of {username}, {password}, {location}, {session}. Mend the template.`);
  // What is filled in is percent-encoded, and stands for any text.
  const url = URL.parse(template.replaceAll(/\{[^{}]*\}/g, 'x'));
  if (!url || !schemes.has(url.protocol) || url.hostname === '')
    return invalid('the template is no http, https, socks4 or socks5 URL. Mend it.');
  if (!hasCredentials && used.some((name) => credentials.has(name)))
    return {
      reason: 'CredentialsMissing',
      message: 'the template wants credentials. Name a Secret in credentialsSecretRef.',
    };
  return undefined;
}

const invalid = (message: string): Trouble => ({ reason: 'InvalidTemplate', message });
