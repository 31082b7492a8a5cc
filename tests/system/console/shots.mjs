// SPDX-License-Identifier: Apache-2.0
// Pictures of all pages, for eyes: light, dark, and on a phone. ROOST_SHOTS names the folder.
import { blank, browse, client, go, place, publish, sleeper } from './page.mjs';

const FOLDER = process.env.ROOST_SHOTS ?? '.';
export const PAGES = [
  ['overview', 'Overview'], ['nodes', 'Nodes and shards'], ['clients', 'Clients'],
  ['sessions/sleeper-1', 'sleeper-1'], ['topics?topic=home/kitchen/climate', 'Topics'],
  ['drops', 'Drops'], ['ways', 'Bridges and webhooks'], ['trace', 'Trace'], ['mqtt', 'MQTT client'],
];

// Something to see on every page.
export async function furnish() {
  await sleeper('sleeper-1', 'alerts/#');
  for (let i = 0; i < 60; ++i) {
    await publish(`alerts/door/${i % 4}`, JSON.stringify({ open: i % 2 === 0, count: i }));
  }
  for (const room of ['kitchen', 'hall', 'attic']) {
    await publish(`home/${room}/climate`, JSON.stringify({ temperature: 21.5, humidity: 48 }),
      { retain: true });
    await publish(`home/${room}/light`, 'on', { retain: true });
  }
  for (let i = 0; i < 12; ++i) await client(`lamp-${i}`, { username: 'hall' }, place.nodes[i % 3]);
}

async function show(page, hash) {
  if (hash.startsWith('topics')) {
    await page.getByRole('button', { name: 'Open home', exact: true }).click();
    await page.getByRole('button', { name: 'Open home/kitchen' }).click();
    await page.locator('.value', { hasText: 'temperature' }).first().waitFor();
    await publish('home/kitchen/climate', JSON.stringify({ temperature: 22.1, humidity: 40 + Math.round(20 * Math.random()),
      co2: 640 + Date.now() % 1000 }), { retain: true });
    await page.locator('ins').first().waitFor();
  }
  if (hash === 'trace') {
    await page.getByLabel('Topic filter').fill('alerts/#');
    await page.getByRole('button', { name: 'Follow' }).click();
    await publish('alerts/door/1', 'open');
    await page.locator('.line').first().waitFor();
  }
  if (hash === 'mqtt') {
    await page.getByRole('button', { name: 'Connect', exact: true }).click();
    await page.getByText('connected', { exact: true }).waitFor();
    await page.getByLabel('Topic filter').fill('home/#');
    await page.getByRole('button', { name: 'Subscribe', exact: true }).click();
    await page.getByRole('cell', { name: 'home/hall/light' }).waitFor();
  }
  await page.waitForTimeout(1200);
}

async function all(name, options) {
  await browse(async ({ page }) => {
    for (const [hash, title] of PAGES) {
      await go(page, `#/${hash}`, title);
      await show(page, hash);
      const file = hash.split(/[/?]/)[0];
      await page.screenshot({ path: `${FOLDER}/${file}-${name}.png`, fullPage: true });
    }
  }, options);
}

export async function pictures() {
  await furnish();
  await all('light', { colorScheme: 'light' });
  await all('dark', { colorScheme: 'dark' });
  await all('phone', { colorScheme: 'light', viewport: { width: 360, height: 740 }, hasTouch: true,
    isMobile: true });
  const { page, context } = await blank();
  await page.goto(`${place.nodes[0].http}/`);
  await page.getByLabel('Token', { exact: true }).waitFor();
  await page.screenshot({ path: `${FOLDER}/gate-light.png` });
  await context.close();
}
