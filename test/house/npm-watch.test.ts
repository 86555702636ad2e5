import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const watch = path.resolve(import.meta.dirname, '../../hack/bootstrap/npm-watch.mjs');

let base = '';
beforeEach(() => {
  base = mkdtempSync(path.join(tmpdir(), 'porthole-npm-'));
  writeFileSync(
    path.join(base, 'package.json'),
    '{ "name": "x", "version": "1.0.0", "scripts": { "start": "node run.mjs" } }',
  );
  writeFileSync(
    path.join(base, 'run.mjs'),
    `import { endWithNpm } from ${JSON.stringify(watch)};
     endWithNpm(process.env);
     process.on('SIGTERM', () => { console.log('told to end'); process.exit(0); });
     setTimeout(() => { console.log('not told'); process.exit(1); }, 8000);
     console.log('up');`,
  );
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

describe('endWithNpm', () => {
  it.each([
    ['SIGTERM', 'told to end'],
    ['SIGKILL', 'told to end'],
    [undefined, 'not told'],
  ] as const)('when npm alone gets %s, what it runs is %s', async (signal, expected) => {
    const npm = spawn('npm', ['--silent', 'start'], { cwd: base, stdio: ['ignore', 'pipe', 'ignore'] });
    let output = '';
    npm.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (output === 'up\n' && signal) npm.kill(signal);
    });
    await once(npm, 'close');
    expect(output).toBe(`up\n${expected}\n`);
  });
});
