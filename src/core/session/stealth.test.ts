import { expect, it } from 'vitest';
import { placeOf } from './locations.ts';
import { stealthOf } from './stealth.ts';

it.each([
  ['de', 'Europe/Berlin', 'de-DE'],
  ['DE', 'Europe/Berlin', 'de-DE'],
  ['us', 'America/New_York', 'en-US'],
  ['US-CA', 'America/Los_Angeles', 'en-US'],
  ['us_west_2', 'America/Los_Angeles', 'en-US'],
  ['us-elsewhere', 'America/New_York', 'en-US'],
  ['uk', 'Europe/London', 'en-GB'],
  ['uk-london', 'Europe/London', 'en-GB'],
])('%s is in %s and speaks %s', (location, timezone, locale) => {
  expect(placeOf(location)).toEqual({ timezone, locale });
});

it.each(['', 'eu', 'fastest', 'constructor', 'de.berlin', 'zz', 'residential-de'])(
  '%o is nowhere in particular',
  (it) => {
    expect(placeOf(it)).toBeUndefined();
  },
);

it('each place has a zone and a language that this very runtime knows', () => {
  const codes = Array.from({ length: 26 * 26 }, (_, i) => String.fromCharCode(97 + Math.floor(i / 26), 97 + (i % 26)));
  const known = codes.flatMap((code) => placeOf(code) ?? []);
  expect(known.length).toBeGreaterThan(50);
  for (const { timezone, locale } of known) {
    expect(() => new Intl.DateTimeFormat(locale, { timeZone: timezone })).not.toThrow();
    expect(Intl.DateTimeFormat.supportedLocalesOf(locale)).toEqual([locale]);
  }
});

const capabilities = ['stealth' as const];

it.each([
  ['nobody asks for it', { capabilities: [] }, {}],
  ['nobody asks for it, though the place is known', { capabilities: [], proxy: { location: 'de', sticky: false } }, {}],
  ['there is no proxy', { capabilities }, { stealth: {} }],
  ['the proxy has no location', { capabilities, proxy: { sticky: false } }, { stealth: {} }],
  ['its location is not known', { capabilities, proxy: { location: 'fastest', sticky: false } }, { stealth: {} }],
  [
    'its location is known',
    { capabilities, proxy: { location: 'jp', sticky: true } },
    { stealth: { timezone: 'Asia/Tokyo', locale: 'ja-JP' } },
  ],
])('when %s', (_, spec, expected) => {
  expect(stealthOf(spec)).toEqual(expected);
});
