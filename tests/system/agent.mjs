// SPDX-License-Identifier: Apache-2.0
// Drives MQTT.js by JSON lines: {"do": "connect", "name": "a", "url": ..., "options": {...}}, then
// subscribe, publish, unsubscribe, end, drop. Every outcome is a JSON line with the client's name.
import fs from 'node:fs';
import readline from 'node:readline';
import mqtt from 'mqtt';

const clients = new Map();
const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);

function connect({ name, url, options = {}, ca }) {
  if (ca) options.ca = fs.readFileSync(ca);
  const client = mqtt.connect(url, { reconnectPeriod: 0, connectTimeout: 10000, ...options });
  clients.set(name, client);
  client.on('connect', (packet) => say({ event: 'connect', name, present: packet.sessionPresent }));
  client.on('error', (error) => say({
    event: 'error', name, code: error.code, text: error.message,
  }));
  client.on('close', () => say({ event: 'close', name }));
  client.on('message', (topic, payload, packet) => say({
    event: 'message', name, topic, payload: payload.toString(), qos: packet.qos,
    retain: packet.retain, size: payload.length, properties: packet.properties,
  }));
}

const actions = {
  connect,
  subscribe({ name, topic, options = {} }) {
    clients.get(name).subscribe(topic, options, (error, granted) => say({
      event: 'subscribe', name, error: error?.message, granted: granted?.map((g) => g.qos),
    }));
  },
  unsubscribe({ name, topic }) {
    clients.get(name).unsubscribe(topic, (error) => say({
      event: 'unsubscribe', name, error: error?.message,
    }));
  },
  publish({ name, topic, payload, size, options = {} }) {
    const body = size === undefined ? payload : Buffer.alloc(size, 'x');
    clients.get(name).publish(topic, body, options, (error) => say({
      event: 'publish', name, error: error?.message,
    }));
  },
  end({ name }) {
    clients.get(name).end(false, {}, () => say({ event: 'end', name }));
  },
  // As when the device loses its power: no DISCONNECT.
  drop({ name }) {
    clients.get(name).stream.destroy();
  },
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  actions[command.do](command);
}
process.exit(0);
