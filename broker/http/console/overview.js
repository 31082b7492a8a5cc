// SPDX-License-Identifier: Apache-2.0
// The cluster at a glance: what is wrong, how much goes through, each node.
import { html } from './preact.js';
import { get, usePoll } from './api.js';
import {
  Bar, Facts, Loading, Missing, Notice, Pill, Sparkline, Trouble, brief, bytes, count, duration,
  many, rate,
} from './parts.js';

const perSecond = (number) => `${rate(number)}/s`;
const bytesPerSecond = (number) => `${bytes(number)}/s`;

const CARDS = [
  ['messages_in', 'Messages in', perSecond],
  ['messages_out', 'Messages out', perSecond],
  ['bytes_in', 'Traffic in', bytesPerSecond],
  ['bytes_out', 'Traffic out', bytesPerSecond],
  ['connected', 'Clients', brief],
  ['connects', 'Connects', perSecond],
  ['queued', 'Messages queued', brief],
  ['dropped', 'Messages dropped', perSecond],
];

// The nodes' samples by their time, summed; a node that came later counts nothing before.
export function summed(history, name) {
  const slots = new Map();
  for (const node of history.nodes) {
    const values = node.series[name];
    values.forEach((value, i) => {
      const at = Math.round(node.at_ms / 1000 / history.every_s) - (values.length - 1 - i);
      slots.set(at, (slots.get(at) ?? 0) + value);
    });
  }
  const last = Math.min(...history.nodes.filter((one) => one.at_ms).map((one) => one.at_ms));
  const end = Math.round(last / 1000 / history.every_s);
  return [...slots].filter(([at]) => at <= end).sort((a, b) => a[0] - b[0]).slice(-60)
    .map(([, value]) => value);
}

const now = (history, name) => history.nodes.reduce((sum, one) => sum + one.now[name], 0);

function Alarms({ poll }) {
  const alarms = poll.data?.alarms;
  if (!alarms) return null;
  return html`<section aria-labelledby="alarms">
    <h2 id="alarms">Alarms</h2>
    <div aria-live="polite">${alarms.length === 0
    ? html`<p class="well"><${Pill} kind="good">All well<//> No alarm stands.</p>`
    : html`<ul class="alarms">${alarms.map((one) => html`<li key=${one.node + one.text}
        class=${one.severity}><${Pill} kind=${one.severity === 'critical' ? 'bad' : 'warn'}>
        ${one.severity}<//> <span>${one.node && html`<b>${one.node}</b>: `}${one.text}</span>
      </li>`)}</ul>`}</div></section>`;
}

function Rates({ history }) {
  return html`<section aria-labelledby="rates">
    <h2 id="rates">The last ten minutes</h2>
    <div class="cards">${CARDS.map(([name, title, say]) => html`<div class="card stat" key=${name}>
      <h3>${title}</h3>
      <p class="figure" data-figure=${name}>${say(now(history, name))}</p>
      <${Sparkline} values=${summed(history, name)} label=${title} say=${say} /></div>`)}
    </div></section>`;
}

function NodeCard({ node, status, history, shards }) {
  const store = status.store;
  const full = store.disk_bytes > 0 ? 1 - store.disk_free_bytes / store.disk_bytes : 0;
  return html`<article class="card node" aria-label="Node ${node}">
    <header class="row"><h3>${node}</h3>${status.ready
    ? html`<${Pill} kind="good">ready<//>` : html`<${Pill} kind="bad">not ready<//>`}</header>
    ${history && html`<${Sparkline} values=${history.series.messages_in}
      label="Messages in of ${node}" say=${perSecond} />`}
    <${Facts} rows=${[
    history && ['Messages in', perSecond(history.now.messages_in)],
    history && ['Messages out', perSecond(history.now.messages_out)],
    ['Connections', count(status.connections)],
    ['Sessions asleep', count(status.sessions.durable_offline)],
    shards && ['Shards led', count(shards)],
    ['Queued', `${count(status.queued_messages)} (${bytes(status.queued_bytes)})`],
    ['Up for', duration(status.uptime_s)],
    ['Version', status.version],
    ['Disk', html`${bytes(store.disk_free_bytes)} free<${Bar} share=${full}
      kind=${full > 0.9 ? 'bad' : ''} />`],
  ]} /></article>`;
}

function Head({ nodes, cluster }) {
  const known = cluster?.nodes ?? [];
  const alive = cluster ? known.filter((one) => one.alive).length : nodes.length;
  const sum = (pick) => nodes.reduce((all, one) => all + pick(one.status), 0);
  return html`<div class="card cluster"><${Facts} rows=${[
    ['Cluster', cluster ? cluster.cluster : 'a node alone'],
    ['Nodes', cluster ? `${alive} of ${known.length} there` : '1'],
    cluster && ['Controller', cluster.controller || 'none now'],
    cluster && ['Shards well', `${cluster.shards.filter((one) => one.well).length} of ${
      cluster.shards.length}`],
    ['Connections', count(sum((one) => one.connections))],
    ['Durable sessions', count(sum((one) => one.sessions.durable))],
    ['Subscriptions', count(sum((one) => one.subscriptions))],
    ['Retained', count(sum((one) => one.retained_messages))],
  ]} />${cluster?.note && html`<${Notice}>${cluster.note}<//>`}</div>`;
}

// Null: a node alone.
export async function clusterOf(options) {
  try {
    return await get('cluster', options);
  } catch (error) {
    if (error.status === 400) return null;
    throw error;
  }
}

export function Overview() {
  const history = usePoll((signal) => get('history', { signal }), 2000, []);
  const alarms = usePoll((signal) => get('alarms', { signal }), 5000, []);
  const state = usePoll(async (signal) => {
    const [nodes, cluster] = await Promise.all([get('nodes', { signal }), clusterOf({ signal })]);
    return { ...nodes, cluster };
  }, 5000, []);
  const cluster = state.data?.cluster;
  return html`<div><h1 tabindex="-1">Overview</h1>
    <${Trouble} poll=${state.error ? state : history} />
    <${Missing} of=${state.data} /><${Loading} poll=${state} />
    ${state.data && html`<${Head} nodes=${state.data.nodes} cluster=${cluster} />`}
    <${Alarms} poll=${alarms} />
    ${history.data && html`<${Rates} history=${history.data} />`}
    ${state.data && html`<section aria-labelledby="nodes"><h2 id="nodes">${
      many(state.data.nodes.length, 'node')}</h2>
      <div class="cards nodes">${state.data.nodes.map((one) => html`<${NodeCard} key=${one.node}
        node=${one.node} status=${one.status}
        shards=${cluster?.nodes.find((other) => other.name === one.node)?.leads}
        history=${history.data?.nodes.find((other) => other.node === one.node)} />`)}
      </div></section>`}</div>`;
}
