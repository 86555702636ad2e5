import { describe, expect, test } from 'vitest';
import { answerBrowserClose, mayBeBrowserClose, parseBrowserClose } from './browser-close.ts';

function recognized(message: string): object | undefined {
  const bytes = Buffer.from(message);
  return mayBeBrowserClose(bytes, bytes.length) ? parseBrowserClose(message) : undefined;
}

describe('a message that closes the browser', () => {
  test.each<[string, object]>([
    ['{"id":1,"method":"Browser.close"}', { id: 1 }],
    ['{"method":"Browser.close","id":0,"params":{}}', { id: 0 }],
    [' {\n "id" : 12 ,\t"method" : "Browser.close" } ', { id: 12 }],
    ['{"id":1,"method":"Browser\\u002eclose"}', { id: 1 }],
    ['{"id":1,"m\\u0065thod":"Browser.close"}', { id: 1 }],
    ['{"id":1,"method":"Browser.close","sessionId":"ABC"}', { id: 1, sessionId: 'ABC' }],
    ['{"id":1,"method":"Page.close","method":"Browser.close"}', { id: 1 }],
  ])('%s', (message, call) => {
    expect(recognized(message)).toEqual(call);
  });
});

describe('a message that does not', () => {
  test.each([
    '{"id":1,"method":"Browser.closed"}',
    '{"id":1,"method":"browser.close"}',
    '{"id":1,"method":"Page.close"}',
    '{"id":1,"method":"Runtime.evaluate","params":{"expression":"\\"Browser.close\\""}}',
    '{"id":1,"method":"Target.getTargets","params":{"method":"Browser.close"}}',
    '{"method":"Browser.close"}',
    '{"id":"1","method":"Browser.close"}',
    '{"id":1.5,"method":"Browser.close"}',
    '{"id":1,"method":["Browser.close"]}',
    '"Browser.close"',
    'null.r.',
    'Browser.close',
    '',
  ])('%s', (message) => {
    expect(recognized(message)).toBeUndefined();
  });
});

test('only the filled part of a buffer is looked at', () => {
  expect(mayBeBrowserClose(Buffer.from('abcr.'), 4)).toBe(false);
  expect(mayBeBrowserClose(Buffer.from('abcr.'), 5)).toBe(true);
});

test('it is answered as Chromium would, to the same session', () => {
  expect(answerBrowserClose({ id: 3 })).toBe('{"id":3,"result":{}}');
  expect(answerBrowserClose({ id: 3, sessionId: 'S' })).toBe('{"id":3,"result":{},"sessionId":"S"}');
});
