import type { Knob, KnobTable } from './knob.ts';
import { roles, type Role } from './roles.ts';

const defaultOf = (knob: Knob): string => knob.otherwise ?? knob.preset ?? '';

function describe(knob: Knob): string {
  const lines = [
    `  ${knob.flag} <${knob.value}>   ${knob.name}`,
    `      ${knob.meaning}`,
    `      Default: ${defaultOf(knob)}. Allowed: ${knob.allowed}.`,
  ];
  return lines.join('\n');
}

/** `--help` of a role. */
export function formatHelp(role: Role): string {
  const { purpose, usage, knobs } = roles[role];
  return [
    purpose,
    '',
    `Usage: ${usage}`,
    '',
    'Each setting is a flag and an environment variable; the flag counts more.',
    '',
    Object.values(knobs).map(describe).join('\n\n'),
    '',
    '  --help      prints this',
    '  --version   prints the version',
  ].join('\n');
}

const cell = (text: string): string => text.replaceAll('|', '\\|');

/** The same as a Markdown table. */
export function formatKnobsTable(table: KnobTable): string {
  const rows = Object.values(table).map(
    (knob) =>
      `| \`${knob.name}\`<br>\`${knob.flag}\` | ${knob.preset === undefined ? cell(defaultOf(knob)) : `\`${knob.preset}\``} | ${cell(knob.meaning)} | ${cell(knob.allowed)} |`,
  );
  return ['| variable and flag | default | meaning | allowed |', '|---|---|---|---|', ...rows].join('\n');
}

const processRoles = ['operator', 'facade', 'gateway', 'node'] as const satisfies readonly Role[];

/** The tables of all processes that meet in an API server, for docs/configuration.md: what they share stands first, once. */
export function formatProcessTables(): string {
  const inAll = (name: string): boolean =>
    processRoles.every((role) => Object.values(roles[role].knobs).some((knob) => knob.name === name));
  const pick = (table: KnobTable, isWanted: (name: string) => boolean): KnobTable =>
    Object.fromEntries(Object.entries(table).filter(([, knob]) => isWanted(knob.name)));
  const own = processRoles.map((role) => {
    const { knobs, purpose } = roles[role];
    return `### porthole ${role}\n\n${purpose}\n\n${formatKnobsTable(pick(knobs, (name) => !inAll(name)))}`;
  });
  return [`### All of them\n\n${formatKnobsTable(pick(roles.operator.knobs, inAll))}`, ...own].join('\n\n');
}
