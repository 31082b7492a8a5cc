// SPDX-License-Identifier: Apache-2.0
// Topics and their values as they come: a bounded store, and what changed between two values.

export const TOPICS_MAX = 1000;
const PAYLOAD_KEPT = 64 * 1024;
const DIFFERENCES_MAX = 200;
const DEPTH_MAX = 100;

// Whether JSON is nested deeper than can be walked through and set out.
function isDeep(text) {
  let depth = 0;
  let isString = false;
  for (let i = 0; i < text.length; ++i) {
    const one = text[i];
    if (isString && one === '\\') ++i;
    else if (one === '"') isString = !isString;
    else if (isString) continue;
    else if (one === '[' || one === '{') ++depth;
    else if (one === ']' || one === '}') --depth;
    if (depth > DEPTH_MAX) return true;
  }
  return false;
}

const parsed = (text) => {
  if (isDeep(text)) return null;
  try {
    return { json: JSON.parse(text) };
  } catch {
    return null;
  }
};

// JSON over several lines; other text, and JSON that is too deep, as it is.
export function setOut(text) {
  const found = parsed(text);
  return found ? JSON.stringify(found.json, null, 2) : text;
}

const isTree = (value) => value !== null && typeof value === 'object';
const shown = (value) => (typeof value === 'string' ? value : JSON.stringify(value));

function compare(before, after, path, found) {
  if (found.length >= DIFFERENCES_MAX) return;
  if (isTree(before) && isTree(after) && Array.isArray(before) === Array.isArray(after)) {
    for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
      const inner = Array.isArray(after) ? `${path}[${name}]` : path ? `${path}.${name}` : name;
      if (!(name in before)) found.push({ path: inner, after: shown(after[name]) });
      else if (!(name in after)) found.push({ path: inner, before: shown(before[name]) });
      else compare(before[name], after[name], inner, found);
    }
  } else if (JSON.stringify(before) !== JSON.stringify(after)) {
    found.push({ path: path || 'value', before: shown(before), after: shown(after) });
  }
}

// [{path, before, after}]: one of the two is missing where it was added or taken away. JSON by its
// members, other text and what is too deep by its lines.
export function differences(before, after) {
  const found = [];
  const old = parsed(before);
  const fresh = parsed(after);
  if (old && fresh) {
    compare(old.json, fresh.json, '', found);
    return found;
  }
  const oldLines = before.split('\n');
  const freshLines = after.split('\n');
  for (let i = 0; i < Math.max(oldLines.length, freshLines.length); ++i) {
    if (oldLines[i] === freshLines[i] || found.length >= DIFFERENCES_MAX) continue;
    found.push({ path: freshLines.length + oldLines.length > 2 ? `line ${i + 1}` : 'text',
      before: oldLines[i], after: freshLines[i] });
  }
  return found;
}

export const parentOf = (topic) => {
  const at = topic.lastIndexOf('/');
  return at < 0 ? null : topic.slice(0, at);
};

// Values by topic, and the topics that were seen below others. Not more than TOPICS_MAX.
export class Values {
  constructor() {
    this.byTopic = new Map();
    this.below = new Map(); // parent (null: the root) -> Map(topic -> {topic, level, has_more})
    this.refused = 0; // messages of topics over the limit
  }

  // A message of the stream.
  take(message) {
    const text = (message.payload ?? message.payload_base64 ?? '').slice(0, PAYLOAD_KEPT);
    const known = this.byTopic.get(message.topic);
    if (!known && this.byTopic.size >= TOPICS_MAX) {
      ++this.refused;
      return;
    }
    if (known && message.retain && known.text === text) return; // Asked for once more.
    this.byTopic.set(message.topic, {
      text, qos: message.qos, at: new Date(), isBinary: message.payload === undefined,
      before: known?.text, wasRetained: message.retain, changes: (known?.changes ?? -1) + 1,
    });
    this.#place(message.topic);
  }

  forget(topic) {
    for (const known of [...this.byTopic.keys()]) {
      if (known === topic || known.startsWith(`${topic}/`)) this.byTopic.delete(known);
    }
    for (const [parent, rows] of this.below) {
      for (const known of [...rows.keys()]) {
        if (known === topic || known.startsWith(`${topic}/`)) rows.delete(known);
      }
      if (rows.size === 0) this.below.delete(parent);
    }
  }

  #place(topic) {
    for (let at = topic, isLast = true; at !== null; at = parentOf(at), isLast = false) {
      const parent = parentOf(at);
      if (!this.below.has(parent)) this.below.set(parent, new Map());
      const rows = this.below.get(parent);
      const known = rows.get(at);
      rows.set(at, { topic: at, level: parent === null ? at : at.slice(parent.length + 1),
        has_more: !isLast || Boolean(known?.has_more) });
    }
  }
}
