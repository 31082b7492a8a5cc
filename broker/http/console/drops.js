// SPDX-License-Identifier: Apache-2.0
// Messages that were not delivered: by cause and node, and whose they were.
import { html, useRef, useState } from './preact.js';
import { get, query, usePoll } from './api.js';
import {
  Bar, Field, Loading, Missing, Select, Sparkline, Table, Trouble, count, many, rate, sessionLink,
} from './parts.js';
import { summed } from './overview.js';

const CAUSES = {
  slow_reader: 'QoS 0 to a client that doesn’t read fast enough',
  queue_full: 'over mqtt.max_queued_messages or mqtt.max_queued_bytes',
  queue_overflow_oldest: 'the oldest made room, as mqtt.queue_overflow says',
  keep_last: 'a newer one of its topic came, under mqtt.keep_last',
  queued_too_long: 'longer in a queue than mqtt.max_queued_age',
  damaged: 'stood on a damaged page of the disk',
  expired: 'its Message Expiry Interval was over',
  too_large: 'over the client’s Maximum Packet Size',
  offline_qos0: 'QoS 0 to a session whose client is away',
  session_end: 'waited when the session ended',
  rejected_by_subscriber: 'the subscriber answered PUBREC with an error',
  not_authorized: 'published to $SYS, or against the rules',
  not_receivable: 'to a client that may not have it by the rules',
  max_retained: 'not kept: over mqtt.max_retained',
  purged: 'by an operator’s word',
};

function Causes({ data, first }) {
  const [shown, show] = useState('some');
  const total = Object.values(data.causes).reduce((sum, one) => sum + one, 0);
  const rows = Object.entries(data.causes).map(([cause, number]) => ({ cause, number,
    since: Math.max(0, number - (first?.[cause] ?? number)) }))
    .filter((one) => shown === 'all' || one.number > 0)
    .sort((a, b) => b.number - a.number || a.cause.localeCompare(b.cause));
  const nodes = data.nodes.length > 1 ? data.nodes : [];
  return html`<div><div class="row between"><p>${many(total, 'message')} since the nodes started.</p>
    <${Field} label="Causes"><${Select} value=${shown} on=${show}
      options=${[['some', 'That happened'], ['all', 'All']]} /><//></div>
    <${Table} caption="Drops by cause" rows=${rows} keyOf=${(one) => one.cause}
      empty="Nothing was dropped." columns=${[
    { title: 'Cause', wide: true, show: (one) => html`<b>${one.cause}</b><br /><small class="muted">${
      CAUSES[one.cause] ?? ''}</small>` },
    { title: 'Messages', number: true, show: (one) => html`${count(one.number)}<${Bar}
      share=${total ? one.number / total : 0} />` },
    { title: 'While you look', number: true, show: (one) => (one.since ? `+${count(one.since)}` : '–') },
    ...nodes.map((node) => ({ title: node.node, number: true,
      show: (one) => count(node.causes[one.cause]) })),
  ]} /></div>`;
}

export function Drops() {
  const first = useRef(null);
  const poll = usePoll(async (signal) => {
    const drops = await get('drops', { signal });
    first.current ??= drops.causes;
    return drops;
  }, 3000, []);
  const history = usePoll((signal) => get('history', { signal }), 5000, []);
  const [by, setBy] = useState('drops');
  const top = usePoll((signal) => get(`top${query({ by, limit: 25 })}`, { signal }), 5000, [by]);
  const rows = (top.data?.sessions ?? []).filter((one) => by !== 'drops' || one.dropped > 0);
  const values = history.data && summed(history.data, 'dropped');
  return html`<div><h1 tabindex="-1">Drops</h1>
    <${Trouble} poll=${poll} /><${Missing} of=${poll.data} /><${Loading} poll=${poll} />
    ${values && html`<div class="card stat"><h2>The last ten minutes</h2>
      <p class="figure">${rate(history.data.nodes.reduce((sum, one) => sum + one.now.dropped, 0))}/s</p>
      <${Sparkline} values=${values} label="Messages dropped" say=${(one) => `${rate(one)}/s`} /></div>`}
    <section aria-labelledby="causes"><h2 id="causes">By cause</h2>
      ${poll.data && html`<${Causes} data=${poll.data} first=${first.current} />`}</section>
    <section aria-labelledby="whose"><h2 id="whose">By client</h2>
      <div class="filters"><${Field} label="Clients with the"><${Select} value=${by} on=${setBy}
        options=${[['drops', 'most drops'], ['queue', 'longest queues'], ['bytes', 'largest queues'],
    ['ack', 'oldest unacknowledged message']]} /><//></div>
      <${Trouble} poll=${top} />
      ${top.data && html`<${Table} caption="Clients" rows=${rows} keyOf=${(one) => one.client_id}
        busy=${top.isBusy} empty="No client lost a message." columns=${[
    { title: 'Client id', wide: true, show: (one) => html`<span class="id">${
      sessionLink(one.client_id)}</span>` },
    { title: 'Dropped', number: true, show: (one) => count(one.dropped) },
    { title: 'Last cause', show: (one) => (one.dropped > 0 ? one.last_drop : '–') },
    { title: 'Queued', number: true, show: (one) => count(one.queued) },
    { title: 'Node', show: (one) => one.node },
    { title: 'State', show: (one) => (one.connected ? 'connected' : 'away') },
  ]} />`}</section></div>`;
}
