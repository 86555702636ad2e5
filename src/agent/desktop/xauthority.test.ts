import { expect, it } from 'vitest';
import { buildXauthority } from './xauthority.ts';

it('holds one cookie for any display', () => {
  const cookie = Buffer.from('0123456789abcdef');
  expect(buildXauthority(cookie).toString('latin1')).toBe(
    '\xff\xff\0\0\0\0\0\x12MIT-MAGIC-COOKIE-1\0\x100123456789abcdef',
  );
});
