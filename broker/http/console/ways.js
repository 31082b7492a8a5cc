// SPDX-License-Identifier: Apache-2.0
// The ways out: bridges to other brokers, webhooks; which node runs them, and what holds them up.
import { html } from './preact.js';
import { get, usePoll } from './api.js';
import { Loading, Missing, Pill, Table, Trouble, count } from './parts.js';

const KINDS = { running: 'good', waiting: 'bad', connecting: 'warn', joining: 'warn' };

// One row for each name: the node that runs it, else the one that tries to.
function acting(nodes, list) {
  const best = new Map();
  for (const { node, [list]: ways } of nodes) {
    for (const way of ways) {
      const before = best.get(way.name);
      if (!before || (before.state === 'standby' && way.state !== 'standby')) {
        best.set(way.name, { ...way, node });
      }
    }
  }
  return [...best.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

const dropped = (way) => Object.values(way.dropped).reduce((sum, one) => sum + one, 0);

const name = { title: 'Name', show: (one) => html`<b>${one.name}</b>` };
const state = {
  title: 'State',
  show: (one) => (one.state === 'standby'
    ? html`<${Pill} kind="bad">no node runs it<//>`
    : html`<${Pill} kind=${KINDS[one.state]}>${one.state}<//>`),
};
const node = { title: 'Node', show: (one) => (one.state === 'standby' ? '–' : one.node) };
const failures = { title: 'Failures', number: true, show: (one) => count(one.failures) };
const queue = {
  title: 'Queue',
  show: (one) => html`<a href=${`#/sessions/${encodeURIComponent(one.session)}`}>what waits<span
    class="unseen"> of ${one.name}</span></a>`,
};
const fault = { title: 'Last error', wide: true, show: (one) => one.last_error ?? '–' };

function Bridges({ rows }) {
  return html`<${Table} caption="Bridges" rows=${rows} keyOf=${(one) => one.name}
    empty="No bridge is configured (bridges in roost.yaml)." columns=${[
    name, state, node,
    { title: 'Remote', show: (one) => html`<code>${one.remote}</code>` },
    { title: 'Out', number: true, show: (one) => count(one.out.messages) },
    { title: 'In', number: true, show: (one) => count(one.in.messages) },
    { title: 'Dropped', number: true, show: (one) => count(dropped(one.out) + dropped(one.in)) },
    failures, queue, fault,
  ]} />`;
}

function Webhooks({ rows }) {
  return html`<${Table} caption="Webhooks" rows=${rows} keyOf=${(one) => one.name}
    empty="No webhook is configured (webhooks in roost.yaml)." columns=${[
    name, state, node,
    { title: 'Batches', number: true, show: (one) => count(one.batches) },
    { title: 'Events', number: true, show: (one) => count(one.events) },
    { title: 'Too large', number: true, show: (one) => count(one.too_large) },
    failures, queue, fault,
  ]} />`;
}

export function Ways() {
  const poll = usePoll(async (signal) => {
    const [bridges, webhooks] = await Promise.all(
      [get('bridges', { signal }), get('webhooks', { signal })]);
    return { bridges: acting(bridges.nodes, 'bridges'), webhooks: acting(webhooks.nodes, 'webhooks'),
      missing: bridges.missing };
  }, 3000, []);
  const { data } = poll;
  return html`<div><h1 tabindex="-1">Bridges and webhooks</h1>
    <${Trouble} poll=${poll} /><${Loading} poll=${poll} />
    ${data && html`<div><${Missing} of=${data} />
    <section aria-labelledby="bridges"><h2 id="bridges">Bridges</h2>
      <${Bridges} rows=${data.bridges} /></section>
    <section aria-labelledby="webhooks"><h2 id="webhooks">Webhooks</h2>
      <${Webhooks} rows=${data.webhooks} /></section></div>`}</div>`;
}
