// SPDX-License-Identifier: Apache-2.0
// What comes while one looks: values of topics, traces, messages of the client in the page.
import assert from 'node:assert/strict';
import { api, browse, client, go, place, publish, until } from './page.mjs';

const has = async (topic) => {
  const answer = await fetch(`${place.nodes[1].http}/api/v1/retained/${encodeURIComponent(topic)}`,
    { headers: { Authorization: `Bearer ${place.token}` } });
  return answer.status === 200;
};

export const topics_live = () => browse(async ({ page }) => {
  await publish('tree/hall/climate', '{"temperature":20,"humidity":40}', { retain: true });
  await publish('tree/hall/note', 'one\ntwo', { retain: true });
  await go(page, '#/topics', 'Topics');
  const opens = page.getByRole('button', { name: 'Open tree', exact: true });
  await opens.click();
  await page.getByRole('button', { name: 'Open tree/hall', exact: true }).click();
  const climate = page.getByRole('button', { name: /^climate/ });
  await climate.getByText('"temperature":20').waitFor();
  await climate.click();
  const chosen = page.getByRole('complementary', { name: 'Topic tree/hall/climate' });
  await chosen.getByText('yes', { exact: true }).waitFor();
  await chosen.getByText('No value came before it yet.').waitFor();
  // JSON is compared by its members.
  await publish('tree/hall/climate', '{"temperature":21,"window":"open"}', { retain: true },
    place.nodes[2]);
  await climate.getByText('"temperature":21').waitFor();
  const changes = chosen.locator('.differences li');
  await until(async () => await changes.count() === 3, 'three differences');
  assert.deepEqual((await changes.allInnerTexts()).map((text) => text.replace(/\s+/g, ' ').trim()),
    ['temperature 20 21', 'humidity 40', 'window open']);
  assert.equal(await changes.nth(1).locator('del').count(), 1);
  assert.equal(await changes.nth(2).locator('ins').count(), 1);
  // Text by its lines.
  await page.getByRole('button', { name: /^note/ }).click();
  await publish('tree/hall/note', 'one\n2');
  const note = page.getByRole('complementary', { name: 'Topic tree/hall/note' });
  await note.locator('ins', { hasText: '2' }).waitFor();
  assert.deepEqual((await note.locator('.differences code').allInnerTexts()), ['line 2']);
  // What isn't retained appears as it comes, also below what isn't open.
  await publish('tree/hall/motion', 'seen');
  await page.getByRole('button', { name: /^motion/ }).getByText('seen').waitFor();
  await page.getByLabel('Watch a filter, too').fill('deep/#');
  await page.getByRole('button', { name: 'Watch', exact: true }).click();
  await until(async () => {
    await publish('deep/down/there', 'hello');
    return page.getByRole('button', { name: 'Open deep', exact: true }).isVisible();
  }, 'a topic that is watched');
});

export const deletes_retained = () => browse(async ({ page }) => {
  for (const topic of ['gone/a', 'gone/b/c', 'gone/b/d', 'goner/x']) {
    await publish(topic, 'kept', { retain: true });
  }
  await go(page, '#/topics', 'Topics');
  await page.getByRole('button', { name: 'Open gone', exact: true }).click();
  await page.getByRole('button', { name: /^a kept/ }).click();
  await page.getByRole('button', { name: 'Delete retained …' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('gone/a').waitFor();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  assert.ok(await has('gone/a'), 'nothing goes before it is said');
  await page.getByRole('button', { name: 'Delete retained …' }).click();
  await dialog.getByRole('button', { name: 'Delete it' }).click();
  await page.getByText('What was retained for gone/a is deleted.').waitFor();
  assert.ok(!await has('gone/a'));
  assert.ok(await has('gone/b/c'));
  await page.locator('.name', { hasText: /^gone$/ }).click();
  await page.getByRole('button', { name: 'Delete the subtree …' }).click();
  await page.getByRole('dialog', { name: 'Delete 2 retained messages?' })
    .getByRole('button', { name: 'Delete 2' }).click();
  await page.getByText('2 retained messages deleted.').waitFor();
  assert.ok(!await has('gone/b/c') && !await has('gone/b/d'));
  assert.ok(await has('goner/x'), 'another subtree stays');
});

// What a node says about others, as if one of them were away.
const silence = (page, url, method) => page.route(url, async (route) => {
  if (route.request().method() !== method) return route.fallback();
  const answer = await route.fetch();
  const missing = [{ node: 'n9', error: 'it doesn’t answer' }];
  return route.fulfill({ response: answer, json: { ...await answer.json(), missing } });
});

export const says_which_topics_are_missing = () => browse(async ({ page }) => {
  await publish('part/a', 'kept', { retain: true });
  await silence(page, '**/retained?**', 'GET');
  await silence(page, '**/retained?**', 'DELETE');
  await go(page, '#/topics', 'Topics');
  await page.getByText('A part is missing: n9: it doesn’t answer').waitFor();
  await page.locator('.name', { hasText: /^part$/ }).click();
  await page.getByRole('button', { name: 'Delete the subtree …' }).click();
  const dialog = page.getByRole('dialog', { name: 'Delete 1 retained message?' });
  await dialog.getByText('isn’t counted: n9: it doesn’t answer').waitFor();
  await dialog.getByRole('button', { name: 'Delete 1' }).click();
  await page.getByText('1 retained message deleted.').waitFor();
  await page.getByText('A node didn’t answer: n9: it doesn’t answer').waitFor();
  // Nothing retained is one thing, not to know it another.
  await publish('part/b', 'kept', { retain: true });
  await page.route('**/retained/part**', (route) => route.fulfill({ status: 503,
    json: { error: 'n9: it doesn’t answer' } }));
  await page.getByRole('button', { name: 'Open part', exact: true }).click();
  await page.locator('.name', { hasText: /^b/ }).click();
  await page.getByText('What is retained isn’t known: n9: it doesn’t answer').waitFor();
});

// Deeper than anything may be walked through by calls.
export const deep_values_are_text = () => browse(async ({ page }) => {
  const DEPTH = 10_000;
  const deep = (inner) => '[{"a":'.repeat(DEPTH / 2) + inner + '}]'.repeat(DEPTH / 2);
  const shallow = (inner) => '['.repeat(50) + inner + ']'.repeat(50);
  await publish('deep', deep('1'), { retain: true });
  await go(page, '#/topics?topic=deep', 'Topics');
  const chosen = page.getByRole('complementary', { name: 'Topic deep' });
  const same = (is) => until(async () => await chosen.getByLabel('Value').textContent() === is,
    'the value as it is');
  await same(deep('1'));
  const changed = async (to) => {
    await publish('deep', to, { retain: true });
    const changes = chosen.locator('.differences li');
    await until(async () => (await changes.allTextContents()).some((one) => one
      .includes(to.slice(-99))), 'what changed');
    return chosen.locator('.differences code').allTextContents();
  };
  await chosen.getByText('No value came before it yet.').waitFor();
  assert.deepEqual(await changed(deep('2')), ['text']);
  assert.deepEqual(await changed(shallow('1')), ['text']);
  await publish('deep', shallow('2'), { retain: true });
  await chosen.locator('code', { hasText: '[0]'.repeat(50) }).waitFor();
  assert.match(await chosen.getByLabel('Value').textContent(), /^\[\n {2}\[\n/);
});

export const traces = () => browse(async ({ page }) => {
  await go(page, '#/trace', 'Trace');
  assert.ok(await page.getByRole('button', { name: 'Follow' }).isDisabled());
  await page.getByLabel('Client id').fill('traced-*');
  await page.getByRole('button', { name: 'Follow' }).click();
  await page.getByText('Following: 0 lines').waitFor();
  const one = await client('traced-1', {}, place.nodes[1]);
  await client('untraced-1', {}, place.nodes[1]);
  await one.publishAsync('traced/topic', 'here', { qos: 1 });
  const log = page.getByRole('log');
  await log.getByText(/PUBLISH traced\/topic/).first().waitFor();
  const text = await log.innerText();
  assert.match(text, /n2 traced-1/);
  assert.doesNotMatch(text, /untraced/);
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.getByText(/^Not following/).waitFor();
  const before = await page.locator('.line').count();
  await one.publishAsync('traced/after', 'here', { qos: 1 });
  await page.waitForTimeout(1500); // Longer than it takes to fetch.
  assert.equal(await page.locator('.line').count(), before);
});

export const publishes_and_subscribes = () => browse(async ({ page }) => {
  const hears = await client('page-hears', {}, place.nodes[2]);
  const heard = [];
  hears.on('message', (topic, payload, packet) => heard.push([topic, String(payload), packet.qos]));
  await hears.subscribeAsync('from/page', { qos: 2 });
  await go(page, '#/mqtt', 'MQTT client');
  await until(async () => await page.getByLabel('WebSocket address').inputValue()
    === place.nodes[0].ws, 'this node’s own listener stands there');
  await page.getByRole('button', { name: 'Connect', exact: true }).click();
  await page.getByText('connected', { exact: true }).waitFor();
  await page.getByLabel('Topic filter').fill('to/page');
  await page.getByRole('button', { name: 'Subscribe', exact: true }).click();
  await page.getByRole('button', { name: 'Unsubscribe from to/page' }).waitFor();
  await publish('to/page', 'a value', { retain: true });
  const messages = page.getByRole('table', { name: 'Messages' });
  await messages.getByRole('row', { name: /to\/page.*a value/ }).waitFor();
  await page.getByLabel('Topic', { exact: true }).fill('from/page');
  await page.getByLabel('Payload').fill('grüße');
  await page.getByRole('form', { name: 'Publish' }).getByLabel('QoS').selectOption('2');
  await page.getByLabel('Retain').check();
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  await until(() => heard.length === 1, 'another client hears it');
  assert.deepEqual(heard, [['from/page', 'grüße', 2]]);
  assert.equal((await api('GET', 'retained/from/page')).payload, 'grüße');
  await page.getByRole('button', { name: 'Unsubscribe from to/page' }).click();
  await page.getByRole('button', { name: 'Unsubscribe from to/page' }).waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Disconnect' }).click();
  await page.getByText('not connected').waitFor();
  // Nobody there.
  await page.getByLabel('WebSocket address').fill('ws://127.0.0.1:9/mqtt');
}, {});
