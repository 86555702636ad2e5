import { expect, it } from 'vitest';
import { devtoolsPorts, env } from '../api/agent/contract.ts';
import { parseAgentSettings } from './settings.ts';

const least = { [env.podUid]: 'u', [env.podIp]: '10.0.0.1', [env.ticketKey]: 'k', [env.workDir]: '/work' };

it('has defaults for all that a pod of its own need not say', () => {
  expect(parseAgentSettings(least)).toMatchObject({
    display: 'auto',
    chromium: '/usr/bin/chromium',
    chromiumVersion: undefined,
    devtoolsPort: devtoolsPorts.first,
    isLocalProcess: false,
    runAs: undefined,
    isVerbose: false,
  });
});

it.each([
  [env.podUid, undefined, 'POD_UID: it must be set'],
  [env.ticketKey, '', 'PORTHOLE_TICKET_KEY: it must be set'],
  [env.workDir, 'work', 'PORTHOLE_WORK_DIR: it must be an absolute path'],
  [env.chromium, 'chromium', 'PORTHOLE_CHROMIUM: it must be an absolute path'],
  [env.display, 'big', 'PORTHOLE_DISPLAY: "big" is none of auto, headful, headless'],
  [env.chromiumVersion, '156', 'PORTHOLE_CHROMIUM_VERSION: it must be four numbers with dots between them'],
  [env.devtoolsPort, '9222', 'PORTHOLE_DEVTOOLS_PORT: it must be a port between 21000 and 24999'],
  [env.devtoolsPort, '21000x', 'PORTHOLE_DEVTOOLS_PORT: it must be a port between 21000 and 24999'],
  [env.runAs, '0:0', 'PORTHOLE_RUN_AS: it must be uid:gid, two numbers above 0, e.g. 65532:65532'],
])('refuses %s=%s', (name, value, message) => {
  expect(() => parseAgentSettings({ ...least, [name]: value })).toThrow(message);
});
