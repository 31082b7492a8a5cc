// SPDX-License-Identifier: Apache-2.0
// Who goes before it has come: nothing is left behind, and nothing that was never wanted is asked.
import assert from 'node:assert/strict';
import { api, browse, client, go, place, until } from './page.mjs';

const TRACES_MAX = 8;

// Whether as many traces can begin as ever may: none is under way.
async function noneIsUnderWay() {
  const begun = [];
  try {
    while (begun.length < TRACES_MAX) {
      begun.push((await api('POST', 'traces', { client: 'room', for_s: 60 })).id);
    }
  } catch (error) {
    assert.match(error.message, /under way already/);
  }
  for (const id of begun) await api('DELETE', `traces/${id}`);
  return begun.length === TRACES_MAX;
}

// Holds what matches until the returned function is called.
async function hold(page, url) {
  let release;
  const released = new Promise((resolve) => { release = resolve; });
  await page.route(url, async (route) => {
    await released;
    await route.continue();
  });
  return release;
}

const isOf = (method) => (request) => request.method() === method
  && request.url().includes('/api/v1/traces');

export const a_trace_that_is_over_leaves_its_place = () => browse(async ({ page }) => {
  await go(page, '#/trace?client=over-*&for_s=2', 'Trace');
  const ended = page.waitForRequest(isOf('DELETE'));
  await page.getByRole('button', { name: 'Follow' }).click();
  await page.getByText('Following: 0 lines').waitFor();
  await client('over-1');
  await ended;
  await page.getByText(/^Not following: [1-9]/).waitFor();
  assert.ok(await page.getByRole('button', { name: 'Follow' }).isEnabled());
});

export const a_trace_ends_with_its_page = () => browse(async ({ page }) => {
  const follow = page.getByRole('button', { name: 'Follow' });
  const begins = [];
  page.on('request', (request) => isOf('POST')(request) && begins.push(request));
  // Pressed twice.
  await go(page, '#/trace?client=x', 'Trace');
  let release = await hold(page, '**/api/v1/traces');
  await follow.dblclick();
  release();
  await page.getByText('Following: 0 lines').waitFor();
  await page.getByRole('button', { name: 'Stop' }).click();
  await until(noneIsUnderWay, 'none after two clicks and a stop');
  assert.equal(begins.length, 1);
  // To another page while it begins.
  await page.unroute('**/api/v1/traces');
  release = await hold(page, '**/api/v1/traces');
  await follow.click();
  await until(() => begins.length === 2, 'it begins');
  await go(page, '#/overview', 'Overview');
  const ended = page.waitForRequest(isOf('DELETE'));
  release();
  await ended;
  await until(noneIsUnderWay, 'none without its page');
  // The tab goes somewhere else.
  await go(page, '#/trace?client=y', 'Trace');
  await follow.click();
  await page.getByText('Following: 0 lines').waitFor();
  assert.ok(!await noneIsUnderWay());
  await page.goto('about:blank');
  await until(noneIsUnderWay, 'none without its tab');
});

export const no_page_at_another_one_s_address = () => browse(async ({ page }) => {
  await client('leaving-1');
  await go(page, '#/sessions/leaving-1', 'leaving-1');
  const asked = [];
  page.on('request', (request) => asked.push(request.url().replace(/.*\/api\/v1\//, '')));
  const release = await hold(page, '**/clients.js');
  await page.getByRole('link', { name: 'Clients' }).first().click();
  await until(() => asked.some((one) => one.endsWith('clients.js')), 'the page is asked for');
  await until(() => asked.includes('sessions/leaving-1'), 'the one before stays');
  await page.getByRole('heading', { level: 1, name: 'leaving-1' }).waitFor();
  release();
  await page.getByRole('heading', { level: 1, name: 'Clients' }).waitFor();
  assert.deepEqual(asked.filter((one) => one.includes('undefined')), []);
});

export const no_client_without_a_page = () => browse(async ({ page }) => {
  let sockets = 0;
  page.on('websocket', () => { ++sockets; });
  const release = await hold(page, '**/mqtt.js');
  await go(page, '#/mqtt', 'MQTT client');
  await page.getByLabel('WebSocket address').fill(place.nodes[0].mqtt.replace('mqtt:', 'ws:'));
  const wanted = page.waitForRequest('**/mqtt.js');
  await page.getByRole('button', { name: 'Connect', exact: true }).click();
  await wanted;
  await go(page, '#/overview', 'Overview');
  release();
  await page.evaluate(() => import(new URL('mqtt.js', document.baseURI)));
  await page.waitForTimeout(500); // What comes after it comes at once.
  assert.equal(sockets, 0);
});
