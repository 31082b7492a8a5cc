// SPDX-License-Identifier: Apache-2.0
// At the door and in bad moments: an API that is closed, tokens that are guessed, a node that goes and
// comes back, a tab that nobody sees, names that want to be markup.
import assert from 'node:assert/strict';
import { api, blank, browse, client, enter, go, place, publish, until } from './page.mjs';

const SEEN_MS = 4000; // Twice as long as the overview waits.

export async function a_closed_api_says_how_to_open_it() {
  const { page, context, faults } = await blank();
  await page.goto(`${place.nodes[0].http}/`);
  await page.getByRole('heading', { name: 'The API is closed on this node' }).waitFor();
  await page.getByText('token_file: tokens').waitFor();
  assert.equal(await page.getByLabel('Token', { exact: true }).count(), 0, 'no token would help');
  assert.deepEqual(faults, []);
  await context.close();
}

export async function guessing_is_held_off() {
  const { page, context } = await blank();
  await page.goto(`${place.nodes[0].http}/`);
  const field = page.getByLabel('Token', { exact: true });
  const heldOff = page.getByText('Too many wrong tokens came from this address.');
  await until(async () => {
    if (await heldOff.count()) return true;
    await field.fill('another-wrong-token').catch(() => {});
    await page.keyboard.press('Enter');
    await page.waitForTimeout(100);
    return false;
  }, 'it is held off');
  await page.getByText(/listens again in [0-9]+ s/).waitFor();
  await context.close();
}

// The test stops the node when it reads "stop", and starts it again at "start".
export async function a_node_that_goes_and_comes_back() {
  const { page, context, faults } = await blank();
  await enter(page);
  await page.getByText('a node alone').waitFor();
  console.log('stop');
  const trouble = page.getByRole('alert').filter({ hasText: 'This node doesn’t answer' });
  await trouble.waitFor();
  assert.match(await trouble.innerText(), /What is shown is from [0-9:]+\.$/);
  assert.ok(await page.getByText('a node alone').isVisible(), 'what came before stays');
  console.log('start');
  await trouble.waitFor({ state: 'detached' });
  await page.getByText('No alarm stands.').waitFor();
  assert.deepEqual(faults, []);
  await context.close();
}

export const a_hidden_tab_asks_nothing = () => browse(async ({ page }) => {
  await page.getByRole('article').first().waitFor();
  let asked = 0;
  page.on('request', () => { ++asked; });
  await until(() => asked > 2, 'it asks while it is seen');
  const hide = (is) => page.evaluate((value) => Object.defineProperty(document, 'hidden',
    { value, configurable: true }), is);
  await hide(true);
  await page.waitForTimeout(1000); // What was under way.
  asked = 0;
  await page.waitForTimeout(SEEN_MS);
  assert.equal(asked, 0);
  await hide(false);
  await until(() => asked > 0, 'it asks again');
});

export const names_are_text = () => browse(async ({ page }) => {
  const name = '<img src=x onerror="document.title=1"> a/b?c#d%41 ü';
  await client(name);
  await publish('text/<b>bold', '<script>document.title=2</script>', { retain: true });
  await go(page, '#/clients', 'Clients');
  await page.getByRole('link', { name, exact: true }).click();
  await page.getByRole('heading', { level: 1, name, exact: true }).waitFor();
  await page.getByText('A clean session keeps no queue').waitFor();
  await page.reload();
  await page.getByRole('heading', { level: 1, name, exact: true }).waitFor();
  await go(page, '#/topics', 'Topics');
  await page.getByRole('button', { name: 'Open text', exact: true }).click();
  await page.getByText('<script>document.title=2</script>').waitFor();
  assert.equal(await page.locator('main img, main b:text("bold")').count(), 0);
  assert.equal(await page.title(), 'Topics – Roost');
  assert.ok((await api('GET', 'sessions?client=*ü')).matched >= 1);
});
