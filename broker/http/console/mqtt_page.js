// SPDX-License-Identifier: Apache-2.0
// An MQTT client in the page, over WebSocket, like any other client: its rights are its user's, not
// the token's. MQTT.js comes when somebody connects.
import { html, useEffect, useRef, useState } from './preact.js';
import { get } from './api.js';
import { Field, Notice, Pill, Select, Table, clock, count, tell, unless } from './parts.js';

const MESSAGES_MAX = 200;
const PAYLOAD_SHOWN = 4000;
const DRAW_MS = 100;
const QOS = [['0', '0'], ['1', '1'], ['2', '2']];

// A WebSocket listener, this node's first; with TLS where the page came so: a browser wants that.
async function whereToConnect() {
  const said = await get('listeners');
  const all = said.nodes.flatMap((node) => node.listeners)
    .filter((one) => typeof one.websocket_path === 'string');
  const isSecure = location.protocol === 'https:';
  const found = all.find((one) => one.tls === isSecure) ?? all[0];
  return found ? `${found.tls ? 'wss' : 'ws'}://${location.hostname}:${found.port}${
    found.websocket_path || '/mqtt'}` : '';
}

function useClient() {
  const [state, set] = useState({ phase: 'off', messages: [], filters: [], passed: 0 });
  const client = useRef(null);
  const turn = useRef(0); // of connect(): the last one counts, until it is ended
  const came = useRef({ fresh: [], passed: 0, timer: 0 }); // since it was drawn last
  const change = (changed) => set((before) => ({ ...before, ...changed }));
  const disconnect = () => {
    ++turn.current;
    client.current?.end(true);
    client.current = null;
    change({ phase: 'off', filters: [] });
  };
  const connect = async (form) => {
    disconnect();
    const mine = turn.current;
    change({ phase: 'connecting', trouble: '' });
    let mqtt;
    try {
      ({ default: mqtt } = await import('./mqtt.js'));
    } catch {
      mqtt = null;
    }
    if (turn.current !== mine) return; // Nobody waits for it any more.
    if (!mqtt) {
      change({ phase: 'off', trouble: 'MQTT.js could not be loaded: the node doesn’t answer.' });
      return;
    }
    let it;
    try {
      it = mqtt.connect(form.url, { clientId: form.id, username: form.user || undefined,
        password: form.password || undefined, protocolVersion: 5, clean: true,
        reconnectPeriod: 0, connectTimeout: 10_000 });
    } catch (error) {
      change({ phase: 'off', trouble: error.message });
      return;
    }
    client.current = it;
    it.on('connect', () => change({ phase: 'on', trouble: '' }));
    it.on('error', (error) => change({ trouble: error.message || 'The connection failed.' }));
    it.on('close', () => client.current === it && set((before) => ({ ...before, phase: 'off',
      filters: [], trouble: before.trouble || 'The connection was closed.' })));
    it.on('message', (topic, payload, packet) => {
      const { fresh } = came.current;
      fresh.unshift({ key: came.current.passed, at: new Date(), topic, qos: packet.qos,
        text: new TextDecoder().decode(payload.subarray(0, PAYLOAD_SHOWN)), retain: packet.retain });
      ++came.current.passed;
      if (fresh.length > MESSAGES_MAX) fresh.pop();
      came.current.timer ||= setTimeout(draw, DRAW_MS);
    });
  };
  // However many come, the page is drawn ten times a second at most.
  const draw = () => {
    const { passed } = came.current;
    const fresh = came.current.fresh.splice(0);
    came.current.timer = 0;
    set((before) => ({ ...before, passed,
      messages: [...fresh, ...before.messages].slice(0, MESSAGES_MAX) }));
  };
  useEffect(() => () => {
    clearTimeout(came.current.timer);
    disconnect();
  }, []);
  return { state, connect, disconnect, client, change };
}

function Connect({ state, form, setForm, connect, disconnect }) {
  const field = (name, label, more) => html`<${Field} label=${label}><input name=${name}
    value=${form[name]} autocomplete="off" spellcheck=${false} readonly=${state.phase !== 'off'}
    onInput=${(e) => setForm({ ...form, [name]: e.target.value })} ...${more} /><//>`;
  const submit = (event) => {
    event.preventDefault();
    connect(form);
  };
  return html`<form class="card filters" onSubmit=${submit} aria-label="Connection">
    ${field('url', 'WebSocket address', { required: true, type: 'url', placeholder: 'ws://host:port/mqtt',
    class: 'long' })}
    ${field('id', 'Client id')}${field('user', 'User')}
    ${field('password', 'Password', { type: 'password' })}
    <div class="row">${state.phase === 'off' ? html`<button key="on" class="primary">Connect</button>`
    : html`<button key="off" type="button" onClick=${disconnect}>Disconnect</button>`}
      <span role="status">${state.phase === 'on' ? html`<${Pill} kind="good">connected<//>`
    : state.phase === 'connecting' ? 'Connecting …' : html`<${Pill} kind="idle">not connected<//>`}
      </span></div></form>`;
}

function Subscribe({ state, client, change }) {
  const [filter, setFilter] = useState('#');
  const [qos, setQos] = useState('0');
  const submit = async (event) => {
    event.preventDefault();
    try {
      const [granted] = await client.current.subscribeAsync(filter, { qos: Number(qos) });
      change({ filters: [...state.filters.filter((one) => one.filter !== filter),
        { filter, qos: granted?.qos ?? qos }] });
    } catch (error) {
      tell(`Not subscribed: ${error.message}`, 'bad');
    }
  };
  const leave = async (gone) => {
    try {
      await client.current.unsubscribeAsync(gone);
      change({ filters: state.filters.filter((one) => one.filter !== gone) });
    } catch (error) {
      tell(error.message, 'bad');
    }
  };
  return html`<form class="card filters" onSubmit=${submit} aria-label="Subscribe">
    <${Field} label="Topic filter"><input name="filter" required value=${filter} autocomplete="off"
      onInput=${(e) => setFilter(e.target.value)} /><//>
    <${Field} label="QoS"><${Select} name="subscribe-qos" value=${qos} on=${setQos} options=${QOS} /><//>
    <div class="row"><button ...${unless(state.phase !== 'on')}>Subscribe</button></div>
    ${state.filters.length > 0 && html`<ul class="chips">${state.filters.map((one) => html`<li
      key=${one.filter}><code>${one.filter}</code> QoS ${one.qos} <button type="button"
      aria-label="Unsubscribe from ${one.filter}" onClick=${() => leave(one.filter)}>×</button></li>`)}
    </ul>`}</form>`;
}

function Publish({ state, client }) {
  const [form, set] = useState({ topic: '', payload: '', qos: '1', retain: false });
  const submit = async (event) => {
    event.preventDefault();
    try {
      const done = await client.current.publishAsync(form.topic, form.payload,
        { qos: Number(form.qos), retain: form.retain });
      tell(done?.reasonCode === 16 ? 'Published; nobody subscribes to it.' : 'Published.');
    } catch (error) {
      tell(`Not published: ${error.message}`, 'bad');
    }
  };
  return html`<form class="card filters" onSubmit=${submit} aria-label="Publish">
    <${Field} label="Topic"><input name="topic" required value=${form.topic} autocomplete="off"
      onInput=${(e) => set({ ...form, topic: e.target.value })} /><//>
    <${Field} label="Payload" wide><textarea name="payload" rows="2" value=${form.payload}
      onInput=${(e) => set({ ...form, payload: e.target.value })}></textarea><//>
    <${Field} label="QoS"><${Select} name="publish-qos" value=${form.qos} options=${QOS}
      on=${(qos) => set({ ...form, qos })} /><//>
    <label class="check"><input type="checkbox" name="retain" checked=${form.retain}
      onChange=${(e) => set({ ...form, retain: e.target.checked })} /> Retain</label>
    <div class="row"><button class="primary" ...${unless(state.phase !== 'on')}>Publish</button></div>
  </form>`;
}

export function MqttPage() {
  const [form, setForm] = useState({ url: '', user: '', password: '',
    id: `console-${crypto.getRandomValues(new Uint32Array(1))[0].toString(16)}` });
  const [isKnown, know] = useState(true);
  const { state, connect, disconnect, client, change } = useClient();
  useEffect(() => {
    whereToConnect().then((url) => {
      know(url !== '');
      setForm((before) => (before.url ? before : { ...before, url }));
    }, () => {});
  }, []);
  return html`<div><h1 tabindex="-1">MQTT client</h1>
    <p class="muted">A client like any other, from this browser over WebSocket.</p>
    ${!isKnown && html`<${Notice} kind="warn">No node has a WebSocket listener: add one with
      <code>protocol: ws</code> to listeners, or name another address.<//>`}
    ${state.trouble && html`<${Notice} kind="bad">${state.trouble}<//>`}
    <${Connect} state=${state} form=${form} setForm=${setForm} connect=${connect}
      disconnect=${disconnect} />
    <div class="two"><section aria-labelledby="subscribe"><h2 id="subscribe">Subscribe</h2>
      <${Subscribe} state=${state} client=${client} change=${change} /></section>
    <section aria-labelledby="publish"><h2 id="publish">Publish</h2>
      <${Publish} state=${state} client=${client} /></section></div>
    <section aria-labelledby="messages"><div class="row between"><h2 id="messages">Messages</h2>
      <button type="button" ...${unless(state.messages.length === 0,
    () => change({ messages: [] }))}>Clear</button></div>
      <p class="muted small">${count(state.passed)} came; the last ${count(MESSAGES_MAX)} are kept.</p>
      <${Table} caption="Messages" rows=${state.messages} keyOf=${(one) => one.key}
        empty="No message yet." columns=${[
    { title: 'Time', show: (one) => clock(one.at) },
    { title: 'Topic', wide: true, show: (one) => html`<code class="id">${one.topic}</code>` },
    { title: 'Payload', wide: true, show: (one) => html`<span class="id">${one.text}</span>` },
    { title: 'QoS', number: true, show: (one) => one.qos },
    { title: 'Retained', show: (one) => (one.retain ? 'yes' : '–') },
  ]} /></section></div>`;
}
