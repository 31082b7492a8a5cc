// SPDX-License-Identifier: Apache-2.0
// In place of a radio, for `node --require`: an adapter of zigbee-herdsman that is always well and
// prints what it was told to send. Everything above it is Zigbee2MQTT's own.
'use strict';

const { createRequire } = require('node:module');
const zigbee2mqtt = createRequire(require.resolve('zigbee2mqtt/package.json'));
const { Adapter } = zigbee2mqtt('zigbee-herdsman/dist/adapter/adapter.js');

const say = (event) => process.stdout.write(`RADIO ${JSON.stringify(event)}\n`);

class StandIn extends Adapter {
  async start() { return 'resumed'; }
  async stop() {}
  async getCoordinatorIEEE() { return '0x00124b0000000001'; }
  async getCoordinatorVersion() { return { type: 'stand-in', meta: {} }; }
  async supportsBackup() { return false; }
  async getNetworkParameters() {
    const [channel] = this.networkOptions.channelList;
    return { panID: 6754, extendedPanID: '0xdddddddddddddddd', channel, nwkUpdateID: 0 };
  }
  async permitJoin(seconds) { say({ permitJoin: seconds }); }
  async sendZdo() { return [0, undefined]; }
  async sendZclFrameToEndpoint(address, network, endpoint, frame) {
    say({ address, cluster: frame.cluster.name, command: frame.command.name });
  }
  async sendZclFrameToGroup() {}
  async sendZclFrameToAll() {}
}

Adapter.create = async (...options) => new StandIn(...options);
