import { setTimeout as delay } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import { connect } from 'puppeteer-core';
import { connectCdp } from '../bench/cdp-connection.ts';
import type { DetectorSite } from './detector-site.ts';
import type { InputEvent, Report } from './report-shape.ts';

/** Who drives the browser while the page looks at it. `nobody`: one command opens the tab, and no client is attached to it. */
export const drivers = ['nobody', 'Playwright', 'Puppeteer'] as const;
export type Driver = (typeof drivers)[number];

export interface Visit {
  readonly report: Report;
  readonly input: readonly InputEvent[];
}

const inputLimitMs = 20_000;

/** The click and the key that a driver made. */
async function readInput(site: DetectorSite, visit: string): Promise<readonly InputEvent[]> {
  const deadline = performance.now() + inputLimitMs;
  while (site.inputOf(visit).length < 2 && performance.now() < deadline) await delay(50);
  return site.inputOf(visit);
}

async function byNobody(site: DetectorSite, visit: string, cdpUrl: string): Promise<Visit> {
  await using cdp = await connectCdp(cdpUrl);
  await cdp.call('Target.createTarget', { url: site.urlFor(visit) });
  return { report: await site.reportOf(visit), input: [] };
}

async function byPlaywright(site: DetectorSite, visit: string, cdpUrl: string): Promise<Visit> {
  const browser = await chromium.connectOverCDP(cdpUrl);
  try {
    // Not one that a visit before has left.
    const page = await (browser.contexts()[0] ?? (await browser.newContext())).newPage();
    await page.goto(site.urlFor(visit));
    const report = await site.reportOf(visit);
    await page.bringToFront();
    await page.click('button');
    await page.keyboard.press('a');
    return { report, input: await readInput(site, visit) };
  } finally {
    await browser.close();
  }
}

async function byPuppeteer(site: DetectorSite, visit: string, cdpUrl: string): Promise<Visit> {
  const browser = await connect({ browserWSEndpoint: cdpUrl, defaultViewport: null });
  try {
    const page = await browser.newPage();
    await page.goto(site.urlFor(visit));
    const report = await site.reportOf(visit);
    await page.bringToFront();
    await page.click('button');
    await page.keyboard.press('a');
    return { report, input: await readInput(site, visit) };
  } finally {
    await browser.disconnect();
  }
}

const visitBy = { nobody: byNobody, Playwright: byPlaywright, Puppeteer: byPuppeteer };

let count = 0;

/** Opens the detectors' page in a session. */
export function visitDetectors(site: DetectorSite, cdpUrl: string, driver: Driver): Promise<Visit> {
  count += 1;
  return visitBy[driver](site, `${driver} ${count}`, cdpUrl);
}
