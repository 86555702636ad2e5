import { describe, expect, it } from 'vitest';
import type { StoreReason } from '../store-error.ts';
import { eventToStoreError, isMissing, toStoreError } from './api-status.ts';

const status = (reason: string, details = {}) => ({ kind: 'Status', reason, message: `it says ${reason}`, details });

describe('a failure as the server tells it', () => {
  it.each<[number, unknown, StoreReason]>([
    [409, status('Conflict'), 'Conflict'],
    [409, status('AlreadyExists'), 'AlreadyExists'],
    [404, status('NotFound'), 'NotFound'],
    [410, status('Expired'), 'Expired'],
    [410, status('Gone'), 'Expired'],
    [422, status('Invalid'), 'Invalid'],
    [422, status('Invalid', { causes: [{ field: 'metadata.uid' }] }), 'Conflict'],
    [400, status('BadRequest'), 'Invalid'],
    [403, status('Forbidden'), 'Forbidden'],
    [401, status('Unauthorized'), 'Forbidden'],
    [415, status('UnsupportedMediaType'), 'Invalid'],
    [429, status('TooManyRequests'), 'TooManyRequests'],
    [500, status('InternalError'), 'Unavailable'],
    [504, status('Timeout'), 'Unavailable'],
    [504, status('Timeout', { causes: [{ reason: 'ResourceVersionTooLarge' }] }), 'Expired'],
    [404, '404 page not found', 'NotFound'],
    [502, '<html>', 'Unavailable'],
    [302, '', 'Unavailable'],
  ])('%i %j is %s', (code, body, reason) => {
    expect(toStoreError(code, body).reason).toBe(reason);
  });

  it('names the fields that are wrong, and says what the server said', () => {
    const causes = [{ field: 'spec.a', message: 'is too long', reason: 'FieldValueTooLong' }];
    const error = toStoreError(422, status('Invalid', { causes }));
    expect(error.problems).toEqual([{ field: 'spec.a', message: 'is too long' }]);
    expect(error.message).toBe('it says Invalid');
    expect(toStoreError(502, ' bad gateway ').message).toBe('bad gateway');
    expect(toStoreError(503, '').message).toBe('the API server answered 503');
  });

  it('in the midst of a watch has its code inside', () => {
    expect(eventToStoreError({ ...status(''), code: 410 }).reason).toBe('Expired');
    expect(eventToStoreError('?').reason).toBe('Unavailable');
  });

  it('may mean that the object is missing, or the kind', () => {
    expect(isMissing(status('NotFound', { name: 'a' }), 'a')).toBe(true);
    expect(isMissing(status('NotFound'), 'a')).toBe(false);
    expect(isMissing('404 page not found', 'a')).toBe(false);
  });
});
