import { expect, it } from 'vitest';
import { finalKey, firstByteOf, manifestKey, parseManifestKey, pieceKey } from './keys.ts';

const id = '3f0e2b52-6c0b-4a6e-9d7c-0f6f1f0a7c11';
const ref = { account: 'a.b-c', sessionUid: id, recordingId: id };

it('keys tell what they are of', () => {
  expect(pieceKey(ref, 4_711)).toBe(`recordings/a.b-c/${id}/${id}/000000000004711`);
  expect(firstByteOf(pieceKey(ref, 4_711))).toBe(4_711);
  expect(firstByteOf(finalKey(ref))).toBeUndefined();
  expect(parseManifestKey(manifestKey(ref))).toEqual(ref);
  expect(parseManifestKey(finalKey(ref))).toBeUndefined();
});
