import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';

/** What a program that imports `specifier` has loaded of Node itself. */
function loadedBy(specifier: string): readonly string[] {
  const program = `await import(${JSON.stringify(specifier)}); console.log(JSON.stringify(process.moduleLoadList));`;
  const args = ['--input-type=module', '--eval', program];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as string[];
}

const undici = 'NativeModule internal/deps/undici/undici';

describe('lib/http', () => {
  it('brings node:http without undici', () => {
    const loaded = loadedBy(import.meta.resolve('./http.ts'));
    expect(loaded).toContain('NativeModule _http_server');
    expect(loaded).not.toContain(undici);
  });

  // When this fails, Node has become better, and lib/http has lost its reason.
  it('is needed: an import of node:http brings undici', () => {
    expect(loadedBy('node:http')).toContain(undici);
  });

  it.each(['agent/run', 'proxy/start', 'cmd/embedded'])('%s does without undici', (program) => {
    expect(loadedBy(import.meta.resolve(`../${program}.ts`))).not.toContain(undici);
  });
});
