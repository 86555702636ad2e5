import { confined, mayImport, rootsOnly } from '../../layers.js';

const code = (words: readonly string[]): string => words.map((word) => `\`${word}\``).join(', ');

/** layers.js as Markdown, for docs/architecture.md. */
export function formatLayersTable(): string {
  const rows = Object.entries(mayImport).map(([folder, allowed]) => {
    const imports = allowed === '*' ? 'everything' : code(allowed) || '–';
    const packages = Object.entries(confined)
      .filter(([, homes]) => homes.some((home) => home === folder || home.startsWith(`${folder}/`)))
      .map(([name, homes]) => {
        const home = homes.find((h) => h.startsWith(folder));
        return home === folder ? `\`${name}\`` : `\`${name}\` (in \`${home}\`)`;
      });
    return `| \`src/${folder}\` | ${imports} | ${packages.join(', ') || '–'} |`;
  });
  return [
    '| folder | may import | packages confined to it |',
    '|---|---|---|',
    ...rows,
    '',
    `Only \`src/cmd\` may import ${code(rootsOnly.map((folder) => `src/${folder}`))}: it alone chooses the store.`,
  ].join('\n');
}
