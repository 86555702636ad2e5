import { PackageError } from './package-error.ts';

/** What is asked of an extension's manifest: https://developer.chrome.com/docs/extensions/reference/manifest */
export interface Manifest {
  /** As it was written, message placeholders included. */
  readonly name: string;
  readonly version: string;
  readonly manifestVersion: 2 | 3;
  readonly defaultLocale: string | undefined;
  /** Of APIs. */
  readonly permissions: readonly string[];
  /** Match patterns of the sites that it may act on, those of its content scripts included. */
  readonly hostPermissions: readonly string[];
  readonly optionalPermissions: readonly string[];
  /** Paths below the manifest of what a browser loads at once. */
  readonly files: readonly string[];
  /** Public key, base64. */
  readonly key: string | undefined;
  readonly source: Readonly<Record<string, unknown>>;
}

type Values = Readonly<Record<string, unknown>>;

const bad = (message: string, options?: ErrorOptions): PackageError =>
  new PackageError('BadManifest', `manifest.json: ${message}`, options);

/** Within strings `//` is no comment: the first alternative eats them. */
const stringsAndComments = /"(?:[^"\\\n]|\\.)*"|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;

/** JSON as Chromium reads it in extensions: with comments, and a byte order mark. Throws a {@link PackageError} naming `file`. */
export function parseLenientJson(text: string, file: string): Values {
  const bare = text.replace(/^\uFEFF/, '').replace(stringsAndComments, (part) => (part.startsWith('"') ? part : ' '));
  try {
    const value = JSON.parse(bare) as unknown;
    if (isValues(value)) return value;
  } catch (cause) {
    throw new PackageError('BadManifest', `${file} is no JSON.`, { cause });
  }
  throw new PackageError('BadManifest', `${file} is no JSON object.`);
}

function isValues(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const membersOf = (value: unknown): Values => (isValues(value) ? value : {});

function readString(source: Values, field: string): string | undefined {
  const value = source[field];
  if (value !== undefined && typeof value !== 'string') throw bad(`${field} must be a string.`);
  return value;
}

function requireString(source: Values, field: string): string {
  const value = readString(source, field);
  if (value === undefined || value === '') throw bad(`${field} is missing.`);
  return value;
}

function readStrings(source: Values, field: string): string[] {
  const value = source[field] ?? [];
  if (!Array.isArray(value)) throw bad(`${field} must be a list.`);
  // Manifests of version 2 may hold objects (fileSystem, usbDevices): the first member names the permission.
  return value.flatMap((entry) => (typeof entry === 'string' ? [entry] : Object.keys(membersOf(entry)).slice(0, 1)));
}

/** https://developer.chrome.com/docs/extensions/reference/manifest/version */
function readVersion(source: Values): string {
  const version = requireString(source, 'version');
  const numbers = /^\d{1,5}(?:\.\d{1,5}){0,3}$/.test(version) ? version.split('.').map(Number) : [];
  if (numbers.length === 0 || numbers.some((n) => n > 65_535))
    throw bad('version must be one to four numbers up to 65535, joined by dots.');
  return version;
}

function readManifestVersion(source: Values): 2 | 3 {
  const version = source['manifest_version'];
  if (version !== 2 && version !== 3) throw bad('manifest_version must be 2 or 3.');
  return version;
}

/** Scripts of a background page are version 2's, a service worker is version 3's. */
function readBackground(source: Values, manifestVersion: 2 | 3): string[] {
  const background = membersOf(source['background']);
  const worker = readString(background, 'service_worker');
  if (manifestVersion === 3) {
    if (worker === undefined && (background['scripts'] ?? background['page']) !== undefined)
      throw bad('background must have a service_worker: manifests of version 3 have no background page.');
    return worker === undefined ? [] : [worker];
  }
  return worker === undefined ? readStrings(background, 'scripts') : [worker];
}

interface ContentScripts {
  readonly matches: readonly string[];
  readonly files: readonly string[];
}

function readContentScripts(source: Values): ContentScripts {
  const scripts = source['content_scripts'] ?? [];
  if (!Array.isArray(scripts)) throw bad('content_scripts must be a list.');
  const each = scripts.map(membersOf);
  return {
    matches: each.flatMap((script) => readStrings(script, 'matches')),
    files: each.flatMap((script) => [...readStrings(script, 'js'), ...readStrings(script, 'css')]),
  };
}

/** Version 2 lists sites among its permissions. */
const isSite = (permission: string): boolean => permission === '<all_urls>' || permission.includes('://');

const unique = (texts: readonly string[]): string[] => [...new Set(texts)];
const belowManifest = (file: string): string => file.replace(/^\.?\/+/, '').replace(/[?#].*$/, '');

/** Base64, PEM armour and line breaks allowed, as Chromium takes it. */
function readKey(source: Values): string | undefined {
  const key = readString(source, 'key')?.replace(/-----[^-]+-----|\s/g, '');
  if (key === undefined) return undefined;
  if (key === '' || !/^[A-Za-z0-9+/]+={0,2}$/.test(key)) throw bad('key must be base64.');
  return key;
}

/** Throws a {@link PackageError} that names the field. */
export function parseManifest(text: string): Manifest {
  const source = parseLenientJson(text, 'manifest.json');
  const manifestVersion = readManifestVersion(source);
  const permissions = readStrings(source, 'permissions');
  const scripts = readContentScripts(source);
  const hosts = [...readStrings(source, 'host_permissions'), ...permissions.filter(isSite), ...scripts.matches];
  return {
    name: requireString(source, 'name'),
    version: readVersion(source),
    manifestVersion,
    defaultLocale: readString(source, 'default_locale'),
    permissions: unique(permissions.filter((permission) => !isSite(permission))),
    hostPermissions: unique(hosts),
    optionalPermissions: unique([
      ...readStrings(source, 'optional_permissions'),
      ...readStrings(source, 'optional_host_permissions'),
    ]),
    files: unique([...readBackground(source, manifestVersion), ...scripts.files].map(belowManifest)),
    key: readKey(source),
    source,
  };
}

/** Where the messages of a locale are. */
export const messagesFile = (locale: string): string => `_locales/${locale}/messages.json`;

const placeholder = /__MSG_([A-Za-z0-9_@]+)__/g;

/** Puts in the messages, whose names have no case: https://developer.chrome.com/docs/extensions/reference/api/i18n */
export function localize(text: string, messages: Values): string {
  const known = new Map(Object.entries(messages).map(([name, value]) => [name.toLowerCase(), membersOf(value)]));
  return text.replace(placeholder, (_, name: string) => {
    const message = known.get(name.toLowerCase())?.['message'];
    if (typeof message !== 'string') throw bad(`the default locale has no message ${name}.`);
    return message;
  });
}

export const hasPlaceholder = (text: string): boolean => text.search(placeholder) >= 0;
