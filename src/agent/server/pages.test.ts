import { expect, it } from 'vitest';
import { toPages, type Visibility } from './pages.ts';

const target = (id: string, type = 'page', url = 'about:blank') => ({ id, type, url, title: '' });

it('are the tabs, not workers, frames, the browser’s own windows or DevTools', () => {
  const targets = [
    target('0', 'browser_ui'),
    target('1'),
    target('2', 'iframe'),
    target('3', 'service_worker'),
    target('4', 'background_page', 'chrome-extension://x/background.html'),
    target('5', 'page', 'devtools://devtools/bundled/devtools_app.html'),
    target('6', 'page', 'chrome-extension://x/options.html'),
  ];
  expect(toPages(targets, new Map()).map(({ pageId, active }) => [pageId, active])).toEqual([
    ['1', true],
    ['6', false],
  ]);
});

it.each<[string, Visibility[], number]>([
  ['the one that is seen', ['hidden', 'visible', 'hidden'], 1],
  ['of several windows the most recent', ['hidden', 'visible', 'visible'], 1],
  ['one that does not say, when no other is seen', ['hidden', 'hidden', undefined], 2],
  ['one that is seen before one that does not say', [undefined, 'visible', 'hidden'], 1],
  ['the first, when none is seen', ['hidden', 'hidden', 'hidden'], 0],
])('the active one is %s', (_what, seen, expected) => {
  const targets = seen.map((_, index) => target(`${index}`));
  const pages = toPages(targets, new Map(seen.map((visibility, index) => [`${index}`, visibility])));
  expect(pages.map(({ active }) => active)).toEqual(seen.map((_, index) => index === expected));
});
