// SPDX-License-Identifier: Apache-2.0
// How long things take; nothing here fails for being slow. Figures are milliseconds.
import assert from 'node:assert/strict';
import { blank, browse, client, go, place, until } from './page.mjs';

const LOADS = 10;
const LOOKS_S = 20;

const middle = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];

const paint = (page) => page.evaluate(() => new Promise((resolve) => {
  new PerformanceObserver((list) => {
    const found = list.getEntriesByName('first-contentful-paint')[0];
    if (found) resolve(found.startTime);
  }).observe({ type: 'paint', buffered: true });
}));

// From the click to the first paint, ten times with nothing kept by the browser and ten times with.
export async function first_paint() {
  const cold = [];
  const warm = [];
  for (let i = 0; i < LOADS; ++i) {
    const { page, context } = await blank();
    await page.goto(`${place.nodes[0].http}/console/`);
    cold.push(await paint(page));
    await page.reload();
    warm.push(await paint(page));
    await context.close();
  }
  return { cold_ms: Math.round(middle(cold)), cold_max_ms: Math.round(Math.max(...cold)),
    warm_ms: Math.round(middle(warm)), loads: LOADS };
}

async function timed(action) {
  const began = performance.now();
  await action();
  return Math.round(performance.now() - began);
}

// The list of very many, as one walks through it. `expected`: sessions that match device-*.
export const very_many = () => browse(async ({ page }) => {
  const expected = Number(process.env.ROOST_SESSIONS);
  const table = page.getByRole('table', { name: 'Sessions' });
  const rows = table.locator('tbody').getByRole('row');
  const told = {};
  let largest = 0;
  page.on('response', async (answer) => {
    if (!answer.url().includes('/api/v1/sessions')) return;
    largest = Math.max(largest, (await answer.body().catch(() => '')).length);
  });
  told.opens_ms = await timed(async () => {
    await go(page, '#/clients', 'Clients');
    await until(async () => await rows.count() === 50, 'a page');
  });
  told.filters_ms = await timed(async () => {
    await page.getByLabel('Client id', { exact: true }).fill('device-*');
    await page.keyboard.press('Enter');
    await page.getByText(`${expected.toLocaleString('en')} sessions match`, { exact: true }).waitFor();
  });
  told.next_page_ms = await timed(async () => {
    await page.getByRole('button', { name: 'Next' }).click();
    await page.getByRole('link', { name: 'device-0000050' }).waitFor();
  });
  told.finds_one_ms = await timed(async () => {
    const one = `device-${String(expected - 1).padStart(7, '0')}`;
    await page.getByLabel('Client id', { exact: true }).fill(one);
    await page.keyboard.press('Enter');
    await page.getByText('1 session matches').waitFor();
    await page.getByRole('link', { name: one }).waitFor();
  });
  told.sorts_ms = await timed(async () => {
    await page.getByLabel('Client id', { exact: true }).fill('');
    await page.getByLabel('Sorted by').selectOption('offline');
    await page.getByRole('button', { name: 'Filter', exact: true }).click();
    await until(async () => await rows.count() === 50, 'a page');
  });
  assert.ok(largest > 0 && largest < 100_000, `${largest} bytes of a page`);
  told.largest_answer_bytes = largest;
  told.rows_in_page = await page.evaluate(() => document.querySelectorAll('tr').length);
  return told;
});

// Publishes all the while: how long its acknowledgements take.
async function publishes() {
  const one = await client('pings');
  const took = [];
  const end = Date.now() + 1000 * LOOKS_S;
  while (Date.now() < end) {
    const began = performance.now();
    await one.publishAsync('nobody/hears', 'x', { qos: 1 });
    took.push(performance.now() - began);
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
  return { ack_middle_ms: Number(middle(took).toFixed(2)),
    ack_max_ms: Number(Math.max(...took).toFixed(2)), publishes: took.length, seconds: LOOKS_S };
}

export const nobody_looks = publishes;

// With the list open in a browser.
export const somebody_looks = () => browse(async ({ page }) => {
  await go(page, '#/clients', 'Clients');
  return publishes();
});
