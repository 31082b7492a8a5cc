// SPDX-License-Identifier: Apache-2.0
// Sessions of the cluster, filtered and paged by the nodes; those that a filter matches sent off.
import { html, useEffect, useState } from './preact.js';
import { ask, get, query, usePoll } from './api.js';
import {
  Field, Loading, Missing, Pill, Select, Table, Trouble, attempt, bytes, confirm, count, duration,
  many, sessionLink, tell, unless, usePages,
} from './parts.js';

const LIMIT = 50;
const FILTERS = ['client', 'user', 'listener', 'address', 'durable'];
const SORTS = [
  ['client_id', 'Client id'], ['queued', 'Messages queued'], ['queued_bytes', 'Bytes queued'],
  ['in_flight', 'In flight'], ['oldest_unacked', 'Oldest unacknowledged'], ['dropped', 'Dropped'],
  ['subscriptions', 'Subscriptions'], ['connected', 'Longest connected'], ['silent', 'Silent'],
  ['offline', 'Longest away'],
];

const state = (one) => (one.connected
  ? html`<${Pill} kind="good">connected<//> ${duration(one.connected_s)}`
  : html`<${Pill} kind="idle">away<//> ${duration(one.offline_s)}`);

const COLUMNS = [
  { title: 'Client id', sort: 'client_id', wide: true, show: (one) => html`<span class="id">
    ${sessionLink(one.client_id)}</span>` },
  { title: 'State', show: state },
  { title: 'User', show: (one) => one.user || '–' },
  { title: 'Address', show: (one) => (one.address ? html`<code>${one.address}</code>` : '–') },
  { title: 'Node', show: (one) => one.node },
  { title: 'Filters', sort: 'subscriptions', number: true, show: (one) => count(one.subscriptions) },
  { title: 'Queued', sort: 'queued', number: true, show: (one) => html`${count(one.queued)}${
    one.queued_bytes > 0 && html` <small class="muted">${bytes(one.queued_bytes)}</small>`}` },
  { title: 'In flight', sort: 'in_flight', number: true, show: (one) => count(one.in_flight) },
  { title: 'Dropped', sort: 'dropped', number: true, show: (one) => html`${count(one.dropped)}${
    one.dropped > 0 && html` <small class="muted">${one.last_drop}</small>`}` },
];

// The form's fields follow the address, so that a link shows what its sender saw.
function useWanted(at) {
  const wanted = { connected: '', client: '', user: '', listener: '', address: '', durable: '',
    sort: 'client_id', order: '', ...at.parameters };
  const [form, set] = useState(wanted);
  const address = JSON.stringify(at.parameters);
  useEffect(() => set(wanted), [address]);
  const go = (changed) => {
    const next = { ...form, ...changed };
    if (next.sort === 'client_id') delete next.sort;
    location.hash = `#/clients${query(next)}`;
  };
  return { wanted, form, change: (changed) => set({ ...form, ...changed }), go };
}

const words = (filter) => Object.entries(filter).map(([name, value]) => (name === 'durable'
  ? (value === 'true' ? 'durable' : 'not durable') : `${name} ${value}`)).join(', ');

// Counted first, then sent off in pieces, each of which the node bounds.
async function kickAll(filter, progress) {
  const asked = await attempt(() => ask('POST', `clients/kick${query({ ...filter, dry_run: true })}`));
  if (!asked) return false;
  if (asked.matched === 0) {
    tell('No connected client matches.', 'warn');
    return false;
  }
  const yes = await confirm({
    title: `Kick ${many(asked.matched, 'client')}?`, yes: `Kick ${count(asked.matched)}`,
    text: `All connected clients with ${words(filter)} are sent off now. Those that connect again `
      + 'by themselves will be back; durable sessions and their queues stay.',
  });
  if (!yes) return false;
  let kicked = 0;
  let cursor;
  do {
    const said = await attempt(() => ask('POST', `clients/kick${query({ ...filter, cursor })}`));
    if (!said) break;
    kicked += said.kicked;
    cursor = said.next;
    progress(cursor ? `${count(kicked)} of ${count(asked.matched)} kicked …` : '');
    if (said.missing) tell(`A node didn’t answer: ${said.missing[0].error}`, 'warn');
  } while (cursor);
  progress('');
  tell(`${many(kicked, 'client')} kicked.`);
  return true;
}

function Filters({ form, change, go }) {
  const text = (name, label, hint) => html`<${Field} label=${label} hint=${hint}><input
    name=${name} value=${form[name]} autocomplete="off" spellcheck=${false} autocapitalize="none"
    onInput=${(e) => change({ [name]: e.target.value })} /><//>`;
  const choose = (name, label, options) => html`<${Field} label=${label}><${Select}
    name=${name} value=${form[name]} options=${options}
    on=${(value) => { change({ [name]: value }); go({ [name]: value }); }} /><//>`;
  const submit = (event) => {
    event.preventDefault();
    go({});
  };
  return html`<form class="filters" role="search" aria-label="Clients" onSubmit=${submit}>
    ${text('client', 'Client id', '* stands for anything')}
    ${text('user', 'User')}${text('listener', 'Listener')}${text('address', 'Address')}
    ${choose('connected', 'State', [['', 'All'], ['true', 'Connected'], ['false', 'Away']])}
    ${choose('durable', 'Kind', [['', 'All'], ['true', 'Durable'], ['false', 'Clean']])}
    ${choose('sort', 'Sorted by', SORTS)}
    <div class="row"><button class="primary">Filter</button>
      <button type="button" onClick=${() => { location.hash = '#/clients'; }}>Clear</button></div>
  </form>`;
}

export function Clients({ at }) {
  const { wanted, form, change, go } = useWanted(at);
  const key = JSON.stringify(wanted);
  const { cursor, pager } = usePages([key]);
  const poll = usePoll((signal) => get(`sessions${query({ ...wanted, cursor, limit: LIMIT })}`,
    { signal }), 5000, [key, cursor]);
  const [progress, setProgress] = useState('');
  const filter = Object.fromEntries(FILTERS.filter((name) => wanted[name])
    .map((name) => [name, wanted[name]]));
  const isFiltered = Object.keys(filter).length > 0;
  const kick = async () => {
    if (await kickAll(filter, setProgress)) poll.again();
  };
  // Largest first, then smallest; client ids rise.
  const isAgain = (by) => by === wanted.sort && by !== 'client_id' && wanted.order !== 'asc';
  const sorted = {
    by: wanted.sort,
    order: wanted.sort === 'client_id' || wanted.order === 'asc' ? 'asc' : 'desc',
    on: (by) => go({ sort: by, order: isAgain(by) ? 'asc' : '' }),
  };
  const { data } = poll;
  return html`<div><h1 tabindex="-1">Clients</h1>
    <${Filters} form=${form} change=${change} go=${go} />
    <${Trouble} poll=${poll} /><${Missing} of=${data} /><${Loading} poll=${poll} />
    ${data && html`<div><div class="row between">
      <p aria-live="polite" class="matched">${many(data.matched, 'session')} match${
      data.matched === 1 ? 'es' : ''}</p>
      <div class="row"><button type="button" class="danger" aria-describedby="kick-hint"
          ...${unless(!isFiltered || progress !== '', kick)}>Kick all that match …</button>
        <span role="status">${progress}</span></div></div>
      <p id="kick-hint" class="muted small">${isFiltered ? 'Connected clients only; you are asked first.'
      : 'A filter says who may be kicked at once.'}</p>
      <${Table} caption="Sessions" columns=${COLUMNS} rows=${data.sessions} sorted=${sorted}
        keyOf=${(one) => one.client_id} empty="No session matches." busy=${poll.isBusy} />
      ${pager(data.next)}</div>`}</div>`;
}
