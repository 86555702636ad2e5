import type { Ratio } from './statistics.ts';

/** MB is 10^6 bytes; GB 10^9. `s/GB` is CPU time for moving data; `%` is of one core; `requests` are counted, not timed. */
export type Unit = 'ms' | 'µs' | 'MB' | 'MB/s' | 's/GB' | '1/s' | 's' | '%' | 'requests';

/** What the ratio, or the figure itself, is to be. */
export type Target =
  | { readonly of: 'ratio' | 'figure'; readonly atMost: number }
  | { readonly of: 'ratio' | 'figure'; readonly atLeast: number };

export interface Measure {
  readonly value: number;
  readonly unit: Unit;
}

/** One line of the report. */
export interface Row {
  readonly section: string;
  readonly name: string;
  readonly figure: Measure;
  /** What else is known of it, by name: `p95`, `n`. */
  readonly details?: Readonly<Record<string, Measure | number>>;
  /** What it stands beside, measured in the same run. */
  readonly baseline?: { readonly name: string; readonly figure: Measure };
  readonly ratio?: Ratio;
  readonly target?: Target;
}

export type Verdict = 'met' | 'missed' | 'none';

/** Judged by the number as measured, not as printed. */
export function judge({ figure, ratio, target }: Row): Verdict {
  if (!target) return 'none';
  const value = target.of === 'figure' ? figure.value : ratio?.value;
  if (value === undefined) return 'missed';
  const isMet = 'atMost' in target ? value <= target.atMost : value >= target.atLeast;
  return isMet ? 'met' : 'missed';
}

/** Three significant digits, as more would be pretence. */
export function formatNumber(value: number): string {
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.max(Math.abs(value), 0.01))));
  return value.toFixed(Math.min(digits, 3));
}

const formatMeasure = ({ value, unit }: Measure): string => `${formatNumber(value)} ${unit}`;

function formatDetails(details: Row['details'] = {}): string {
  return Object.entries(details)
    .map(([name, of]) => `${name} ${typeof of === 'number' ? of : formatMeasure(of)}`)
    .join(', ');
}

function formatRatio(ratio: Ratio | undefined): string {
  if (!ratio) return '';
  const range = ratio.low === ratio.high ? '' : ` (${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)})`;
  return `${ratio.value.toFixed(2)}${range}`;
}

function formatTarget({ target, figure }: Row): string {
  if (!target) return '';
  const [sign, limit] = 'atMost' in target ? ['≤', target.atMost] : ['≥', target.atLeast];
  return target.of === 'ratio' ? `${sign} ${limit.toFixed(2)}` : `${sign} ${limit} ${figure.unit}`;
}

const heads = ['what', 'figure', 'details', 'beside', 'ratio', 'target', ''];

function toCells(row: Row): string[] {
  const verdict = judge(row);
  return [
    row.name,
    formatMeasure(row.figure),
    formatDetails(row.details),
    row.baseline ? `${row.baseline.name}: ${formatMeasure(row.baseline.figure)}` : '',
    formatRatio(row.ratio),
    formatTarget(row),
    verdict === 'none' ? '' : verdict,
  ];
}

/** A Markdown table that also reads well in a terminal: it goes into docs/performance.md as it is. */
export function formatTable(rows: readonly Row[]): string {
  const table = [heads, ...rows.map(toCells)];
  const widths = heads.map((_, column) => Math.max(3, ...table.map((cells) => (cells[column] ?? '').length)));
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, column) => (cells[column] ?? '').padEnd(width)).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  const [head = [], ...body] = table;
  return [line(head), rule, ...body.map(line)].join('\n');
}
