import { describe, expect, it } from 'vitest';
import { meta, startMs } from '../../../test/support/objects.ts';
import { acceptance } from '../../api/v1alpha1/kind.ts';
import { formatTime } from '../../lib/time.ts';
import { judgeExtension } from './extension.ts';
import { judgeProvider } from './provider.ts';
import { acceptanceStatus, type Accepted } from './status.ts';

const object: Accepted = { apiVersion: 'v', kind: 'K', metadata: meta('x', { generation: 3 }) };
const said = (verdict: ReturnType<typeof judgeProvider>): string[] =>
  (acceptanceStatus(object, verdict, startMs).conditions ?? []).map((c) => `${c.type}=${c.status} ${c.reason}`);

describe('a provider', () => {
  const withSecret = { credentialsSecretRef: { name: 's' } };
  it.each([
    ['http://proxy.example.com:8080', {}],
    ['socks5://{username}:{password}@{location}.example.com:1080', withSecret],
    ['http://{username}-country-{location}-session-{session}:{password}@gate.example.com', withSecret],
  ])('with %s is accepted', (template, more) => {
    expect(said(judgeProvider({ locations: { de: template }, ...more }))).toEqual(['Ready=True Accepted']);
  });

  it.each([
    ['ftp://proxy.example.com', 'InvalidTemplate', 'http, https, socks4 or socks5'],
    ['proxy.example.com:8080', 'InvalidTemplate', 'http, https, socks4 or socks5'],
    ['http://{user}@proxy.example.com', 'InvalidTemplate', '{user}'],
    ['http://{username}@proxy.example.com', 'CredentialsMissing', 'credentialsSecretRef'],
  ])('with %s is not: %s', (template, reason, word) => {
    const verdict = judgeProvider({ locations: { fr: 'http://p.example.com', de: template } });
    expect(said(verdict)).toEqual([`Ready=False ${reason}`, `Stalled=True ${reason}`]);
    const { conditions } = acceptanceStatus(object, verdict, startMs);
    expect(conditions?.[0]?.message).toContain(word);
    expect(conditions?.[0]?.message).toContain('Location de:');
  });
});

it('an extension waits for its account, and for its bytes', () => {
  expect(said(judgeExtension({ hasAccount: true, hasBlob: true }))).toEqual(['Ready=True Accepted']);
  for (const hasBlob of [true, false])
    expect(said(judgeExtension({ hasAccount: false, hasBlob }))).toEqual([
      'Ready=False AccountNotFound',
      'Reconciling=True AccountNotFound',
    ]);
  for (const [hasBlob, reason] of [
    [false, 'BlobMissing'],
    ['unknown', 'BlobStoreUnavailable'],
  ] as const)
    expect(said(judgeExtension({ hasAccount: true, hasBlob }))).toEqual([
      `Ready=False ${reason}`,
      `Reconciling=True ${reason}`,
    ]);
});

it('the status is what the schema says, and speaks of the present generation', () => {
  const status = acceptanceStatus(object, judgeExtension({ hasAccount: true, hasBlob: true }), startMs);
  expect(acceptance('').parse(status)).toEqual(status);
  expect(status).toMatchObject({ observedGeneration: 3, conditions: [{ lastTransitionTime: formatTime(startMs) }] });
});
