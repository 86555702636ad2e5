import { describe, expect, it } from 'vitest';
import { formatHelp } from './help.ts';
import type { Knob } from './knob.ts';
import { knobs } from './knobs.ts';
import { parseConfig, type EmbeddedConfig } from './parse-config.ts';

const home = { HOME: '/home/ada' };

function parsed(argv: readonly string[] = [], env: Record<string, string> = {}): EmbeddedConfig {
  const answer = parseConfig(argv, { ...home, ...env });
  if (!answer.ok) throw new Error(answer.problems.join('\n'));
  return answer.config;
}

function problems(argv: readonly string[], env: Record<string, string> = {}): readonly string[] {
  const answer = parseConfig(argv, { ...home, ...env });
  return answer.ok ? [] : answer.problems;
}

describe('parseConfig', () => {
  it('has a default for everything', () => {
    expect(parsed()).toEqual({
      host: '127.0.0.1',
      apiPort: 8080,
      gatewayPort: 8081,
      metricsPort: 9090,
      dataDir: '/home/ada/.local/share/porthole',
      maxConcurrentSessions: 10,
      warmMin: 1,
      warmMax: 4,
      maxSandboxes: 20,
      startupDeadlineMs: 30_000,
      display: 'auto',
      egressAllow: ['127.0.0.0/8', '::1/128'],
      logLevel: 'info',
      frameAncestors: [],
      s3Region: 'us-east-1',
    });
  });

  it.each([
    [{ XDG_DATA_HOME: '/data' }, '/data/porthole'],
    [{ XDG_DATA_HOME: 'relative' }, '/home/ada/.local/share/porthole'],
    [{ XDG_DATA_HOME: '/data', PORTHOLE_DATA_DIR: './here' }, './here'],
  ])('%j puts the data folder at %s', (env, dataDir) => {
    expect(parsed([], env).dataDir).toBe(dataDir);
  });

  it('asks for a data folder where there is no home', () => {
    expect(parseConfig([], {})).toEqual({
      ok: false,
      problems: ['PORTHOLE_DATA_DIR has no default here; give a path (~ is not expanded here).'],
    });
  });

  it('takes a flag over its variable, in both spellings, the last one given', () => {
    const env = { PORTHOLE_API_PORT: '1', PORTHOLE_GATEWAY_PORT: '2' };
    expect(parsed(['--api-port', '0', '--api-port=7'], env)).toMatchObject({ apiPort: 7, gatewayPort: 2 });
  });

  it.each([
    ['PORTHOLE_HOST', '::1', { host: '::1' }],
    ['PORTHOLE_HOST', 'box.example', { host: 'box.example' }],
    ['PORTHOLE_EGRESS_ALLOW', '10.0.0.0/8, fd00::/8', { egressAllow: ['10.0.0.0/8', 'fd00::/8'] }],
    ['PORTHOLE_EGRESS_ALLOW', '', { egressAllow: [] }],
    ['PORTHOLE_EGRESS_ALLOW', 'none', { egressAllow: [] }],
    ['PORTHOLE_API_KEY', 'k-1', { apiKey: 'k-1' }],
    ['PORTHOLE_DISPLAY', 'headless', { display: 'headless' }],
    ['PORTHOLE_LOG_LEVEL', 'silent', { logLevel: 'silent' }],
    ['PORTHOLE_CHROMIUM', '/opt/chrome', { chromium: '/opt/chrome' }],
    ['PORTHOLE_WARM_MIN', '6', { warmMin: 6, warmMax: 6, maxSandboxes: 20 }],
    ['PORTHOLE_WARM_MAX', '0', { warmMin: 0, warmMax: 0 }],
    ['PORTHOLE_WARM_MAX', '30', { warmMax: 30, maxSandboxes: 30 }],
    ['PORTHOLE_MAX_SANDBOXES', '2', { warmMin: 1, warmMax: 2, maxSandboxes: 2 }],
    ['PORTHOLE_PROVIDERS', './providers.yaml', { providers: './providers.yaml' }],
    ['PORTHOLE_BLOBS', '/srv/blobs', { blobs: '/srv/blobs' }],
    ['PORTHOLE_BLOBS', 's3://my.bucket/a/b', { blobs: 's3://my.bucket/a/b' }],
    ['PORTHOLE_S3_ENDPOINT', 'http://127.0.0.1:7070', { s3Endpoint: 'http://127.0.0.1:7070' }],
    ['PORTHOLE_FRAME_ANCESTORS', 'none', { frameAncestors: [] }],
    [
      'PORTHOLE_FRAME_ANCESTORS',
      'self,https://*.example.com:*',
      { frameAncestors: ['self', 'https://*.example.com:*'] },
    ],
  ])('%s=%s is taken', (name, text, expected) => {
    expect(parsed([], { [name]: text })).toMatchObject(expected);
  });

  const refusedTexts: Record<keyof typeof knobs, readonly string[]> = {
    host: ['', 'two words', '-x', 'http://a', '[::1]'],
    apiPort: ['', '-1', '65536', 'http', '8080.5', '0x50', '22000'],
    gatewayPort: ['99999'],
    metricsPort: ['1e3'],
    dataDir: ['', '~/porthole'],
    providers: ['', '~/providers.yaml'],
    apiKey: ['', 'two words', 'ä'],
    maxConcurrentSessions: ['0', 'many', '10001'],
    warmMin: ['-1', '1.5'],
    warmMax: ['1001'],
    maxSandboxes: ['0'],
    startupDeadlineMs: ['999', '30s'],
    display: ['', 'Auto', 'xvfb'],
    egressAllow: ['10.0.0.0/33', 'example.org', '10.0.0.0/8,,::/0', '300.1.1.1', '10.0.0.0/8;::1'],
    frameAncestors: ['*', "'self'", 'example.com', 'https://a b', 'https://a;script-src *', 'https://a,,self'],
    logLevel: ['verbose'],
    chromium: ['', '~/chrome'],
    blobs: ['', '~/blobs', 's3://', 's3://UPPER', 's3://b/../x', 'http://bucket'],
    s3Endpoint: ['s3.example.com', 'ftp://x', 'http://user@x'],
    s3Region: ['', 'EU'],
  };
  const refused = Object.entries(knobs).flatMap(([key, knob]: [string, Knob]) =>
    refusedTexts[key as keyof typeof knobs].map((text) => ({ knob, name: knob.name, text })),
  );
  it.each(refused)('$name="$text" is refused with its name, the value and what is allowed', ({ knob, name, text }) => {
    const [problem = '', ...others] = problems([], { [name]: text });
    expect(others).toEqual([]);
    expect(problem).toContain(`${name}: `);
    expect(problem).toContain(knob.allowed);
    if (!knob.isSecret) expect(problem).toContain(JSON.stringify(text));
    expect(problems([`${knob.flag}=${text}`])[0]).toContain(`${knob.flag}: `);
  });

  it('never prints a key', () => {
    expect(problems([], { PORTHOLE_API_KEY: 'secret word' }).join()).not.toContain('secret');
  });

  it('names every problem at once', () => {
    expect(problems(['--api-port', 'x', '--warm-mim', '3'], { PORTHOLE_DISPLAY: 'x' })).toHaveLength(3);
  });

  it.each([
    [['--api-prot', '1'], {}, '--api-prot is unknown; did you mean --api-port?'],
    [['--zzzzzzzz', '1'], {}, '--zzzzzzzz is unknown; --help lists what there is.'],
    [[], { PORTHOLE_WARM_MAXIMUM: '1' }, 'PORTHOLE_WARM_MAXIMUM is unknown; did you mean PORTHOLE_WARM_MAX?'],
    [['8080'], {}, '"8080" is no flag; flags begin with --.'],
    [['--host'], {}, '--host needs a value.'],
    [['--host', '--api-port', '1'], {}, '--host needs a value.'],
    [['--warm-min', '3', '--warm-max', '2'], {}, 'PORTHOLE_WARM_MIN (3) may not be above PORTHOLE_WARM_MAX (2).'],
    [
      ['--warm-max', '3', '--max-sandboxes', '2'],
      {},
      'PORTHOLE_WARM_MAX (3) may not be above PORTHOLE_MAX_SANDBOXES (2).',
    ],
    [
      ['--metrics-port', '8080'],
      {},
      'PORTHOLE_API_PORT and PORTHOLE_METRICS_PORT are both 8080; give each a port of its own.',
    ],
  ])('%j %j: %s', (argv, env, problem) => {
    expect(problems(argv, env)).toEqual([problem]);
  });

  it('lets any number of ports be 0', () => {
    expect(parsed(['--api-port', '0', '--gateway-port', '0', '--metrics-port', '0'])).toMatchObject({ metricsPort: 0 });
  });
});

describe('formatHelp', () => {
  it.each(Object.values(knobs) as Knob[])('lists $name with flag, default and what is allowed', (knob) => {
    const help = formatHelp('embedded');
    for (const text of [knob.flag, knob.name, knob.meaning, knob.allowed, knob.preset ?? knob.otherwise ?? '-']) {
      expect(help).toContain(text);
    }
  });
});
