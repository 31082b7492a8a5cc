// SPDX-License-Identifier: Apache-2.0
// The tree of topics, level by level: what is retained, and what comes while a level is open.
import { html, useEffect, useRef, useState } from './preact.js';
import { ask, events, get, part, query } from './api.js';
import {
  Facts, Field, Missing, Notice, Pill, attempt, clock, confirm, count, many, missing, tell, unless,
} from './parts.js';
import { TOPICS_MAX, Values, differences, setOut } from './values.js';

const LEVELS = 100;
const FILTERS_MAX = 100; // of one stream
const REDRAW_MS = 250;
const AGAIN_MS = 3000;
const WAIT_MS = 300; // for one more level to be opened

// --- what is retained, by level ---

class Levels {
  constructor() {
    this.known = new Map(); // topic (null: the root) -> {rows, next, error}
  }

  async load(topic, more, changed) {
    const known = this.known.get(topic);
    const after = more ? known?.next : undefined;
    try {
      const said = await get(`retained${query({ below: topic ?? undefined, after, limit: LEVELS })}${
        topic === '' ? '&below=' : ''}`);
      this.known.set(topic, { rows: more ? [...known.rows, ...said.levels] : said.levels,
        next: said.next, missing: said.missing ?? (more ? known.missing : undefined) });
    } catch (error) {
      this.known.set(topic, { rows: known?.rows ?? [], error: error.message });
    }
    changed();
  }
}

// Kept and live ones of a level, in order.
function rowsBelow(topic, levels, values) {
  const rows = new Map((levels.known.get(topic)?.rows ?? []).map((one) => [one.topic, one]));
  for (const [name, seen] of values.below.get(topic) ?? []) {
    const kept = rows.get(name);
    rows.set(name, kept ? { ...kept, has_more: kept.has_more || seen.has_more } : seen);
  }
  return [...rows.values()].sort((a, b) => (a.level < b.level ? -1 : 1));
}

// --- what comes ---

// One stream for all open levels; another one when they change.
function useStream(open, watched, values, changed) {
  const [trouble, set] = useState('');
  const filters = [...new Set([...[...open].map((topic) => (topic === null ? '+' : `${topic}/+`)),
    ...(watched ? [watched] : [])])];
  const isOver = filters.length > FILTERS_MAX;
  const asked = JSON.stringify(filters.slice(0, FILTERS_MAX));
  useEffect(() => {
    const stop = new AbortController();
    let timer = 0;
    const turn = async () => {
      try {
        await events(JSON.parse(asked), 0, stop.signal, (event, data) => {
          if (event === 'subscribed') set('');
          if (event === 'message') {
            values.take(data);
            changed();
          }
        });
        if (!stop.signal.aborted) set('The stream of values ended; beginning again.');
      } catch (error) {
        if (stop.signal.aborted) return;
        set(`No live values: ${error.message}`);
      }
      if (!stop.signal.aborted) timer = setTimeout(turn, AGAIN_MS);
    };
    timer = setTimeout(turn, WAIT_MS);
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [asked]);
  return { trouble, isOver };
}

// --- the tree ---

function Row({ row, tree }) {
  const { open, selected, values } = tree;
  const isOpen = open.has(row.topic);
  const value = values.byTopic.get(row.topic);
  const name = row.level === '' ? '(empty level)' : row.level;
  return html`<li>
    <div class="topic ${selected === row.topic ? 'selected' : ''}">
      ${row.has_more ? html`<button type="button" class="twist" aria-expanded=${isOpen ? 'true' : 'false'}
        aria-label="${isOpen ? 'Close' : 'Open'} ${row.topic}" onClick=${() => tree.toggle(row.topic)}>
        <span aria-hidden="true">${isOpen ? '▾' : '▸'}</span></button>`
    : html`<span class="twist" aria-hidden="true"></span>`}
      <button type="button" class="name" aria-pressed=${selected === row.topic ? 'true' : 'false'}
        onClick=${() => tree.select(row.topic)}><span class="level">${name}</span>
        ${value && html`<span key=${value.changes} class="value ${value.changes > 0 ? 'changed' : ''}">${
      value.isBinary ? `${value.text.length} characters of base64` : value.text.slice(0, 120)
        || '(empty)'}</span>`}
        ${!value && row.has_message && html`<span class="value muted">retained</span>`}</button>
    </div>
    ${isOpen && html`<${Branch} topic=${row.topic} tree=${tree} />`}</li>`;
}

function Branch({ topic, tree }) {
  const known = tree.levels.known.get(topic);
  const rows = rowsBelow(topic, tree.levels, tree.values);
  return html`<ul class="tree">${rows.map((row) => html`<${Row} key=${row.topic} row=${row}
    tree=${tree} />`)}
    ${!known && html`<li class="muted">Asking the node …</li>`}
    ${known && rows.length === 0 && html`<li class="muted">Nothing here yet.</li>`}
    ${known?.error && html`<li><${Notice} kind="bad">${known.error}<//></li>`}
    ${missing(known) && html`<li><${Missing} of=${known} /></li>`}
    ${known?.next && html`<li><button type="button" onClick=${() => tree.more(topic)}>
      More of ${topic ?? 'the first level'}</button></li>`}</ul>`;
}

// --- one topic ---

function Differences({ value }) {
  if (value.before === undefined) return html`<p class="muted">No value came before it yet.</p>`;
  const found = differences(value.before, value.text);
  if (found.length === 0) return html`<p class="muted">The same as before.</p>`;
  return html`<ul class="differences">${found.map((one) => html`<li key=${one.path}>
    <code>${one.path}</code>
    ${one.before !== undefined && html`<del>${one.before}</del>`}${' '}
    ${one.after !== undefined && html`<ins>${one.after}</ins>`}</li>`)}</ul>`;
}

function Chosen({ topic, tree }) {
  const [{ kept, trouble }, set] = useState({}); // null: nothing is retained
  const value = tree.values.byTopic.get(topic);
  const look = () => get(`retained/${part(topic)}`).then((one) => set({ kept: one }),
    (error) => set(error.status === 404 ? { kept: null } : { trouble: error.message }));
  useEffect(() => {
    look();
  }, [topic, value?.changes]);
  const removeOne = async () => {
    if (!await confirm({ title: 'Delete one retained message?', yes: 'Delete it',
      text: `What is retained for ${topic} is deleted on all nodes. Who subscribed isn’t told.` })) {
      return;
    }
    await attempt(() => ask('DELETE', `retained/${part(topic)}`),
      () => `What was retained for ${topic} is deleted.`);
    tree.forget(topic, false);
    look();
  };
  const removeAll = async () => {
    const found = await attempt(() => ask('DELETE', `retained${query({ below: topic, dry_run: true })}`));
    if (!found) return;
    if (!await confirm({ title: `Delete ${many(found.matched, 'retained message')}?`,
      yes: `Delete ${count(found.matched)}`,
      text: `${topic} and all that is retained below it goes, on all nodes. `
        + `Who subscribed isn’t told.${missing(found)
          && ` A node didn’t answer, and what it keeps isn’t counted: ${missing(found)}.`}` })) return;
    const said = await attempt(async () => { // request by request, each some seconds long
      let done = { deleted: 0 };
      do {
        const next = await ask('DELETE', `retained${query({ below: topic })}`);
        done = { ...next, deleted: done.deleted + next.deleted };
      } while (done.more && !missing(done));
      return done;
    }, (done) => `${many(done.deleted, 'retained message')} deleted.`);
    if (missing(said)) tell(`A node didn’t answer: ${missing(said)}`, 'warn');
    tree.forget(topic, true);
    look();
  };
  return html`<aside class="card chosen" aria-label="Topic ${topic}">
    <h2 class="id">${topic}</h2>
    <${Facts} rows=${[
    ['Retained', kept ? html`<${Pill} kind="good">yes<//>`
      : kept === null ? 'no' : trouble ? '?' : '…'],
    value && ['Value of', clock(value.at)], value && ['QoS', value.qos],
    value && ['Changes seen', count(value.changes)],
  ]} />
    ${trouble && html`<${Notice} kind="bad">What is retained isn’t known: ${trouble}<//>`}
    <h3>Value</h3>
    ${value || kept ? html`<pre class="payload" tabindex="0" aria-label="Value">${
    setOut(value?.text ?? kept.payload ?? kept.payload_base64 ?? '') || '(empty)'}</pre>`
    : html`<p class="muted">Nothing came for it yet.</p>`}
    <h3>Against the last value</h3>
    <div aria-live="polite">${value ? html`<${Differences} value=${value} />`
    : html`<p class="muted">No value yet.</p>`}</div>
    <div class="row">
      <button type="button" class="danger" ...${unless(!kept, removeOne)}>Delete retained …</button>
      <button type="button" class="danger" onClick=${removeAll}>Delete the subtree …</button></div>
  </aside>`;
}

// --- the page ---

// Draws at most four times a second, however much comes.
function useRedraw() {
  const [, set] = useState(0);
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  return () => {
    timer.current ||= setTimeout(() => {
      timer.current = 0;
      set((one) => one + 1);
    }, REDRAW_MS);
  };
}

export function Topics({ at }) {
  const changed = useRedraw();
  const values = useRef(null);
  values.current ??= new Values();
  const levels = useRef(null);
  levels.current ??= new Levels();
  const [open, setOpen] = useState(new Set([null]));
  const [selected, select] = useState(at.parameters.topic ?? null);
  const [watched, watch] = useState('');
  const [text, setText] = useState('');
  const { trouble, isOver } = useStream(open, watched, values.current, changed);
  useEffect(() => {
    levels.current.load(null, false, changed);
  }, []);
  const tree = {
    open, selected, values: values.current, levels: levels.current, select,
    toggle: (topic) => {
      const next = new Set(open);
      if (!next.delete(topic)) {
        next.add(topic);
        levels.current.load(topic, false, changed);
      }
      setOpen(next);
    },
    more: (topic) => levels.current.load(topic, true, changed),
    forget: (topic, isAll) => {
      if (isAll) values.current.forget(topic);
      for (const one of open) levels.current.load(one, false, changed);
      changed();
    },
  };
  const submit = (event) => {
    event.preventDefault();
    watch(text.trim());
  };
  return html`<div><h1 tabindex="-1">Topics</h1>
    <form class="filters" onSubmit=${submit} aria-label="Watch">
      <${Field} label="Watch a filter, too" hint="home/# shows what isn’t retained as it comes"><input
        name="watch" value=${text} autocomplete="off" spellcheck=${false}
        onInput=${(e) => setText(e.target.value)} /><//>
      <div class="row"><button>Watch</button></div></form>
    ${trouble && html`<${Notice} kind="warn">${trouble}<//>`}
    ${isOver && html`<${Notice} kind="warn">The first ${FILTERS_MAX} open levels are live.<//>`}
    ${values.current.refused > 0 && html`<${Notice} kind="warn">Values of ${count(TOPICS_MAX)} topics are
      kept; ${count(values.current.refused)} messages of others were passed over. Close levels or
      watch less.<//>`}
    <div class="split"><section class="card" aria-label="Tree of topics">
      <${Branch} topic=${null} tree=${tree} /></section>
      ${selected !== null ? html`<${Chosen} key=${selected} topic=${selected} tree=${tree} />`
    : html`<aside class="card chosen" aria-label="Topic"><p class="muted">Choose a topic to see its
      value and what changed.</p></aside>`}</div></div>`;
}
