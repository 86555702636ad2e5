/** What JSON can say. Members that are undefined are left out. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined };

/** Letters first, then nothing that means something to YAML. */
const plain = /^\.?[A-Za-z](?:[\w ./(),;"'+=-]*[\w./)"'+=-])?$/;
/** Words that YAML 1.1 or 1.2 takes for something else than a string. */
const reserved = /^(?:true|false|yes|no|on|off|y|n|null|\.inf|\.nan)$/i;
/** Line ends and control characters: only double quotes can hold them. */
const unprintable = /[\p{Cc}\p{Zl}\p{Zp}]/u;

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

function formatString(text: string): string {
  if (unprintable.test(text)) return JSON.stringify(text).replaceAll(new RegExp(unprintable, 'gu'), escaped);
  return plain.test(text) && !reserved.test(text) ? text : `'${text.replaceAll("'", "''")}'`;
}

function formatNumber(value: number): string {
  if (!Number.isFinite(value)) throw new Error(`${value} is no JSON`);
  return JSON.stringify(value);
}

function formatLeaf(value: Json): string {
  if (typeof value === 'string') return formatString(value);
  if (typeof value === 'number') return formatNumber(value);
  return Array.isArray(value) ? '[]' : value !== null && typeof value === 'object' ? '{}' : String(value);
}

const isLeaf = (value: Json): boolean =>
  value === null || typeof value !== 'object' || Object.values(value).every((member) => member === undefined);

const indented = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);

function linesOf(value: Json): string[] {
  if (isLeaf(value)) return [formatLeaf(value)];
  if (Array.isArray(value)) {
    const items: readonly Json[] = value;
    return items.flatMap((item) => indented(linesOf(item)).map((line, i) => (i === 0 ? `-${line.slice(1)}` : line)));
  }
  return Object.entries(value as Readonly<Record<string, Json | undefined>>).flatMap(([key, member]) => {
    if (member === undefined) return [];
    if (isLeaf(member)) return [`${formatString(key)}: ${formatLeaf(member)}`];
    return [`${formatString(key)}:`, ...indented(linesOf(member))];
  });
}

/** Block YAML, the same text for the same value. Throws on a number that JSON cannot say. */
export const formatYaml = (value: Json): string => `${linesOf(value).join('\n')}\n`;
