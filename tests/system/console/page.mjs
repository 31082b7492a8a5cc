// SPDX-License-Identifier: Apache-2.0
// A Chromium with the console open, and clients that nobody here wrote. Whatever the page says on
// its console, or its policy refuses, is a fault of the scenario.
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';
import mqtt from 'mqtt';

export const place = JSON.parse(process.env.ROOST_CONSOLE);
export const PATIENCE_MS = 60_000;

const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];
let browser = null;

export async function chrome() {
  browser ??= await chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS });
  return browser;
}

export const close = () => browser?.close();

// What a browser says by itself when an answer isn't 2xx, or nobody answers.
const NETWORK = /^Failed to load resource/;

// One page of its own, not yet anywhere. `faults` gathers what is wrong.
export async function blank(options = {}) {
  const context = await (await chrome()).newContext({ viewport: { width: 1280, height: 800 },
    reducedMotion: 'reduce', ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const faults = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()) && !NETWORK.test(message.text())) {
      faults.push(`${message.type()}: ${message.text()}`);
    }
  });
  page.on('pageerror', (error) => faults.push(`thrown: ${error.stack}`));
  return { context, page, faults };
}

// Enters the token where it is asked for.
export async function enter(page, node = place.nodes[0]) {
  await page.goto(`${node.http}/`);
  await page.getByLabel('Token', { exact: true }).fill(place.token);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
}

// Runs `look({page, context})` on an open console.
export async function browse(look, options = {}) {
  const { context, page, faults } = await blank(options);
  try {
    await enter(page, options.node);
    const told = await look({ page, context });
    assert.deepEqual(faults, [], 'the page says so on its console');
    return told;
  } finally {
    await context.close();
  }
}

export async function go(page, hash, title) {
  await page.evaluate((to) => { location.hash = to; }, hash);
  await page.getByRole('heading', { level: 1, name: title }).waitFor();
}

// Until it is so, or the time is up.
export async function until(condition, what, forMs = PATIENCE_MS) {
  const end = Date.now() + forMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`${what}: not within ${forMs / 1000} s`);
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
}

// --- the API, for what a scenario prepares and checks ---

export async function api(method, path, body, node = place.nodes[0]) {
  const answer = await fetch(`${node.http}/api/v1/${path}`, { method,
    headers: { Authorization: `Bearer ${place.token}` }, body: body && JSON.stringify(body) });
  const said = await answer.json();
  assert.ok(answer.ok, `${method} ${path}: ${JSON.stringify(said)}`);
  return said;
}

export const publish = (topic, payload, more = {}) => api('POST', 'publish',
  { topic, payload, qos: 1, ...more });

// --- clients ---

const clients = [];

// A connected client of MQTT.js that stays away once it was sent off; `gone` says whether it was.
export async function client(clientId, options = {}, node = place.nodes[0]) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const one = mqtt.connect(node.mqtt, { clientId, protocolVersion: 5, reconnectPeriod: 0,
      ...options });
    try {
      await new Promise((resolve, reject) => {
        one.once('connect', resolve);
        one.once('error', reject);
        one.once('close', () => reject(new Error(`${clientId}: closed`)));
      });
      one.on('error', () => {});
      one.isGone = false;
      one.on('close', () => { one.isGone = true; });
      clients.push(one);
      return one;
    } catch (error) {
      one.end(true);
      if (Date.now() > end) throw error;
    }
  }
}

export async function endClients() {
  await Promise.all(clients.splice(0).map((one) => one.endAsync(true)));
}

// A durable session with a filter, whose client is away.
export async function sleeper(clientId, filter) {
  const one = await client(clientId, { clean: false, properties: { sessionExpiryInterval: 3600 } });
  await one.subscribeAsync(filter, { qos: 1 });
  await one.endAsync();
}
