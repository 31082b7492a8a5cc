// SPDX-License-Identifier: Apache-2.0
// One session: its client, its filters, what waits for it, and why something doesn't come.
import { html, useState } from './preact.js';
import { ask, get, part, query, usePoll } from './api.js';
import {
  Dialog, Facts, Field, Loading, Missing, Notice, Pill, Table, Trouble, attempt, bytes, confirm,
  count, duration, many, tell, unless, usePages,
} from './parts.js';
import { setOut } from './values.js';

const QUEUE_LIMIT = 50;
const FILTERS_SHOWN = 200;

// As it is, or, where that isn't text, as base64; JSON is set out.
export function payloadText(message) {
  return message.payload === undefined ? message.payload_base64 ?? '' : setOut(message.payload);
}

function Peek({ path, sequence, onClose }) {
  const poll = usePoll((signal) => get(`${path}/queue/${sequence}`, { signal }), 0, [sequence]);
  const { data, error } = poll;
  return html`<${Dialog} title="Message ${sequence}" onClose=${onClose}>
    ${error && html`<${Notice} kind="bad">${error.message}<//>`}
    ${!data && !error && html`<p role="status">Asking the node …</p>`}
    ${data && html`<div><${Facts} rows=${[
    ['Topic', html`<code>${data.topic}</code>`], ['QoS', data.qos], ['Age', duration(data.age_s)],
    ['Payload', `${bytes(data.payload_bytes)}${data.payload_base64 !== undefined
      ? ', not text: base64' : ''}${data.payload_cut ? ', the beginning' : ''}`],
    data.expires_in_s !== undefined && ['Expires in', duration(data.expires_in_s)],
  ]} /><pre class="payload" tabindex="0" aria-label="Payload">${payloadText(data) || '(empty)'}</pre></div>`}
    <div class="row end"><button type="button" autofocus onClick=${onClose}>Close</button></div><//>`;
}

function Queue({ id, path, isConnected }) {
  const { cursor, pager } = usePages([id]);
  const [peeked, peek] = useState(null);
  const [prefix, setPrefix] = useState('');
  const poll = usePoll((signal) => get(`${path}/queue${query({ from: cursor, limit: QUEUE_LIMIT })}`,
    { signal }), 3000, [id, cursor]);
  const { data } = poll;
  // `bounds`: {from, to}, of which `to` is the first that stays; {}: all.
  const purge = async (bounds, what, total) => {
    if (!Object.values(bounds).every(Number.isSafeInteger)) {
      tell('The node doesn’t say which message this is: nothing is purged.', 'bad');
      return;
    }
    const yes = await confirm({ title: `Purge ${what}?`, yes: 'Purge',
      text: `${total} dropped for ${id} and can’t be brought back.` });
    if (!yes) return;
    await attempt(() => ask('DELETE', `${path}/queue${query(bounds)}`),
      (said) => `${many(said.purged, 'message')} purged.`);
    poll.again();
  };
  // Request by request, each some seconds long.
  const replayAll = async () => {
    const done = { replayed: 0, refused: 0 };
    let said = {};
    do {
      said = await ask('POST', `${path}/queue/replay${query({ prefix, from: said.next, to: said.to })}`);
      done.replayed += said.replayed;
      done.refused += said.refused;
    } while (said.next && !said.stopped);
    return { ...done, stopped: said.stopped };
  };
  const replay = async (event) => {
    event.preventDefault();
    const where = prefix ? `under topics that begin with ${prefix}` : 'to their own topics';
    const yes = await confirm({ title: 'Replay the queue?', yes: 'Replay', danger: false,
      text: `${many(data.total, 'message')} are published again ${where}, for all who subscribe. `
        + 'The queue stays, and gets its own copies where its filters match.' });
    if (!yes) return;
    const said = await attempt(replayAll, (done) => `${many(done.replayed, 'message')} published again${
      done.refused ? `, ${count(done.refused)} refused` : ''}.`);
    if (said?.stopped) tell(`Not all of them: ${said.stopped}`, 'warn');
    poll.again();
  };
  const columns = [
    { title: 'Sequence', number: true, show: (one) => one.sequence },
    { title: 'Topic', wide: true, show: (one) => html`<code class="id">${one.topic}</code>` },
    { title: 'QoS', number: true, show: (one) => one.qos },
    { title: 'Size', number: true, show: (one) => bytes(one.payload_bytes) },
    { title: 'Age', show: (one) => duration(one.age_s) },
    { title: 'State', show: (one) => (one.in_flight ? html`<${Pill} kind="warn">in flight<//>`
      : html`<${Pill} kind="idle">waits<//>`) },
    { title: 'What to do', show: (one) => html`<span class="row">
      <button type="button" onClick=${() => peek(one.sequence)}>Peek<span class="unseen">
        at message ${one.sequence}</span></button>
      <button type="button" class="danger" ...${unless(isConnected || one.in_flight, () =>
    purge({ from: one.sequence, to: one.sequence + 1 }, `message ${one.sequence}`,
      `This message, to ${one.topic}, is`))}>
        Purge<span class="unseen"> message ${one.sequence}</span></button></span>` },
  ];
  return html`<section aria-labelledby="queue"><h2 id="queue">Queue</h2>
    <${Trouble} poll=${poll} /><${Loading} poll=${poll} />
    ${data && html`<div><p aria-live="polite">${many(data.total, 'message')} wait${
      data.total === 1 ? 's' : ''} or ${data.total === 1 ? 'is' : 'are'} in flight.</p>
      <form class="filters" onSubmit=${replay} aria-label="Replay">
        <${Field} label="Replay under" hint="a prefix of topics; empty: their own"><input
          name="prefix" value=${prefix} placeholder="replayed/" autocomplete="off"
          onInput=${(e) => setPrefix(e.target.value)} /><//>
        <div class="row"><button ...${unless(data.total === 0)}>Replay …</button>
          <button type="button" class="danger" ...${unless(isConnected || data.total === 0,
    () => purge({}, 'the whole queue', `${many(data.total, 'message')} ${
      data.total === 1 ? 'is' : 'are'}`))}>Purge all …</button></div></form>
      ${isConnected && html`<p class="muted small">While its client is connected nothing can be purged.</p>`}
      <${Table} caption="Queue" columns=${columns} rows=${data.messages}
        keyOf=${(one) => one.sequence} empty="Nothing waits." busy=${poll.isBusy} />${pager(data.next)}</div>`}
    ${peeked !== null && html`<${Peek} path=${path} sequence=${peeked}
      onClose=${() => peek(null)} />`}</section>`;
}

function Why({ id }) {
  const [topic, setTopic] = useState('');
  const [said, set] = useState(null);
  const submit = async (event) => {
    event.preventDefault();
    set(await attempt(() => get(`explain/session/${part(id)}${query({ topic })}`)) ?? null);
  };
  return html`<section aria-labelledby="why"><h2 id="why">Why doesn’t a message come?</h2>
    <form class="filters" onSubmit=${submit}>
      <${Field} label="Topic"><input required name="topic" value=${topic} autocomplete="off"
        onInput=${(e) => setTopic(e.target.value)} /><//>
      <div class="row"><button>Explain</button></div></form>
    <div aria-live="polite">${said && (said.causes.length === 0
    ? html`<${Notice} kind="good">Nothing is in the way of ${said.topic}.<//>`
    : html`<ul class="plain">${said.causes.map((one) => html`<li><${Pill} kind="warn">${
      one.cause ?? one.name ?? one}<//> ${one.text ?? one.why ?? ''}</li>`)}</ul>`)}</div></section>`;
}

function Filters({ of }) {
  return html`<section aria-labelledby="filters"><h2 id="filters">Subscriptions</h2>
    <${Table} caption="Subscriptions" rows=${of.slice(0, FILTERS_SHOWN)} keyOf=${(one) => one.filter}
      empty="It subscribes to nothing." columns=${[
    { title: 'Filter', wide: true, show: (one) => html`<code class="id">${one.filter}</code>` },
    { title: 'QoS', number: true, show: (one) => one.qos },
    { title: 'Options', show: (one) => [one.no_local && 'no local',
      one.retain_as_published && 'retain as published',
      one.subscription_id && `id ${one.subscription_id}`].filter(Boolean).join(', ') || '–' },
  ]} />${of.length > FILTERS_SHOWN && html`<p class="muted">The first ${FILTERS_SHOWN} of ${
      count(of.length)}.</p>`}</section>`;
}

const facts = (one) => [
  ['State', one.connected ? html`<${Pill} kind="good">connected<//> for ${duration(one.connected_s)}`
    : html`<${Pill} kind="idle">away<//> for ${duration(one.offline_s)}`],
  ['Node', one.node], ['Kind', one.durable ? 'durable' : 'clean'],
  ['Expires after', one.session_expiry_s === 'never' ? 'never' : duration(one.session_expiry_s)],
  one.connected && ['User', one.user || 'anonymous'],
  one.connected && ['From', html`<code>${one.address}</code> on ${one.listener}`],
  one.connected && ['MQTT', one.protocol],
  one.connected && ['Keep alive', one.keep_alive_s ? duration(one.keep_alive_s) : 'none'],
  one.connected && ['Silent for', duration(one.silent_s)],
  one.connected && ['In flight', `${count(one.in_flight)} of ${count(one.receive_maximum)}`],
  one.connected && one.reads_slowly && ['Reads', html`<${Pill} kind="warn">slowly<//>`],
  ['Queued', `${count(one.queued)} (${bytes(one.queued_bytes)})`],
  ['Dropped', one.dropped ? `${count(one.dropped)}, last: ${one.last_drop}` : '0'],
  ['Will', one.has_will ? 'yes' : 'none'],
];

export function Session({ at }) {
  const id = at.path[1];
  const path = `sessions/${part(id)}`;
  const poll = usePoll((signal) => get(path, { signal }), 3000, [id]);
  const { data, error } = poll;
  const kick = async () => {
    if (!await confirm({ title: `Kick ${id}?`, yes: 'Kick',
      text: 'Its connection ends now; a durable session stays and it may come back.' })) return;
    await attempt(() => ask('POST', `${path}/kick`), () => `${id} was kicked.`);
    poll.again();
  };
  const end = async () => {
    if (!await confirm({ title: `End the session of ${id}?`, yes: 'End it for good',
      text: `Its ${many(data.subscriptions, 'subscription')} and ${
        many(data.queued, 'message')} go with it and can’t be brought back.` })) return;
    if (await attempt(() => ask('DELETE', path), () => `The session of ${id} is ended.`)) {
      location.hash = '#/clients';
    }
  };
  return html`<div><p class="crumbs"><a href="#/clients">Clients</a></p>
    <h1 tabindex="-1" class="id">${id}</h1>
    ${error?.status === 404 ? html`<${Notice} kind="warn">No node has a session of this client id.<//>`
    : html`<${Trouble} poll=${poll} />`}
    <${Missing} of=${data} /><${Loading} poll=${poll} />
    ${data && html`<div><div class="card"><${Facts} rows=${facts(data)} />
      <div class="row"><button type="button" ...${unless(!data.connected, kick)}>Kick …</button>
        <button type="button" class="danger" onClick=${end}>End session …</button></div></div>
      ${data.durable ? html`<${Queue} id=${id} path=${path} isConnected=${data.connected} />`
    : html`<section><h2>Queue</h2><p class="muted">A clean session keeps no queue: what its client
      doesn’t take ends with the connection.</p></section>`}
      <${Filters} of=${data.filters ?? []} /><${Why} id=${id} /></div>`}</div>`;
}
