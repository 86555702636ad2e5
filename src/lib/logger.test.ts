import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { createLogger } from './logger.ts';

function logged(object: object): string {
  let text = '';
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  createLogger({ name: 'test', level: 'info', destination }).info(object, 'message');
  return text;
}

it.each([
  { token: 'secret' },
  { request: { headers: { authorization: 'secret' } } },
  { session: { cdpUrl: 'ws://x/?token=secret' } },
])('does not write the secret of %j', (object) => {
  const text = logged(object);
  expect(text).toContain('[redacted]');
  expect(text).not.toContain('secret');
});

it('writes everything else as JSON', () => {
  expect(JSON.parse(logged({ account: 'a' }))).toMatchObject({ name: 'test', level: 30, account: 'a', msg: 'message' });
});
