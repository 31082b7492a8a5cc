// SPDX-License-Identifier: Apache-2.0
// For everybody: by keyboard, by screen reader, in both colours, on a phone; and how much it is.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { blank, browse, client, enter, go, place, publish, until } from './page.mjs';
import { PAGES, furnish } from './shots.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const SERIOUS = ['serious', 'critical'];

let isFurnished = false;
async function furnishOnce() {
  if (!isFurnished) await furnish();
  isFurnished = true;
}

const focused = (page) => page.evaluate(() => {
  const at = document.activeElement;
  return `${at.tagName} ${at.getAttribute('aria-label') ?? at.innerText ?? ''}`.trim();
});

// The page moves the focus a moment after it has drawn.
const focuses = (page, what, why) => until(async () => what.test(await focused(page)), why);

// Tab until the focus is at what matches; fails after so many.
async function tabTo(page, what, most = 60) {
  for (let i = 0; i < most; ++i) {
    await page.keyboard.press('Tab');
    if (what.test(await focused(page))) return;
  }
  assert.fail(`Tab doesn’t reach ${what}; it stands at ${await focused(page)}`);
}

export const by_keyboard = async () => {
  await furnishOnce();
  return browse(async ({ page }) => {
    await page.reload();
    await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
    await page.keyboard.press('Tab');
    assert.match(await focused(page), /Skip to the content/);
    await page.keyboard.press('Enter');
    await focuses(page, /^MAIN/, 'the content has the focus');
    await page.locator('#skip').focus();
    await tabTo(page, /^A Clients$/);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Clients' }).waitFor();
    await until(async () => await focused(page) === 'H1 Clients', 'the heading has the focus');
    assert.equal(await page.getByRole('link', { name: 'Clients' }).getAttribute('aria-current'), 'page');
    await tabTo(page, /^INPUT/);
    await page.keyboard.type('lamp-1');
    await page.keyboard.press('Enter');
    await page.getByText('1 session matches').waitFor();
    await tabTo(page, /Kick all that match/);
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await focuses(page, /Cancel/, 'what does no harm has the focus');
    for (let i = 0; i < 3; ++i) {
      await page.keyboard.press('Tab');
      assert.ok(await page.evaluate(() => document.activeElement === document.body
        || Boolean(document.activeElement.closest('dialog'))), 'the focus stays inside');
    }
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await focuses(page, /Kick all that match/, 'and it is where it was before');
    await tabTo(page, /^A lamp-1$/);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'lamp-1' }).waitFor();
    // Paging leaves the focus where it is.
    await page.goBack();
    await page.getByRole('button', { name: 'Clear' }).click();
    for (let i = 0; i < 60; ++i) await client(`paged-${i}`);
    await page.getByLabel('Client id', { exact: true }).fill('paged-*');
    await page.keyboard.press('Enter');
    await page.getByText('60 sessions match', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Next' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('link', { name: 'paged-9' }).waitFor();
    await focuses(page, /^BUTTON Next$/, 'Next is off now and keeps the focus');
    assert.ok(await page.getByRole('button', { name: 'Next' }).isDisabled());
    await go(page, '#/sessions/lamp-1', 'lamp-1');
    // What has the focus is seen.
    await tabTo(page, /Kick …/);
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineWidth);
    assert.equal(outline, '3px');
  });
};

export const accessible = async () => {
  await furnishOnce();
  const found = [];
  for (const colorScheme of ['light', 'dark']) {
    await browse(async ({ page }) => {
      for (const [hash, title] of PAGES) {
        await go(page, `#/${hash}`, title);
        await page.waitForLoadState('networkidle', { timeout: 3000 }).catch(() => {});
        if (hash === 'nodes') await page.getByLabel('Shards to list').selectOption('all');
        await page.evaluate(AXE); // By the debugger: the page's policy stays.
        const { violations, passes } = await page.evaluate(() => globalThis.axe.run());
        assert.ok(passes.length > 10, 'it looked at the page');
        for (const one of violations.filter(({ impact }) => SERIOUS.includes(impact))) {
          found.push(`${colorScheme} ${title}: ${one.id}: ${one.nodes.map((each) => each.html).join(' ')}`);
        }
      }
    }, { colorScheme });
  }
  const { page, context } = await blank();
  await page.goto(`${place.nodes[0].http}/`);
  await page.getByLabel('Token', { exact: true }).waitFor();
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  found.push(...violations.map((one) => `the token: ${one.id}`));
  await context.close();
  assert.deepEqual(found, []);
};

export const on_a_phone = async () => {
  await furnishOnce();
  await publish(`wide/${'long-level-'.repeat(20)}/x`, 'y'.repeat(2000), { retain: true });
  return browse(async ({ page }) => {
    const widths = () => page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    for (const [hash, title] of PAGES) {
      await go(page, `#/${hash}`, title);
      if (hash.startsWith('topics')) {
        await page.getByRole('button', { name: 'Open wide', exact: true }).click();
        await page.getByText('long-level-').first().click();
      }
      await page.waitForTimeout(700);
      const [whole, seen] = await widths();
      assert.ok(whole <= seen, `${title} is ${whole} wide, of ${seen}`);
    }
    // The pages are behind a button.
    const menu = page.getByRole('button', { name: 'Menu' });
    assert.equal(await menu.getAttribute('aria-expanded'), 'false');
    await menu.click();
    await page.getByRole('link', { name: 'Overview', exact: true }).click();
    await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
    await until(async () => await menu.getAttribute('aria-expanded') === 'false', 'it closes');
    const [whole, seen] = await widths();
    assert.ok(whole <= seen);
  }, { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
};

// All pages, MQTT.js too: what came over the wire, and that the policy held for all of it.
export const small_and_without_faults = async () => {
  const { page, context, faults } = await blank();
  let bytes = 0;
  const seen = new Set();
  const policies = new Set();
  const weighed = [];
  const weigh = async (request) => {
    const { responseBodySize, responseHeadersSize } = await request.sizes();
    bytes += responseBodySize + responseHeadersSize;
    seen.add(request.url().split('/').pop());
    const answer = await request.response();
    policies.add((await answer.allHeaders())['content-security-policy']);
  };
  page.on('requestfinished', (request) => {
    if (request.url().includes('/console/')) weighed.push(weigh(request));
  });
  await enter(page);
  for (const [hash, title] of PAGES) await go(page, `#/${hash}`, title);
  await page.getByRole('button', { name: 'Connect', exact: true }).click();
  await page.getByText('connected', { exact: true }).waitFor();
  await until(() => seen.has('mqtt.js'), 'MQTT.js came');
  await Promise.all(weighed);
  assert.deepEqual(faults, []);
  assert.equal(policies.size, 1);
  assert.match([...policies][0], /^default-src 'none'; script-src 'self'; style-src 'self';/);
  const paint = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]
    .startTime);
  await context.close();
  assert.ok(seen.size >= 14, [...seen].join());
  return { bytes, files: seen.size, first_paint_ms: Math.round(paint) };
};
