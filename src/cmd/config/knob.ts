import { isIP } from 'node:net';
import { z } from 'zod';
import { devtoolsPorts } from '../../api/agent/contract.ts';
import { createAddressSet } from '../../lib/net-address.ts';

/** One setting of a process. Help text, documentation and parser read nothing else. */
export interface Knob {
  /** The environment variable. */
  readonly name: `PORTHOLE_${string}` | 'KUBECONFIG';
  /** The flag, which counts more than the variable. */
  readonly flag: `--${string}`;
  /** What the value is called in help text. */
  readonly value: string;
  /** One sentence. */
  readonly meaning: string;
  /** Completes "… is not allowed; give …". */
  readonly allowed: string;
  /** Default in words, where it depends on something. Else `preset` says it. */
  readonly otherwise?: string;
  /** Default, in the form in which the variable would hold it. */
  readonly preset?: string;
  /** Its value is never printed. */
  readonly isSecret?: true;
  /** From the text of variable or flag to the value. */
  readonly schema: z.ZodType<unknown, string | undefined>;
}

/** The settings of one role, by the name of the field that holds them. */
export type KnobTable = Readonly<Record<string, Knob>>;

type Form<T> = Pick<Knob, 'value' | 'allowed'> & { readonly schema: T };

export const wholeNumber = (least: number, most: number): z.ZodType<number, string> =>
  z
    .string()
    .regex(/^\d{1,9}$/)
    .transform(Number)
    .refine((n) => n >= least && n <= most);

const { first: firstDevtools, last: lastDevtools } = devtoolsPorts;
const isDevtoolsPort = (port: number): boolean => port >= firstDevtools && port <= lastDevtools;

/** A TCP port to listen on. */
export const port: Form<z.ZodType<number, string>> = {
  value: 'port',
  allowed: `0 (any free port) … 65535, without ${firstDevtools} … ${lastDevtools}, where browsers listen`,
  schema: wholeNumber(0, 65_535).refine((n) => !isDevtoolsPort(n)),
};

export const oneOf = <const T extends readonly [string, ...string[]]>(
  words: T,
): Form<z.ZodEnum<{ [K in T[number]]: K }>> => ({
  value: words.join('|'),
  allowed: `one of ${words.join(', ')}`,
  schema: z.enum(words),
});

function isCidr(text: string): boolean {
  try {
    createAddressSet([text]);
    return true;
  } catch {
    return false;
  }
}

/** Commas between the parts; nothing and `none` are the empty list. */
const listOf = (isPart: (text: string) => boolean): z.ZodType<string[], string> =>
  z
    .string()
    .transform((text) => (text === '' || text === 'none' ? [] : text.split(',').map((part) => part.trim())))
    .refine((parts) => parts.every(isPart));

export const cidrs: Form<z.ZodType<string[], string>> = {
  value: 'cidrs',
  allowed: 'CIDRs with commas between them, e.g. 127.0.0.0/8,10.1.0.0/16, or none',
  schema: listOf(isCidr),
};

const isPort = (text: string): boolean => /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535;

export const ports: Form<z.ZodType<number[], string>> = {
  value: 'ports',
  allowed: 'TCP ports with commas between them, e.g. 6443,8080, or none',
  schema: listOf(isPort).transform((parts) => parts.map(Number)),
};

/** RFC 1123 host names, and addresses without brackets. */
const isHost = (text: string): boolean =>
  isIP(text) !== 0 || /^(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*$/i.test(text);

export const host: Form<z.ZodType<string, string>> = {
  value: 'address',
  allowed: 'an IP address or host name of this machine',
  schema: z.string().refine(isHost),
};

/** Scheme, host and perhaps a path: other text is added behind it. */
const isBase = (text: string, schemes: readonly string[]): boolean => {
  const url = URL.parse(text);
  return url !== null && schemes.includes(url.protocol) && !url.username && !url.search && !url.hash;
};

export const baseUrl = (...schemes: readonly string[]): Form<z.ZodType<string, string>> => ({
  value: 'url',
  allowed: `a URL that begins with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}, without user, query and fragment`,
  schema: z.string().refine((text) =>
    isBase(
      text,
      schemes.map((scheme) => `${scheme}:`),
    ),
  ),
});

/** https://www.w3.org/TR/CSP3/#framework-directive-source-list, as far as frame-ancestors takes it: schemes, hosts, ports, paths. */
const frameSource = /^(?:self|https?:\/\/(?:\*\.)?[a-z0-9.-]+(?::(?:\d{1,5}|\*))?)$/i;

export const frameSources: Form<z.ZodType<string[], string>> = {
  value: 'sources',
  allowed: 'self and origins with commas between them, e.g. self,https://app.example.com, or none',
  schema: listOf((part) => frameSource.test(part)),
};

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html; what follows is the beginning of keys. */
const s3Url = /^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*\/?$/;

export const blobPlace: Form<z.ZodType<string, string>> = {
  value: 'place',
  allowed: 'the path of a folder (~ is not expanded here), or s3://bucket or s3://bucket/prefix',
  schema: z.string().refine((text) => (text.includes('://') ? s3Url.test(text) : /^[^~\0][^\0]*$/.test(text))),
};

/** The shell expands ~, we do not. */
export const filePath: z.ZodType<string, string> = z.string().regex(/^[^~\0][^\0]*$/);

/** https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names */
export const namespace: Form<z.ZodType<string, string>> = {
  value: 'namespace',
  allowed: 'a DNS label: a … z, 0 … 9 and -, at most 63 of them',
  schema: z.string().regex(/^(?=.{1,63}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?$/),
};

/** https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names */
export const objectName: Form<z.ZodType<string, string>> = {
  value: 'name',
  allowed: 'a DNS name in lower case: a … z, 0 … 9, - and dots, at most 253 of them',
  schema: z.string().regex(/^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/),
};
