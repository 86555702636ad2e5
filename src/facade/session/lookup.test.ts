import { expect, test } from 'vitest';
import { account, session } from '../../../test/support/objects.ts';
import type { BrowserSession } from '../../api/v1alpha1/browser-session.ts';
import { createLookup } from './lookup.ts';
import type { SecondLook } from './second-look.ts';

const mine = account();
const id = '0000000a-0000-4000-8000-000000000001';
const ofMine = (phase: 'Ready' | 'Ended' = 'Ready'): BrowserSession => session({}, { phase }, { uid: id });

function lookupWith(known: BrowserSession | undefined, stored: BrowserSession | undefined) {
  const asked: string[] = [];
  const look = (uid: string): Promise<BrowserSession | undefined> => {
    asked.push(uid);
    return Promise.resolve(stored);
  };
  const secondLook: SecondLook = Object.assign(look, { [Symbol.dispose]: () => undefined });
  const sessions = { byUid: () => known, byIndex: () => [] };
  return { lookup: createLookup({ sessions, secondLook }), asked };
}

test('what the local copy has is not read again', async () => {
  const { lookup, asked } = lookupWith(ofMine(), undefined);
  expect((await lookup.find(id, mine)).metadata.uid).toBe(id);
  expect(asked).toEqual([]);
});

test('what the local copy has as ended is not read again', async () => {
  const { lookup, asked } = lookupWith(ofMine('Ended'), ofMine());
  await expect(lookup.find(id, mine)).rejects.toMatchObject({ code: 'not_found' });
  expect(asked).toEqual([]);
});

test('what the store alone has is found', async () => {
  const { lookup } = lookupWith(undefined, ofMine());
  expect((await lookup.find(id, mine)).metadata.uid).toBe(id);
});

test.each([
  ['nothing', undefined],
  ['an ended one', ofMine('Ended')],
])('of %s in the store there is a 404', async (_what, stored) => {
  await expect(lookupWith(undefined, stored).lookup.find(id, mine)).rejects.toMatchObject({ code: 'not_found' });
});

test.each(['', 'x', '../..', id.toUpperCase(), `${id}0`])('the id "%s" is none, and nobody is asked', async (text) => {
  const { lookup, asked } = lookupWith(undefined, ofMine());
  await expect(lookup.find(text, mine)).rejects.toMatchObject({ code: 'not_found' });
  expect(asked).toEqual([]);
});
