export interface AnnouncedInstance {
  readonly apiUrl: string;
  readonly gatewayUrl: string;
  readonly metricsUrl: string;
  readonly apiKey: string;
  readonly dataDir: string;
  readonly chromium: string;
  readonly isFirstStart: boolean;
  readonly readyAfterMs: number;
}

/** What a person reads when Porthole is ready: where it is, and lines that work when pasted. */
export function announce(instance: AnnouncedInstance): string {
  const { apiUrl, apiKey } = instance;
  return `
Porthole is ready (${(instance.readyAfterMs / 1000).toFixed(1)} s).

  REST API    ${apiUrl}/api/v1     (reference: ${apiUrl}/docs)
  Gateway     ${instance.gatewayUrl}
  Metrics     ${instance.metricsUrl}/metrics
  API key     ${apiKey}     (account "default")
  Data        ${instance.dataDir}
  Browser     ${instance.chromium}

Get a browser:

  curl -s -X POST ${apiUrl}/api/v1/browser/sessions -H 'Authorization: Bearer ${apiKey}'

Drive it with Playwright (paste into a shell in this folder):

${playwrightSnippet(apiUrl, apiKey)}

Sandboxes are processes of this machine, not VMs: fit for trying and testing, not for hostile pages. Ctrl-C ends everything.
`;
}

function playwrightSnippet(apiUrl: string, apiKey: string): string {
  return `node --input-type=module <<'EOF'
import { chromium } from 'playwright-core';
const answer = await fetch('${apiUrl}/api/v1/browser/sessions', {
  method: 'POST',
  headers: { authorization: 'Bearer ${apiKey}' },
});
const session = await answer.json();
const browser = await chromium.connectOverCDP(session.cdpUrl);
const page = browser.contexts()[0].pages()[0];
await page.goto('data:text/html,<title>Hello from a Chromium of your own</title>');
console.log(session.id, await page.title());
await browser.close();
EOF`;
}
