// SPDX-License-Identifier: Apache-2.0
// The node's HTTP API, which is all that the console knows: questions, streams of events, and
// values that are asked for again and again while somebody looks.
import { useEffect, useRef, useState } from './preact.js';

const BASE = new URL('../api/v1/', document.baseURI);
const TOKEN = 'roost-token';

export class ApiError extends Error {
  // status 0: no answer at all.
  constructor(status, message, retryAfterS = 0) {
    super(message);
    this.status = status;
    this.retryAfterS = retryAfterS;
  }
}

// Of this tab, and gone with it.
let token = sessionStorage.getItem(TOKEN) ?? '';
const refusedListeners = new Set();

export const hasToken = () => token !== '';

export function useToken(text) {
  token = text.trim();
  if (token) sessionStorage.setItem(TOKEN, token);
  else sessionStorage.removeItem(TOKEN);
}

// Called when the node refuses the token that it took before.
export function onRefused(listener) {
  refusedListeners.add(listener);
  return () => refusedListeners.delete(listener);
}

function headers() {
  return token ? { Authorization: `Bearer ${token}` } : {};
}

// keepalive: it goes out although the page goes away.
async function send(method, path, { body, signal, keepalive } = {}) {
  let answer;
  try {
    answer = await fetch(new URL(path, BASE), {
      method, signal, keepalive, cache: 'no-store', credentials: 'same-origin',
      headers: { ...headers(), ...(body ? { 'Content-Type': 'application/json' } : {}) },
      body: body ? JSON.stringify(body) : undefined,
    });
  } catch (fault) {
    if (fault.name === 'AbortError') throw fault;
    throw new ApiError(0, 'This node doesn’t answer.');
  }
  if (answer.ok) return answer;
  let text = '';
  try {
    text = (await answer.json()).error ?? '';
  } catch {
    // Not the API's own answer: a proxy's.
  }
  const error = new ApiError(answer.status, text || `${answer.status} ${answer.statusText}`,
    Number(answer.headers.get('Retry-After')) || 0);
  if (answer.status === 401) refusedListeners.forEach((listener) => listener(error));
  throw error;
}

export async function ask(method, path, options) {
  const answer = await send(method, path, options);
  return answer.status === 204 ? null : answer.json();
}

export const get = (path, options) => ask('GET', path, options);

// {a: 1, b: ''} -> "?a=1"
export function query(parameters) {
  const text = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== '' && value !== undefined && value !== null) text.set(name, value);
  }
  const asked = text.toString(); // its size isn't known everywhere
  return asked && `?${asked}`;
}

export const part = encodeURIComponent;

// GET subscribe as it comes: EventSource can't send a token. `each(event, data)`; ends with the
// signal, or throws.
export async function events(filters, qos, signal, each) {
  const asked = new URLSearchParams(filters.map((filter) => ['filter', filter]));
  asked.set('qos', qos);
  const answer = await send('GET', `subscribe?${asked}`, { signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const blocks = text.split('\n\n');
    text = blocks.pop();
    for (const block of blocks) {
      let event = '';
      let data = '';
      for (const line of block.split('\n')) {
        if (line.startsWith('event: ')) event = line.slice(7);
        else if (line.startsWith('data: ')) data += line.slice(6);
      }
      if (event) each(event, JSON.parse(data));
    }
  }
}

const HIDDEN_MS = 1000;
// Of a node's time, what looking may take: a list of very many is asked for less often.
const SHARE = 20;

// Asks `question(signal)` now and every `everyMs` while the page is seen; 0: once. What came last
// stays when a later one fails, and until another question is answered: isBusy then.
// {data, error, at, isBusy, again}
export function usePoll(question, everyMs, inputs) {
  const [state, set] = useState({});
  const latest = useRef(question);
  latest.current = question;
  const [round, setRound] = useState(0);
  const asked = JSON.stringify(inputs);
  useEffect(() => {
    const stop = new AbortController();
    let timer = 0;
    const turn = async () => {
      if (document.hidden) {
        timer = setTimeout(turn, HIDDEN_MS);
        return;
      }
      const began = performance.now();
      let wait = everyMs;
      try {
        const data = await latest.current(stop.signal);
        if (stop.signal.aborted) return;
        const tookMs = performance.now() - began;
        wait = Math.max(everyMs, SHARE * tookMs);
        set({ data, error: null, at: new Date(), asked });
      } catch (error) {
        if (stop.signal.aborted) return;
        wait = Math.max(2 * everyMs, 1000 * (error.retryAfterS ?? 0));
        set((before) => ({ ...before, error, asked }));
      }
      if (everyMs > 0) timer = setTimeout(turn, wait);
    };
    turn();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [...inputs, round]);
  return { ...state, isBusy: state.asked !== asked, again: () => setRound((one) => one + 1) };
}
