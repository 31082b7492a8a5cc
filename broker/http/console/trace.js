// SPDX-License-Identifier: Apache-2.0
// Clients, topics or addresses followed on all nodes while it happens.
import { html, useEffect, useLayoutEffect, useRef, useState } from './preact.js';
import { ask, get } from './api.js';
import { Field, Notice, Select, attempt, count, many, unless } from './parts.js';

const LINES_MAX = 2000;
const EVERY_MS = 1000;

// Of this browser's day, to the millisecond.
function stamp(ms) {
  const date = new Date(ms);
  return `${date.toLocaleTimeString('en-GB')}.${String(ms % 1000).padStart(3, '0')}`;
}

const remove = (id) => ask('DELETE', `traces/${id}`, { keepalive: true })
  .catch(() => {}); // It ends by itself.

// Fetches while there is something to fetch; ends the trace with the page.
function useTrace() {
  const [state, set] = useState({ lines: [], lost: 0, forgotten: 0 });
  const running = useRef(null); // {id, timer}; no id: it is beginning
  const end = () => {
    const one = running.current;
    running.current = null;
    if (!one) return;
    clearTimeout(one.timer);
    set((before) => ({ ...before, isOn: false, isBeginning: false }));
    if (one.id) remove(one.id);
  };
  const fetchOnce = async (one) => {
    try {
      const said = await get(`traces/${one.id}`);
      if (running.current !== one) return;
      set((before) => {
        const all = before.lines.concat(said.lines.map((line, i) => ({ ...line,
          key: before.forgotten + before.lines.length + i })));
        const over = Math.max(0, all.length - LINES_MAX);
        return { ...before, isOn: !said.over, lost: before.lost + said.lost, trouble: '',
          forgotten: before.forgotten + over, lines: all.slice(over) };
      });
      if (said.over) {
        running.current = null;
        remove(one.id);
      }
    } catch (error) {
      if (running.current !== one) return;
      set((before) => ({ ...before, trouble: error.message }));
    }
    if (running.current === one) one.timer = setTimeout(() => fetchOnce(one), EVERY_MS);
  };
  const begin = async (wish) => {
    if (running.current && !running.current.id) return; // pressed twice
    end();
    const one = {};
    running.current = one;
    set((before) => ({ ...before, isBeginning: true }));
    const said = await attempt(() => ask('POST', 'traces', { body: wish }));
    if (running.current !== one) { // Nobody waits for it any more.
      if (said) remove(said.id);
      return;
    }
    if (!said) {
      end();
      return;
    }
    one.id = said.id;
    set({ lines: [], lost: 0, forgotten: 0, isOn: true });
    fetchOnce(one);
  };
  useEffect(() => {
    addEventListener('pagehide', end);
    return () => {
      removeEventListener('pagehide', end);
      end();
    };
  }, []);
  return { state, begin, end, clear: () => set((before) => ({ ...before, lines: [] })) };
}

export function Trace({ at }) {
  const { state, begin, end, clear } = useTrace();
  const [wish, set] = useState({ client: '', topic: '', address: '', for_s: '300', ...at.parameters });
  const log = useRef(null);
  const [follows, follow] = useState(true);
  useLayoutEffect(() => {
    if (follows && log.current) log.current.scrollTop = log.current.scrollHeight;
  }, [state.lines, follows]);
  const submit = (event) => {
    event.preventDefault();
    begin({ ...wish, for_s: Number(wish.for_s) });
  };
  const text = (name, label, hint) => html`<${Field} label=${label} hint=${hint}><input
    name=${name} value=${wish[name]} autocomplete="off" spellcheck=${false}
    onInput=${(e) => set({ ...wish, [name]: e.target.value })} /><//>`;
  const isNothing = !wish.client && !wish.topic && !wish.address;
  return html`<div><h1 tabindex="-1">Trace</h1>
    <p class="muted">Follows packets of clients on all nodes while they happen. What is given must
      all be so.</p>
    <form class="filters" onSubmit=${submit}>
      ${text('client', 'Client id', '* stands for anything')}
      ${text('topic', 'Topic filter', 'home/#')}${text('address', 'Address')}
      <${Field} label="For"><${Select} value=${wish.for_s} on=${(for_s) => set({ ...wish, for_s })}
        options=${[['60', 'a minute'], ['300', '5 minutes'], ['3600', 'an hour']]} /><//>
      <div class="row"><button class="primary" ...${unless(isNothing || state.isBeginning)}>${
      state.isOn ? 'Begin anew' : 'Follow'}</button>
        <button type="button" ...${unless(!state.isOn && !state.isBeginning, end)}>Stop</button>
        <button type="button" ...${unless(state.lines.length === 0, clear)}>Clear</button></div>
    </form>
    ${state.trouble && html`<${Notice} kind="bad">${state.trouble}; trying again.<//>`}
    ${state.lost > 0 && html`<${Notice} kind="warn">${many(state.lost, 'line')} came faster than
      they were fetched and are lost.<//>`}
    ${state.forgotten > 0 && html`<${Notice}>The last ${count(LINES_MAX)} lines are kept;
      ${' '}${count(state.forgotten)} older ones went.<//>`}
    <div class="row between"><p role="status">${state.isOn ? 'Following' : 'Not following'}: ${
    many(state.lines.length, 'line')}</p>
      <label class="check"><input type="checkbox" checked=${follows}
        onChange=${(e) => follow(e.target.checked)} /> Stay at the newest</label></div>
    <div class="box log" ref=${log} role="log" aria-label="Trace" aria-live="off" tabindex="0">
      ${state.lines.length === 0 ? html`<p class="muted">${state.isOn ? 'Nothing yet.'
    : 'Say above whom to follow.'}</p>`
    : state.lines.map((line) => html`<div class="line" key=${line.key}><time>${
      stamp(line.at_ms)}</time> <b>${line.node}</b> <span class="client">${line.client_id}</span>
      ${' '}<span>${line.text}</span></div>`)}</div></div>`;
}
