import { describe, expect, it } from 'vitest';
import { session } from '../../../test/support/objects.ts';
import { annotations } from '../../api/v1alpha1/group.ts';
import { bindingNames, buildBindingSecret, wantsBinding } from './binding.ts';

const urls = { cdpUrl: 'wss://cdp.example.com/sessions/uid-s', liveViewUrl: 'https://live.example.com/uid-s' };
const build = (over: Partial<typeof urls> = {}) =>
  buildBindingSecret({ session: session(), name: 's-binding', ...urls, ...over, tokens: { cdp: 'c.t', live: 'l.t' } });
const valueOf = (key: string, over: Partial<typeof urls> = {}): string =>
  Buffer.from(build(over).data?.[key] ?? '', 'base64').toString();

describe('the Secret of a session', () => {
  it('is what the Service Binding specification asks for, and the session owns it', () => {
    expect(build()).toMatchObject({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        name: 's-binding',
        namespace: 'default',
        ownerReferences: [{ kind: 'BrowserSession', uid: 'uid-s' }],
      },
      type: 'servicebinding.io/cdp',
      immutable: true,
    });
    const said = Object.keys(build().data ?? {}).map((key) => [key, valueOf(key)]);
    expect(Object.fromEntries(said)).toEqual({
      type: 'cdp',
      provider: 'porthole',
      uri: 'wss://cdp.example.com/sessions/uid-s?token=c.t',
      host: 'cdp.example.com',
      port: '443',
      cdpUrl: 'wss://cdp.example.com/sessions/uid-s?token=c.t',
      liveViewUrl: 'https://live.example.com/uid-s?token=l.t',
      sessionId: 'uid-s',
    });
  });

  it.each([
    ['ws://127.0.0.1:8080/sessions/x', '8080'],
    ['ws://cdp.example.com/sessions/x', '80'],
    ['wss://cdp.example.com:8443/sessions/x', '8443'],
  ])('says of %s that the port is %s', (cdpUrl, port) => {
    expect(valueOf('port', { cdpUrl })).toBe(port);
  });

  it('is wanted unless the session says that it is not', () => {
    expect(wantsBinding(session())).toBe(true);
    expect(wantsBinding(session({}, undefined, { annotations: { [annotations.binding]: 'none' } }))).toBe(false);
  });

  it('has other names to fall back to', () => {
    const uid = '0a1b2c3d-0000-4000-8000-000000000000';
    expect(bindingNames(session({}, undefined, { name: 'x', uid }))).toEqual([
      'x-binding',
      'x-binding-0a1b2c3d',
      `x-binding-${uid}`,
    ]);
  });

  it('has names that fit, whatever the session is called', () => {
    const uid = '0a1b2c3d-0000-4000-8000-000000000000';
    const long = `${'a'.repeat(204)}.${'b'.repeat(48)}`;
    for (const name of bindingNames(session({}, undefined, { name: long, uid }))) {
      expect(name.length).toBeLessThanOrEqual(253);
      expect(name).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/);
    }
  });
});
