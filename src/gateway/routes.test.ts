import { describe, expect, test } from 'vitest';
import { parseRoute, parseUrl, type Route } from './routes.ts';

const uid = '0b1c2d3e-1111-4222-8333-444455556666';
const tid = '2D6E12F1271DCBFAC62B8ACE621F9004';
const asset = (name: string) => ({ kind: 'liveAsset' as const, version: '0123456789abcdef', name });
const json = (name: string, sessionUid?: string): Route => ({
  kind: 'json',
  sessionUid,
  endpoint: { name: name as 'list' },
});

describe('a path leads to', () => {
  test.each<[string, Route | undefined]>([
    [`/sessions/${uid}`, { kind: 'browser', sessionUid: uid, isHint: false }],
    [`/sessions/${uid}/`, { kind: 'browser', sessionUid: uid, isHint: false }],
    [`/sessions/${uid}/devtools/browser/anything`, { kind: 'browser', sessionUid: uid, isHint: false }],
    [`/devtools/browser/${uid}`, { kind: 'browser', sessionUid: uid, isHint: true }],
    ['/devtools/browser/anything', { kind: 'browser', sessionUid: undefined, isHint: true }],
    ['/devtools/browser', { kind: 'browser', sessionUid: undefined, isHint: true }],
    ['/', { kind: 'browser', sessionUid: undefined, isHint: true }],
    [`/sessions/${uid}/devtools/page/${tid}`, { kind: 'page', sessionUid: uid, targetId: tid }],
    [`/devtools/page/${tid}`, { kind: 'page', sessionUid: undefined, targetId: tid }],
    [`/sessions/${uid}/json/version`, json('version', uid)],
    [`/sessions/${uid}/json/version/`, json('version', uid)],
    [`/sessions/${uid}/json`, json('list', uid)],
    [`/sessions/${uid}/json/list`, json('list', uid)],
    [`/sessions/${uid}/json/protocol`, json('protocol', uid)],
    [`/sessions/${uid}/json/new`, json('new', uid)],
    ['/json/version', json('version')],
    ['/json/', json('list')],
    [`/json/close/${tid}`, { kind: 'json', sessionUid: undefined, endpoint: { name: 'close', targetId: tid } }],
    [
      `/sessions/${uid}/json/activate/${tid}`,
      { kind: 'json', sessionUid: uid, endpoint: { name: 'activate', targetId: tid } },
    ],
    [`/sessions/${uid}/devtools/front_end/a-b.js`, { kind: 'frontend', sessionUid: uid, file: 'front_end/a-b.js' }],
    [`/live/${uid}`, { kind: 'livePage', sessionUid: uid }],
    [`/live/${uid}/`, { kind: 'livePage', sessionUid: uid }],
    [`/${uid}`, { kind: 'livePage', sessionUid: uid }],
    [`/live/${uid}/state`, { kind: 'liveState', sessionUid: uid }],
    [`/${uid}/rfb`, { kind: 'live', sessionUid: uid }],
    [`/live/${uid}/rfb/`, undefined],
    [`/live/${uid}/assets`, undefined],
    ['/live/assets/0123456789abcdef/novnc/core/rfb.js', asset('novnc/core/rfb.js')],
    ['/assets/0123456789abcdef/live-view.css', asset('live-view.css')],
    ['/assets/0123456789abcdef/../live-view.css', undefined],
    ['/assets/0123456789abcdef/.hidden', undefined],
    ['/assets/0123456789abcdef//live-view.css', undefined],
    ['/assets/live-view.css', undefined],
    [`/sessions/${uid.toUpperCase()}`, undefined],
    ['/sessions/../sessions', undefined],
    [`/sessions/${uid}/devtools/../../x.js`, undefined],
    [`/sessions/${uid}/devtools/.hidden`, undefined],
    [`/sessions/${uid}/devtools/%2e%2e/x`, undefined],
    [`/sessions/${uid}/json/close/a.b`, undefined],
    [`/sessions/${uid}/json/vanish`, undefined],
    ['/devtools/inspector.html', undefined],
    ['//', undefined],
    ['http://example.com/', undefined],
    ['', undefined],
  ])('%s', (path, route) => {
    expect(parseRoute(path)).toEqual(route);
  });
});

describe('a request target is taken apart:', () => {
  test.each([
    ['/a', '/a', '', undefined],
    ['/a?token=t', '/a', '', 't'],
    ['/a?token=', '/a', '', ''],
    ['/a?x=1&token=t&y=2', '/a', 'x=1&y=2', 't'],
    ['/a?token=a%2Eb', '/a', '', 'a.b'],
    ['/a?token=%E0%A4', '/a', '', '%E0%A4'],
    ['/json/new?http://x/?token=theirs&token=ours', '/json/new', 'http://x/?token=theirs', 'ours'],
    ['/json/new?http://x/?a=1&token=theirs&token=ours', '/json/new', 'http://x/?a=1&token=theirs', 'ours'],
    [`/sessions/${uid}/sessions/${uid}/devtools/page/P%3Ftoken=t?token=t`, `/sessions/${uid}/devtools/page/P`, '', 't'],
  ])('%s', (target, path, query, token) => {
    expect(parseUrl(target)).toEqual({ path, query, token });
  });
});
