import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { endReasons } from '../../src/api/v1alpha1/browser-session.ts';
import { exitCodes } from '../../src/cmd/exit-codes.ts';
import { troubleReasons } from '../../src/core/pods/trouble.ts';
import { waitMessages } from '../../src/core/session/reasons.ts';

const root = path.resolve(import.meta.dirname, '../..');
const guide = readFileSync(path.join(root, 'docs/operations.md'), 'utf8');

/** What these files say of objects that are not Ready. */
function reasonsIn(...files: readonly string[]): string[] {
  const fine = ['Accepted', 'Filled'];
  return files.flatMap((file) =>
    [...readFileSync(path.join(root, file), 'utf8').matchAll(/reason: '(\w+)'/g)]
      .map(([, reason]) => reason ?? '')
      .filter((reason) => !fine.includes(reason)),
  );
}

const acceptance = 'src/core/acceptance';
const others = reasonsIn('src/core/pool/status.ts', `${acceptance}/provider.ts`, `${acceptance}/extension.ts`);

describe('docs/operations.md', () => {
  it.each([...new Set([...endReasons, ...Object.keys(waitMessages), ...troubleReasons, ...others])])(
    'has a next step for %s',
    (reason) => {
      expect(guide).toMatch(new RegExp(`^\\| \`${reason}\` \\|.*\\| \\S.*\\|$|^\\| \`${reason}\` \\| \\S.*\\|$`, 'm'));
    },
  );

  it('has a next step for each exit code that is a failure of its own', () => {
    const told = Object.values(exitCodes).filter((code) => code > 1);
    for (const code of told) expect(guide).toMatch(new RegExp(`^\\| ${code} \\| .+ \\| .+ \\|$`, 'm'));
  });

  it('names metrics that exist', () => {
    const sources = globSync('src/**/*metrics*.ts', { cwd: root }).map((f) => readFileSync(path.join(root, f), 'utf8'));
    const named = guide.match(/\b(porthole|controller_runtime|workqueue|rest_client|leader_election)_[a-z_]+/g) ?? [];
    expect(named.length).toBeGreaterThan(10);
    for (const name of new Set(named)) expect(sources.some((text) => text.includes(`'${name}'`))).toBe(true);
  });

  it('links to files that are there', () => {
    const links = [...guide.matchAll(/\]\((?!https?:|#)([^)#]+)\)/g)].map(([, link]) => link ?? '');
    expect(links.filter((link) => !existsSync(path.join(root, 'docs', link)))).toEqual([]);
  });
});
