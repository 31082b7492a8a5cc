// SPDX-License-Identifier: Apache-2.0
// Nodes, their listeners, and the shards that they hold.
import { html, useState } from './preact.js';
import { ask, get, usePoll } from './api.js';
import { clusterOf } from './overview.js';
import {
  Bar, Field, Loading, Missing, Pill, Select, Table, Trouble, attempt, bytes, confirm, count,
  duration, many, unless,
} from './parts.js';

const SHADES = 8;

function NodeTable({ rows, moves }) {
  const columns = [
    { title: 'Node', show: (one) => html`<b>${one.name}</b>` },
    { title: 'State', show: (one) => html`${one.alive === false
      ? html`<${Pill} kind="bad">away<//>` : one.status?.ready
        ? html`<${Pill} kind="good">ready<//>` : html`<${Pill} kind="warn">not ready<//>`}
      ${one.leaving && html` <${Pill} kind="warn">leaving<//>`}` },
    { title: 'Address', show: (one) => html`<code>${one.address ?? '–'}</code>` },
    { title: 'Zone', show: (one) => one.zone || '–' },
    { title: 'Version', show: (one) => one.version ?? one.status?.version ?? '–' },
    { title: 'Leads', number: true, show: (one) => count(one.leads) },
    { title: 'In sync', number: true, show: (one) => `${count(one.in_sync)} of ${count(one.holds)}` },
    { title: 'Clients', number: true, show: (one) => (one.status
      ? count(one.status.connections) : '–') },
    { title: 'Data', number: true, show: (one) => (one.status ? bytes(one.status.store.bytes) : '–') },
    { title: 'Up for', show: (one) => (one.status ? duration(one.status.uptime_s) : '–') },
  ];
  if (moves) {
    columns.push({ title: 'Leadership', show: (one) => html`<button type="button"
      ...${unless(!one.leads, () => moves(one))}>Move away<span class="unseen">
      of ${one.name}</span></button>` });
  }
  return html`<${Table} caption="Nodes" columns=${columns} rows=${rows} keyOf=${(one) => one.name} />`;
}

function Listeners({ of }) {
  const rows = of.nodes.flatMap((one) => one.listeners.map((each) => ({ ...each, node: one.node })));
  return html`<${Table} caption="Listeners" rows=${rows} keyOf=${(one) => one.node + one.name}
    columns=${[
    { title: 'Node', show: (one) => one.node },
    { title: 'Listener', show: (one) => one.name },
    { title: 'Where', show: (one) => html`<code>${one.address}</code>` },
  ]} />`;
}

function Shards({ shards }) {
  const [wanted, want] = useState('ill');
  const leaders = [...new Set(shards.map((one) => one.leader))].filter(Boolean).sort();
  const ill = shards.filter((one) => !one.well);
  const shown = wanted === 'ill' ? ill : wanted === 'all' ? shards
    : shards.filter((one) => one.leader === wanted);
  const has = shards.some((one) => one.in_sync);
  return html`<div><p>${ill.length === 0 ? html`<${Pill} kind="good">All well<//> `
    : html`<${Pill} kind="bad">${many(ill.length, 'shard')} in trouble<//> `}
    Each cell is a shard, in the shade of the node that leads it.</p>
    <ul class="legend">${leaders.map((name, i) => html`<li><span class="cell shade${i % SHADES}"
      aria-hidden="true"></span>${name}: ${count(shards.filter((one) => one.leader === name).length)}
      <${Bar} share=${shards.filter((one) => one.leader === name).length / shards.length} /></li>`)}
    </ul>
    <div class="grid-of-shards" role="img" aria-label="${many(shards.length, 'shard')}, ${
  ill.length} in trouble; the table below names each">${shards.map((one) => html`<span
      class="cell ${one.leader ? `shade${leaders.indexOf(one.leader) % SHADES}` : ''} ${
  one.well ? '' : 'ill'}" title="${one.id}: ${one.leader || 'no leader'} ${one.trouble}">${one.id}
      </span>`)}</div>
    <div class="filters"><${Field} label="Shards to list"><${Select} value=${wanted} on=${want}
      options=${[['ill', 'In trouble'], ['all', 'All'],
    ...leaders.map((name) => [name, `Led by ${name}`])]} /><//></div>
    <${Table} caption="Shards" rows=${shown} keyOf=${(one) => one.id} empty="No shard is in trouble."
      columns=${[
    { title: 'Shard', number: true, show: (one) => one.id },
    { title: 'Leader', show: (one) => one.leader || html`<${Pill} kind="bad">none<//>` },
    ...(has ? [
      { title: 'In sync', show: (one) => one.in_sync?.join(', ') },
      { title: 'Replicas', show: (one) => one.replicas?.join(', ') },
      { title: 'Epoch', number: true, show: (one) => one.epoch },
    ] : []),
    { title: 'State', wide: true, show: (one) => (one.well ? html`<${Pill} kind="good">well<//>`
      : html`<${Pill} kind="bad">${one.trouble || 'not well'}<//>`) },
  ]} /></div>`;
}

export function Nodes() {
  const poll = usePoll(async (signal) => {
    const [nodes, listeners, shards, cluster] = await Promise.all(
      [get('nodes', { signal }), get('listeners', { signal }), get('shards', { signal }),
        clusterOf({ signal })]);
    const byName = new Map(nodes.nodes.map((one) => [one.node, one.status]));
    const rows = cluster ? cluster.nodes.map((one) => ({ ...one, status: byName.get(one.name) }))
      : nodes.nodes.map((one) => ({ name: one.node, status: one.status,
        leads: shards.shards.length, holds: shards.shards.length, in_sync: shards.shards.length }));
    return { rows, listeners, shards: shards.shards, cluster, missing: nodes.missing };
  }, 5000, []);
  const { data } = poll;
  const moves = async (one) => {
    const yes = await confirm({ title: `Move leadership away from ${one.name}?`, danger: false,
      yes: 'Move it', text: `${many(one.leads, 'shard')} get another leader; clients of their `
        + 'sessions come back there. The node stays in the cluster.' });
    if (!yes) return;
    await attempt(() => ask('POST', 'cluster/move-leaders', { body: { node: one.name } }),
      () => `Leadership leaves ${one.name}.`);
    poll.again();
  };
  return html`<div><h1 tabindex="-1">Nodes and shards</h1>
    <${Trouble} poll=${poll} /><${Loading} poll=${poll} />
    ${data && html`<div><${Missing} of=${data} />
    <section aria-labelledby="nodes"><h2 id="nodes">Nodes</h2>
      <${NodeTable} rows=${data.rows} moves=${data.cluster && data.rows.length > 1 && moves} />
    </section>
    <section aria-labelledby="listeners"><h2 id="listeners">Listeners</h2>
      <${Listeners} of=${data.listeners} /></section>
    <section aria-labelledby="shards"><h2 id="shards">Shards</h2>
      <${Shards} shards=${data.shards} /></section></div>`}</div>`;
}
