// SPDX-License-Identifier: Apache-2.0
// What is shown: who may look, the cluster, its nodes and shards, its drops.
import assert from 'node:assert/strict';
import { api, blank, browse, go, place, publish, sleeper, until } from './page.mjs';

const QUEUE_MAX = 100; // as console_test.py sets it

export async function asks_for_a_token() {
  const { page, context, faults } = await blank();
  await page.goto(`${place.nodes[0].http}/`);
  const field = page.getByLabel('Token', { exact: true });
  await field.fill('not-the-right-token');
  await page.keyboard.press('Enter');
  await page.getByText('This token isn’t good here.').waitFor();
  await field.fill(place.token);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
  assert.equal(await page.title(), 'Overview – Roost');
  // It lasts a reload, and no longer than it is wanted.
  await page.reload();
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
  assert.equal(await page.evaluate(() => localStorage.length), 0);
  await page.getByRole('button', { name: 'Forget token' }).click();
  await field.waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  assert.deepEqual(faults, []);
  await context.close();
}

const figure = async (page, name) => {
  const text = await page.locator(`[data-figure=${name}]`).textContent();
  return Number(text.replace(/[^0-9.]/g, ''));
};

export const overview = () => browse(async ({ page }) => {
  for (const { name } of place.nodes) {
    await page.getByRole('article', { name: `Node ${name}` }).getByText('ready').waitFor();
  }
  assert.equal(await page.getByRole('article').count(), place.nodes.length);
  await page.getByText('3 of 3 there').waitFor();
  await page.getByText('64 of 64').waitFor();
  // Three benches of three publishers each, 60 messages a second in all of each.
  await until(async () => await figure(page, 'messages_in') > 30, 'messages come in');
  assert.ok(await figure(page, 'messages_out') > 0);
  assert.ok(await figure(page, 'connected') >= 18);
  const seen = new Set();
  await until(async () => seen.add(await figure(page, 'bytes_in')).size > 1, 'the number moves');
  // A sample every ten seconds: after two there is a line.
  const spark = page.getByRole('img', { name: /^Messages in in the last ten minutes: now/ });
  await until(() => spark.locator('polyline').count(), 'a line is drawn', 60_000);
  assert.match(await spark.getAttribute('aria-label'), /now [0-9.]+\/s, highest [0-9.]+\/s$/);
});

export const all_is_well = () => browse(async ({ page }) => {
  await page.getByText('No alarm stands.').waitFor();
});

export const a_node_is_away = () => browse(async ({ page }) => {
  await page.getByText('node n3 is away').waitFor({ timeout: 60_000 });
  await page.getByText('2 of 3 there').waitFor();
  await go(page, '#/nodes', 'Nodes and shards');
  await page.getByRole('row', { name: /^n3 away/ }).waitFor();
});

export const nodes_and_shards = () => browse(async ({ page }) => {
  await go(page, '#/nodes', 'Nodes and shards');
  const { shards, nodes } = await api('GET', 'cluster');
  for (const { name, address } of nodes) {
    const row = page.getByRole('table', { name: 'Nodes' }).getByRole('row', { name: new RegExp(`^${name} `) });
    await row.getByText(address).waitFor();
    await row.getByText('ready').waitFor();
  }
  const listeners = page.getByRole('table', { name: 'Listeners' });
  assert.equal(await listeners.getByRole('cell', { name: 'web', exact: true }).count(), 3);
  await page.getByLabel('Shards to list').selectOption('all');
  const rows = page.getByRole('table', { name: 'Shards' }).locator('tbody').getByRole('row');
  await until(async () => await rows.count() === shards.length, 'each shard has its row');
  await page.getByLabel('Shards to list').selectOption(shards[0].leader);
  const led = shards.filter((one) => one.leader === shards[0].leader).length;
  await until(async () => await rows.count() === led, 'only those of its leader');
});

export const ways_out = () => browse(async ({ page }) => {
  await go(page, '#/ways', 'Bridges and webhooks');
  const bridge = page.getByRole('table', { name: 'Bridges' }).getByRole('row', { name: /^cloud/ });
  await bridge.getByText('running').waitFor();
  const { leader } = await api('GET', 'bridges').then(({ nodes }) => ({ leader: nodes
    .find((one) => one.bridges[0].state === 'running').node }));
  await bridge.getByRole('cell', { name: leader, exact: true }).waitFor();
  await publish('bridged/a', 'over');
  await bridge.getByRole('cell', { name: '1', exact: true }).first().waitFor();
  await publish('hooked/a', 'x');
  const hook = page.getByRole('table', { name: 'Webhooks' }).getByRole('row', { name: /^away/ });
  await hook.getByText(/refused|reset|closed/).waitFor();
  await hook.getByRole('link').click();
  await page.getByRole('heading', { level: 1, name: '$roost/webhook/away' }).waitFor();
});

export const drops = () => browse(async ({ page }) => {
  // For a session whose client is away: QoS 0, over what its queue may hold, and a purge.
  await sleeper('lost-1', 'lost/#');
  for (let i = 0; i < 7; ++i) await publish('lost/a', 'x', { qos: 0 });
  for (let i = 0; i < QUEUE_MAX + 4; ++i) await publish('lost/b', 'x');
  await api('DELETE', 'sessions/lost-1/queue');
  await go(page, '#/drops', 'Drops');
  const causes = page.getByRole('table', { name: 'Drops by cause' });
  const offline = causes.getByRole('row', { name: /^offline_qos0/ });
  await until(async () => /offline_qos0.* 7( |$)/.test((await offline.innerText())
    .replace(/\s+/g, ' ')), 'seven that were lost');
  await causes.getByRole('row', { name: /^queue_full/ }).waitFor();
  await causes.getByRole('row', { name: /^purged/ }).waitFor();
  const row = page.getByRole('table', { name: 'Clients' }).getByRole('row', { name: /^lost-1/ });
  await row.getByText('queue_full').waitFor();
  await row.getByRole('cell', { name: '4', exact: true }).waitFor();
  await row.getByRole('link').click();
  await page.getByRole('heading', { level: 1, name: 'lost-1' }).waitFor();
  await api('DELETE', 'sessions/lost-1');
});
