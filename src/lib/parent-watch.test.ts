import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const watchUrl = new URL('./parent-watch.ts', import.meta.url).href;
const orphan = `
  import { watchParent } from '${watchUrl}';
  watchParent(process.ppid, () => { process.stdout.write('alone\\n'); process.exit(0); });
  setInterval(() => {}, 1000);
  process.stdout.write('watching\\n');
`;

it('notices that the parent was killed', async () => {
  const parent = spawn(
    process.execPath,
    [
      '-e',
      `require('node:child_process').spawn(process.execPath, ['--input-type=module', '-e', process.argv[1]], { stdio: 'inherit' })`,
      orphan,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], cwd: fileURLToPath(new URL('.', import.meta.url)) },
  );
  let said = '';
  parent.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
    if (said === 'watching\n') parent.kill('SIGKILL');
  });
  await once(parent.stdout, 'end');
  expect(said).toBe('watching\nalone\n');
});
