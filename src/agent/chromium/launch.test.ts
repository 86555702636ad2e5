import { expect, it } from 'vitest';
import { parseAnnouncement } from './launch.ts';

const line = 'DevTools listening on ws://127.0.0.1:21007/devtools/browser/7c2d-41';
const endpoint = { port: 21_007, browserPath: '/devtools/browser/7c2d-41' };

it.each([
  ['nothing yet', '', undefined],
  ['a complaint', '[1:1:ERROR] no bus\n', undefined],
  ['half of the line', line.slice(0, -3), undefined],
  ['the line without its end', line, undefined],
  ['the line', `${line}\n`, endpoint],
  ['the line among complaints', `[1:1:ERROR] no bus\n\n${line}\r\n[1:1:ERROR] no GPU\n`, endpoint],
  ['a page that says so', `[1:1:INFO:CONSOLE] "${line}"\n`, undefined],
])('%s', (_, said, expected) => expect(parseAnnouncement(said)).toEqual(expected));
