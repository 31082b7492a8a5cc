// SPDX-License-Identifier: Apache-2.0
// What is done to clients and queues, and that it is done to those alone.
import assert from 'node:assert/strict';
import { api, browse, client, go, place, publish, sleeper, until } from './page.mjs';

const rowsOf = (page, caption) => page.getByRole('table', { name: caption }).locator('tbody')
  .getByRole('row');

export const filters_clients_and_pages = () => browse(async ({ page }) => {
  const names = Array.from({ length: 60 }, (_, i) => `pager-${String(i).padStart(2, '0')}`);
  await Promise.all(names.map((name, i) => client(name, {}, place.nodes[i % 3])));
  await go(page, '#/clients', 'Clients');
  await page.getByLabel('Client id', { exact: true }).fill('pager-*');
  await page.getByRole('button', { name: 'Filter', exact: true }).click();
  await page.getByText('60 sessions match', { exact: true }).waitFor();
  assert.match(page.url(), /#\/clients\?client=pager-\*$/);
  const rows = rowsOf(page, 'Sessions');
  assert.equal(await rows.count(), 50);
  const first = await rows.first().innerText();
  await page.getByRole('button', { name: 'Next' }).click();
  await until(async () => await rows.count() === 10, 'the second page');
  await page.getByText('Page 2').waitFor();
  await page.getByRole('link', { name: 'pager-59' }).waitFor();
  await page.getByRole('button', { name: 'Previous' }).click();
  await until(async () => await rows.count() === 50, 'the first page again');
  assert.equal((await rows.first().innerText()).split(/\s/)[0], first.split(/\s/)[0]);
  // Sorted by the nodes; the heading says it.
  await page.getByRole('columnheader', { name: 'Filters' }).getByRole('button').click();
  await page.locator('th[aria-sort=descending]', { hasText: 'Filters' }).waitFor();
  // A link shows what its sender saw.
  await page.goto(`${place.nodes[1].http}/console/#/overview`);
});

export const kicks_those_that_match_alone = () => browse(async ({ page }) => {
  const lamps = await Promise.all([0, 1, 2, 3, 4, 5].map((i) => client(`kick-lamp-${i}`, {},
    place.nodes[i % 3])));
  const others = await Promise.all([0, 1, 2].map((i) => client(`kick-door-${i}`, {}, place.nodes[i])));
  await go(page, '#/clients', 'Clients');
  const kick = page.getByRole('button', { name: 'Kick all that match …' });
  await kick.waitFor();
  assert.ok(await kick.isDisabled(), 'without a filter nobody is kicked');
  await page.getByLabel('Client id', { exact: true }).fill('kick-lamp-*');
  await page.keyboard.press('Enter');
  await page.getByText('6 sessions match', { exact: true }).waitFor();
  await kick.click();
  const dialog = page.getByRole('dialog', { name: 'Kick 6 clients?' });
  await dialog.getByText('client kick-lamp-*').waitFor();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  assert.ok(lamps.every((one) => !one.isGone), 'nobody goes before it is said');
  await kick.click();
  await dialog.getByRole('button', { name: 'Kick 6' }).click();
  await page.getByText('6 clients kicked.').waitFor();
  await until(() => lamps.every((one) => one.isGone), 'all lamps are gone');
  assert.ok(others.every((one) => !one.isGone), 'the others stay');
  await page.getByText('0 sessions match').waitFor();
});

export const a_session_s_queue = () => browse(async ({ page }) => {
  await sleeper('queue-1', 'queue/#');
  for (let i = 0; i < 5; ++i) await publish(`queue/${i}`, JSON.stringify({ number: i }));
  await go(page, '#/sessions/queue-1', 'queue-1');
  await page.getByText('5 messages wait or are in flight.').waitFor();
  const rows = rowsOf(page, 'Queue');
  const sequences = (await api('GET', 'sessions/queue-1/queue')).messages.map((one) => one.sequence);
  // Peek.
  await rows.nth(2).getByRole('button', { name: /^Peek/ }).click();
  const peek = page.getByRole('dialog', { name: `Message ${sequences[2]}` });
  assert.match(await peek.getByLabel('Payload').innerText(), /"number": 2/);
  await page.keyboard.press('Escape');
  await peek.waitFor({ state: 'detached' });
  // Replay under another prefix: who subscribes there gets all, and the queue stays.
  const hears = await client('queue-hears');
  const heard = [];
  hears.on('message', (topic, payload) => heard.push(`${topic} ${payload}`));
  await hears.subscribeAsync('again/#', { qos: 1 });
  await page.getByLabel('Replay under').fill('again/');
  await page.getByRole('button', { name: 'Replay …' }).click();
  await page.getByRole('dialog', { name: 'Replay the queue?' }).getByRole('button', { name: 'Replay' })
    .click();
  await page.getByText('5 messages published again.').waitFor();
  await until(() => heard.length === 5, 'all five are heard');
  assert.deepEqual(heard.sort(), [0, 1, 2, 3, 4].map((i) => `again/queue/${i} {"number":${i}}`));
  assert.equal((await api('GET', 'sessions/queue-1/queue')).total, 5);
  // Purge one, then the rest.
  await rows.nth(1).getByRole('button', { name: /^Purge/ }).click();
  const ask = page.getByRole('dialog');
  await ask.getByText('queue/1').waitFor();
  await ask.getByRole('button', { name: 'Purge' }).click();
  await page.getByText('1 message purged.').waitFor();
  const left = await api('GET', 'sessions/queue-1/queue');
  assert.deepEqual(left.messages.map((one) => one.sequence),
    sequences.filter((one) => one !== sequences[1]));
  await page.getByRole('button', { name: 'Purge all …' }).click();
  await page.getByRole('dialog', { name: 'Purge the whole queue?' })
    .getByRole('button', { name: 'Purge' }).click();
  await page.getByText('Nothing waits.').waitFor();
  assert.equal((await api('GET', 'sessions/queue-1/queue')).total, 0);
  // And the session itself.
  await page.getByRole('button', { name: 'End session …' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'End it for good' }).click();
  await page.getByRole('heading', { level: 1, name: 'Clients' }).waitFor();
  await assert.rejects(api('GET', 'sessions/queue-1'), /no node has a session/);
});

// Browsers before 2023 don't know the size of URLSearchParams.
export const purges_one_in_an_older_browser = () => browse(async ({ page }) => {
  await page.addInitScript(() => { delete URLSearchParams.prototype.size; });
  await page.reload();
  await sleeper('older-1', 'older/#');
  for (let i = 0; i < 3; ++i) await publish(`older/${i}`, 'x');
  await go(page, '#/sessions/older-1', 'older-1');
  await rowsOf(page, 'Queue').nth(1).getByRole('button', { name: /^Purge/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Purge' }).click();
  await page.getByText('1 message purged.').waitFor();
  const left = async () => (await api('GET', 'sessions/older-1/queue')).messages
    .map((one) => one.topic);
  assert.deepEqual(await left(), ['older/0', 'older/2']);
  // Of a message that the node doesn't name nothing is asked.
  await page.route('**/queue?**', async (route) => {
    const answer = await route.fetch();
    const said = await answer.json();
    for (const one of said.messages) delete one.sequence;
    await route.fulfill({ response: answer, json: said });
  });
  await page.reload();
  await rowsOf(page, 'Queue').first().getByRole('button', { name: /^Purge/ }).click();
  await page.getByText('nothing is purged').waitFor();
  assert.equal((await left()).length, 2);
});
