import { expect, test } from 'vitest';
import { rewriteTarget, rewriteTargets, rewriteVersion } from './json-answers.ts';

const address = { base: 'wss://cdp.example.com/base', sessionUid: 'S', token: 'T' };
const target = (id: string, type: string): object => ({
  id,
  type,
  title: 'a title',
  webSocketDebuggerUrl: `ws://localhost/devtools/page/${id}`,
  devtoolsFrontendUrl: `https://elsewhere.example/inspector.html?ws=localhost/devtools/page/${id}`,
});
const rewritten = (id: string): object => ({
  id,
  type: 'page',
  title: 'a title',
  webSocketDebuggerUrl: `wss://cdp.example.com/base/sessions/S/devtools/page/${id}?token=T`,
  devtoolsFrontendUrl: `https://cdp.example.com/base/sessions/S/devtools/inspector.html?token=T&wss=cdp.example.com%2Fbase%2Fsessions%2FS%2Fdevtools%2Fpage%2F${id}%3Ftoken%3DT`,
});

test('the version keeps what it says and names the public address', () => {
  const body = JSON.stringify({ Browser: 'Chrome/156', webSocketDebuggerUrl: 'ws://localhost/devtools/browser/B' });
  expect(JSON.parse(rewriteVersion(body, address))).toEqual({
    Browser: 'Chrome/156',
    webSocketDebuggerUrl: 'wss://cdp.example.com/base/sessions/S/devtools/browser/B?token=T',
  });
});

test('of targets only pages are listed, with public addresses', () => {
  const types = ['page', 'browser_ui', 'service_worker', 'iframe', 'page', 'background_page'];
  const body = JSON.stringify(types.map((type, index) => target(`T${index}`, type)));
  expect(JSON.parse(rewriteTargets(body, address))).toEqual([rewritten('T0'), rewritten('T4')]);
});

test('a new target gets public addresses', () => {
  expect(JSON.parse(rewriteTarget(JSON.stringify(target('N', 'page')), address))).toEqual(rewritten('N'));
});

test.each(['', 'not JSON', '{}', 'null', '[{"id":1}]'])('%j is refused', (body) => {
  expect(() => rewriteVersion(body, address)).toThrow();
  expect(() => rewriteTargets(body, address)).toThrow();
});
