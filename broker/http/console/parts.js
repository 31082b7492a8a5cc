// SPDX-License-Identifier: Apache-2.0
// What the pages are made of.
import { html, render, useEffect, useRef, useState } from './preact.js';

// --- words and numbers ---

const grouped = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });

export const count = (number) => grouped.format(number ?? 0);
export const brief = (number) => (number < 10_000 ? grouped.format(Math.round(number))
  : short.format(number));
export const rate = (number) => (number > 0 && number < 10 ? number.toFixed(1) : brief(number));
export const many = (number, one, more = `${one}s`) => `${count(number)} ${number === 1 ? one : more}`;

export function bytes(number) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let at = 0;
  let rest = number ?? 0;
  while (rest >= 1000 && at < units.length - 1) {
    rest /= 1000;
    ++at;
  }
  return `${at === 0 || rest >= 100 ? Math.round(rest) : rest.toFixed(1)} ${units[at]}`;
}

export function duration(seconds) {
  if (seconds === 'never') return 'never';
  const s = Math.round(seconds ?? 0);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

export const clock = (date) => date.toLocaleTimeString('en-GB');

// --- small parts ---

export const Pill = ({ kind, children }) => html`<span class="pill ${kind}">${children}</span>`;

export function Notice({ kind = 'info', children, role }) {
  return html`<div class="notice ${kind}" role=${role ?? (kind === 'bad' ? 'alert' : 'status')}>
    ${children}</div>`;
}

// What a poll says when it fails; what came before stays below it.
export function Trouble({ poll }) {
  const { error, at } = poll;
  if (!error) return null;
  const since = at ? ` What is shown is from ${clock(at)}.` : '';
  const why = error.status === 0 ? 'This node doesn’t answer; trying again.' : error.message;
  return html`<${Notice} kind="bad">${why}${since}<//>`;
}

// Which nodes didn't answer, and why; '' where all did.
export const missing = (of) => (of?.missing ?? [])
  .map((one) => (one.node ? `${one.node}: ${one.error}` : one.error)).join('; ');

// What is shown is a part.
export function Missing({ of }) {
  const which = missing(of);
  return which && html`<${Notice} kind="warn">A part is missing: ${which}<//>`;
}

export const Loading = ({ poll }) => (poll.data || poll.error ? null
  : html`<p class="muted" role="status">Asking the node …</p>`);

// `hint` is no part of the name, but read after it.
export function Field({ label, hint, children, wide }) {
  const id = hint && `hint-${label.replace(/\W+/g, '-')}`;
  const input = hint ? { ...children, props: { ...children.props, 'aria-describedby': id } }
    : children;
  return html`<div class="field ${wide ? 'wide' : ''}"><label><span>${label}</span>${input}</label>
    ${hint && html`<small class="muted" id=${id}>${hint}</small>`}</div>`;
}

export function Select({ value, on, options, ...rest }) {
  return html`<select value=${value} onChange=${(e) => on(e.target.value)} ...${rest}>
    ${options.map(([name, text]) => html`<option value=${name} selected=${name === value}>
      ${text}</option>`)}</select>`;
}

export const Facts = ({ rows }) => html`<dl class="facts">${rows.filter(Boolean)
  .map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;

// Part of a whole; what it says stands beside it as text.
export const Bar = ({ share, kind = '' }) => html`<span class="bar" aria-hidden="true">
  <span class=${kind} style=${{ width: `${Math.min(100, Math.max(0, 100 * share))}%` }} /></span>`;

// --- sparklines ---

const WIDTH = 120;
const HEIGHT = 32;
const SLOTS = 60;

// The last ten minutes, newest at the right; `say` makes a number a text.
export function Sparkline({ values, label, say = brief }) {
  const top = Math.max(...values, 0);
  const x = (i) => WIDTH * (SLOTS - values.length + i) / (SLOTS - 1);
  const y = (value) => HEIGHT - 2 - (top > 0 ? (HEIGHT - 5) * value / top : 0);
  const points = values.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`);
  const spoken = values.length
    ? `${label} in the last ten minutes: now ${say(values.at(-1))}, highest ${say(top)}`
    : `${label}: nothing gathered yet`;
  return html`<svg class="spark" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none"
      role="img" aria-label=${spoken}>
    <line class="base" x1="0" x2=${WIDTH} y1=${HEIGHT - 1} y2=${HEIGHT - 1} />
    ${points.length > 1 && html`
      <polygon points="${x(0)},${HEIGHT - 1} ${points.join(' ')} ${WIDTH},${HEIGHT - 1}" />
      <polyline points=${points.join(' ')} />`}</svg>`;
}

// --- tables ---

// columns: [{name, title, show(row), sort, number, wide}]; `sorted`: {by, order, on(by)}. On a
// phone each row is a card, which is why the roles are said.
export function Table({ caption, columns, rows, keyOf, empty = 'Nothing.', sorted, busy }) {
  const head = (column) => {
    const is = sorted && column.sort && sorted.by === column.sort;
    const state = is ? (sorted.order === 'asc' ? 'ascending' : 'descending') : undefined;
    return html`<th role="columnheader" scope="col" class=${column.number ? 'number' : ''}
        aria-sort=${state}>${sorted && column.sort
      ? html`<button type="button" class="sort" onClick=${() => sorted.on(column.sort)}>
          ${column.title}<span aria-hidden="true">${is ? (state === 'ascending' ? ' ▲' : ' ▼') : ''}
          </span></button>` : column.title}</th>`;
  };
  return html`<div class="box scroll"><table role="table" aria-busy=${busy ? 'true' : 'false'}>
    <caption class="unseen">${caption}</caption>
    <thead role="rowgroup"><tr role="row">${columns.map(head)}</tr></thead>
    <tbody role="rowgroup">${rows.length === 0 && html`<tr role="row" class="none">
      <td role="cell" colspan=${columns.length}>${empty}</td></tr>`}
    ${rows.map((row) => html`<tr role="row" key=${keyOf(row)}>${columns.map((column) => html`
      <td role="cell" data-label=${column.title} class="${column.number ? 'number' : ''} ${
  column.wide ? 'wide' : ''}"><span>${column.show(row)}</span></td>`)}</tr>`)}
    </tbody></table></div>`;
}

// Of a button that can't be pressed now. Not `disabled`, which would lose the focus of who just
// pressed it: people who use the keyboard would start again at the top of the page.
export const unless = (isOff, onClick) => (isOff
  ? { 'aria-disabled': 'true', onClick: (event) => event.preventDefault() } : { onClick });

// Pages by cursor: the way back is remembered here. {cursor, pager(next)}
export function usePages(inputs) {
  const [way, set] = useState(['']);
  useEffect(() => set(['']), inputs);
  const pager = (next) => (way.length === 1 && !next ? null : html`
    <nav class="pager" aria-label="Pages">
      <button type="button" ...${unless(way.length === 1, () => set(way.slice(0, -1)))}>
        Previous</button>
      <span class="muted" aria-live="polite">Page ${way.length}</span>
      <button type="button" ...${unless(!next, () => set([...way, next]))}>Next</button>
    </nav>`);
  return { cursor: way.at(-1), pager };
}

// --- dialogs and what happened ---

// A modal dialog; Escape and its close button end it, focus goes back.
export function Dialog({ title, onClose, children }) {
  const at = useRef(null);
  useEffect(() => {
    const dialog = at.current;
    const before = document.activeElement;
    dialog.showModal();
    return () => {
      dialog.close();
      before?.focus?.();
    };
  }, []);
  return html`<dialog ref=${at} aria-labelledby="dialog-title"
      onCancel=${(e) => { e.preventDefault(); onClose(); }}>
    <h2 id="dialog-title">${title}</h2>${children}</dialog>`;
}

const host = (id) => {
  let at = document.getElementById(id);
  if (!at) {
    at = document.createElement('div');
    at.id = id;
    document.body.append(at);
  }
  return at;
};

// Asks before what can't be undone. True: go on.
export function confirm({ title, text, yes, danger = true }) {
  return new Promise((resolve) => {
    const end = (said) => {
      render(null, host('asked'));
      resolve(said);
    };
    render(html`<${Dialog} title=${title} onClose=${() => end(false)}>
      <p>${text}</p>
      <div class="row end">
        <button type="button" onClick=${() => end(false)} autofocus>Cancel</button>
        <button type="button" class=${danger ? 'danger' : 'primary'} onClick=${() => end(true)}>
          ${yes}</button>
      </div><//>`, host('asked'));
  });
}

const TOLD_MS = 8000;
let told = [];

function showTold() {
  render(told.map((one) => html`<div key=${one.at} class="toast ${one.kind}">${one.text}</div>`),
    toasts());
}

function toasts() {
  const at = host('toasts');
  at.setAttribute('role', 'status');
  at.setAttribute('aria-live', 'polite');
  return at;
}

// What was done, or why not, for eyes and screen readers.
export function tell(text, kind = 'good') {
  const one = { at: performance.now(), text, kind };
  told = [...told.slice(-3), one];
  showTold();
  setTimeout(() => {
    told = told.filter((other) => other !== one);
    showTold();
  }, TOLD_MS);
}

toasts();

// Runs it; says what came of it. The result, or undefined.
export async function attempt(action, done) {
  try {
    const result = await action();
    if (done) tell(done(result));
    return result;
  } catch (error) {
    tell(error.message, 'bad');
    return undefined;
  }
}

// --- the address ---

// "#/sessions/a%2Fb?x=1" -> {path: ['sessions', 'a/b'], parameters: {x: '1'}}
export function place() {
  const [path, rest = ''] = location.hash.replace(/^#\/?/, '').split('?');
  const decode = (text) => {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  };
  return {
    path: (path || 'overview').split('/').map(decode),
    parameters: Object.fromEntries(new URLSearchParams(rest)),
  };
}

export const sessionLink = (id) => html`<a href="#/sessions/${encodeURIComponent(id)}">${id}</a>`;
