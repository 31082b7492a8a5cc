// SPDX-License-Identifier: Apache-2.0
// The frame: who may look, which page, colours.
import { html, render, useEffect, useRef, useState } from './preact.js';
import { get, hasToken, onRefused, useToken } from './api.js';
import { Field, Notice, place } from './parts.js';
import { Overview } from './overview.js';

// The others come when they are wanted.
const PAGES = [
  ['overview', 'Overview', () => Overview],
  ['nodes', 'Nodes and shards', () => import('./nodes.js').then((it) => it.Nodes)],
  ['clients', 'Clients', () => import('./clients.js').then((it) => it.Clients)],
  ['topics', 'Topics', () => import('./topics.js').then((it) => it.Topics)],
  ['drops', 'Drops', () => import('./drops.js').then((it) => it.Drops)],
  ['ways', 'Bridges and webhooks', () => import('./ways.js').then((it) => it.Ways)],
  ['trace', 'Trace', () => import('./trace.js').then((it) => it.Trace)],
  ['mqtt', 'MQTT client', () => import('./mqtt_page.js').then((it) => it.MqttPage)],
];
const SESSION = ['clients', 'Session', () => import('./session.js').then((it) => it.Session)];
const NOWHERE = ['', 'No such page', () => () => html`<div><h1 tabindex="-1">No such page</h1>
  <p><a href="#/overview">To the overview</a></p></div>`];

const pageAt = (path) => (path[0] === 'sessions' && path[1] ? SESSION
  : PAGES.find(([name]) => name === path[0]) ?? NOWHERE);

// --- who may look ---

const HELP = {
  0: 'This node doesn’t answer. Is it running, and is this address still the right one?',
  421: 'This node doesn’t know the name in the address bar: add it to http.allowed_hosts.',
};

function Closed({ error }) {
  return html`<div><h2>The API is closed on this node</h2>
    <p>The console shows what the HTTP API tells, and that wants a token which isn’t configured
      yet. Make one, name its file, and start the node again:</p>
    <pre tabindex="0">openssl rand -hex 32 > tokens
chmod 600 tokens

# roost.yaml
http:
  token_file: tokens</pre>
    <p>or set <code>ROOST_HTTP_TOKEN</code>. With <code>http.tls.ca</code> a client certificate
      opens it, too.</p>
    <${Notice} kind="warn">${error.message}<//></div>`;
}

function TokenForm({ error, enter }) {
  const [text, set] = useState('');
  const submit = (event) => {
    event.preventDefault();
    enter(text);
  };
  return html`<div><h2>Who is there?</h2>
    <p>A token of <code>http.token_file</code> opens the console. It stays in this tab only and
      goes with it.</p>
    <form onSubmit=${submit}>
      <${Field} label="Token"><input id="token" type="password" autocomplete="current-password"
        required value=${text} onInput=${(e) => set(e.target.value)}
        aria-describedby=${error ? 'token-error' : undefined} /><//>
      <button class="primary">Open the console</button>
    </form>
    ${error && html`<div id="token-error"><${Notice} kind="bad">${error}<//></div>`}</div>`;
}

function Gate({ state, enter, again }) {
  const { error } = state;
  let inside = html`<p class="muted" role="status">Asking the node …</p>`;
  if (error?.status === 403) {
    inside = html`<div><${Closed} error=${error} />
      <button type="button" class="primary" onClick=${again}>Try again</button></div>`;
  } else if (error?.status === 401) {
    inside = html`<${TokenForm} error=${state.tried ? 'This token isn’t good here.' : ''}
      enter=${enter} />`;
  } else if (error?.status === 429) {
    inside = html`<div><${Notice} kind="bad">Too many wrong tokens came from this address. The node
      listens again in ${error.retryAfterS || 60} s.<//>
      <button type="button" class="primary" onClick=${again}>Try again</button></div>`;
  } else if (error) {
    inside = html`<div><${Notice} kind="bad">${HELP[error.status] ?? error.message}<//>
      <button type="button" class="primary" onClick=${again}>Try again</button></div>`;
  }
  return html`<main id="main" class="gate"><div class="card">
    <h1 tabindex="-1">Roost console</h1>${inside}</div></main>`;
}

function useGate() {
  const [state, set] = useState({ phase: 'asking' });
  const knock = async () => {
    set((before) => ({ ...before, phase: 'asking' }));
    try {
      const [status] = await Promise.all([get('status')]);
      set({ phase: 'open', status });
    } catch (error) {
      set({ phase: 'closed', error, tried: hasToken() });
    }
  };
  useEffect(() => {
    knock();
    return onRefused((error) => set({ phase: 'closed', error, tried: hasToken() }));
  }, []);
  const enter = (token) => {
    useToken(token);
    knock();
  };
  const forget = () => {
    useToken('');
    location.hash = '';
    knock();
  };
  return { state, enter, again: knock, forget };
}

// --- the frame ---

const THEMES = [['', 'System'], ['light', 'Light'], ['dark', 'Dark']];

function Theme() {
  const [theme, set] = useState(document.documentElement.dataset.theme ?? '');
  const choose = (event) => {
    const wanted = event.target.value;
    set(wanted);
    if (wanted) document.documentElement.dataset.theme = wanted;
    else delete document.documentElement.dataset.theme;
    try {
      localStorage.setItem('roost-theme', wanted);
    } catch {
      // It lasts as long as the page.
    }
  };
  return html`<label class="theme"><span class="unseen">Colours</span>
    <select value=${theme} onChange=${choose}>${THEMES.map(([name, text]) => html`
      <option value=${name} selected=${name === theme}>${text}</option>`)}</select></label>`;
}

function Navigation({ here }) {
  const [isOpen, open] = useState(false);
  useEffect(() => open(false), [here]);
  return html`<nav class="pages" aria-label="Pages" onKeyDown=${(e) => {
    if (e.key === 'Escape') open(false);
  }}>
    <button type="button" class="menu" aria-expanded=${isOpen ? 'true' : 'false'}
      aria-controls="pages" onClick=${() => open(!isOpen)}>Menu</button>
    <ul id="pages" class=${isOpen ? 'open' : ''}>${PAGES.map(([name, title]) => html`
      <li><a href="#/${name}" aria-current=${here === name ? 'page' : undefined}>${title}</a></li>`)}
    </ul></nav>`;
}

// The page of the address; a new one gets the focus at its heading. Until it has come the one
// before stays at its own address. {at, shown: {Page, at}}
function usePage(isOpen) {
  const [at, go] = useState(place());
  const [came, set] = useState(null); // {Page, path}
  const shown = useRef(null);
  const moved = useRef(false);
  useEffect(() => {
    const follow = () => go(place());
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  const path = at.path.join('/');
  useEffect(() => {
    if (!isOpen) {
      set(null);
      return undefined;
    }
    let isOver = false;
    const [, title, load] = pageAt(at.path);
    document.title = `${title} – Roost`;
    Promise.resolve(load()).then((Loaded) => {
      if (isOver) return;
      set({ Page: Loaded, path });
      if (moved.current) requestAnimationFrame(() => document.querySelector('h1')?.focus());
      moved.current = true;
    }, () => !isOver && set({ path, Page: () => html`<div><h1 tabindex="-1">${title}</h1>
      <${Notice} kind="bad">This page could not be loaded: the node doesn’t answer.<//></div>` }));
    return () => { isOver = true; };
  }, [path, isOpen]);
  if (!came) shown.current = null;
  else if (came.path === path) shown.current = { Page: came.Page, at };
  return { at, shown: shown.current };
}

function App() {
  const gate = useGate();
  const isOpen = gate.state.phase === 'open'
    || (gate.state.phase === 'asking' && Boolean(gate.state.status));
  const { at, shown } = usePage(isOpen);
  const here = pageAt(at.path)[0];
  return html`<header class="top">
      <a class="brand" href="#/overview"><img src="icon.svg" alt="" width="26" height="26" /><span>Roost</span></a>
      ${isOpen && html`<${Navigation} here=${here} />`}
      <div class="tools"><${Theme} />${isOpen && hasToken() && html`
        <button type="button" onClick=${gate.forget}>Forget token</button>`}</div>
    </header>
    ${isOpen ? html`<main id="main" tabindex="-1" class="page-${shown ? pageAt(shown.at.path)[0] : here}">${
    shown ? html`<${shown.Page} key=${shown.at.path.join('/')} at=${shown.at} />`
    : html`<p class="muted" role="status">Opening …</p>`}</main>`
    : html`<${Gate} state=${gate.state} enter=${gate.enter} again=${gate.again} />`}`;
}

document.getElementById('skip').addEventListener('click', (event) => {
  event.preventDefault(); // The address names the page.
  const main = document.getElementById('main');
  main.tabIndex = -1;
  main.focus();
  main.scrollIntoView();
});
const app = document.getElementById('app');
app.textContent = '';
render(html`<${App} />`, app);
