# SPDX-License-Identifier: Apache-2.0
"""Node-RED and Zigbee2MQTT themselves, with the settings that deploy/docs/clients.md has for them."""

import json
import os
import signal
import urllib.request
from pathlib import Path

from support.case import HERE
from support.documented import PASSWORD, DocumentedCase, section
from support.roost import Server, until

CLIENTS = HERE / "clients"
MODULES = CLIENTS / "node_modules"
START_S = 90  # of what Node.js runs, on a busy machine
LAMP = "0x000b57fffe000001"


class ProgramCase(DocumentedCase):
    rules = section("clients.md", "Home Assistant")

    def setUp(self):
        self.needs(MODULES.exists(), "Node-RED and Zigbee2MQTT are not installed: npm ci in tests/system/clients")
        node = next(iter(MODULES.glob("node-linux-*/bin/node")), None)
        self.needs(node, "no node of npm for this kind of machine")
        self.node = str(node)
        super().setUp()

    def program(self, name, *arguments, addresses=(), env=None):
        folder = os.path.join(self.folder, name)
        server = Server([self.node, *map(str, arguments)], folder, list(addresses), name, env)
        server.start_s = START_S
        self.addCleanup(server.kill)
        return server

    def retained(self, topic):
        """The retained message of a topic, as a new subscriber gets it."""
        done = self.command("mosquitto_sub", *self.as_ann, "-t", topic, "-C", "1", "-W", "5",
                            "--retained-only")
        return done.stdout.strip()


class NodeRed(ProgramCase):
    # What home/door says is said again as home/hall.
    FLOW = [
        {"id": "tab", "type": "tab", "label": "door"},
        {"id": "in", "type": "mqtt in", "z": "tab", "topic": "home/door", "qos": "1",
         "datatype": "utf8", "broker": "roost", "wires": [["out"]]},
        {"id": "out", "type": "mqtt out", "z": "tab", "topic": "home/hall", "qos": "1",
         "broker": "roost", "wires": []},
    ]

    def setUp(self):
        super().setUp()
        os.mkdir(os.path.join(self.folder, "node-red"))
        self.http_port = self.free_port()
        self.node_red = self.program(
            "node-red", MODULES / "node-red" / "red.js", "--port", self.http_port, "--userDir",
            os.path.join(self.folder, "node-red"), "--no-telemetry", "-D", "uiHost=127.0.0.1",
            "-D", "mqttReconnectTime=500", addresses=[("127.0.0.1", self.http_port)])

    def deploy(self):
        nodes = json.loads("\n".join(self.here(line) for line in section("clients.md", "Node-RED")))
        for node in nodes:
            if node["type"] == "mqtt-broker":
                node["credentials"] = {"user": "ann", "password": PASSWORD}
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http_port}/flows", json.dumps(self.FLOW + nodes).encode(),
            {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=15) as answer:
            self.assertEqual(answer.status, 204)

    def wait_until_connected(self, times):
        until(lambda: self.node_red.log().count("Connected to broker: node-red@mqtts://") >= times,
              "Node-RED's connection", START_S)

    def test_messages_come_and_go_also_those_of_the_time_when_it_was_stopped(self):
        self.node_red.start()
        self.node_red.wait_for_log("Started flows", START_S)
        self.deploy()
        self.wait_until_connected(1)
        hall = self.watch("home/hall")
        self.publish_as_ann("home/door", "open")
        self.assertEqual(hall.message(), "home/hall 0 open")
        self.assertEqual(self.node_red.stop(seconds=START_S), 0)
        self.publish_as_ann("home/door", "shut")
        self.publish_as_ann("home/door", "open again")
        self.node_red.start()
        self.assertEqual([hall.message(START_S), hall.message(START_S)],
                         ["home/hall 0 shut", "home/hall 0 open again"])
        self.server.restart()
        self.wait_until_connected(3)
        hall = self.watch("home/hall")
        self.publish_as_ann("home/door", "after the broker's restart")
        self.assertEqual(hall.message(), "home/hall 0 after the broker's restart")


class Zigbee2Mqtt(ProgramCase):
    MORE = """
version: 5
serial: {port: /dev/null, adapter: ember}
frontend: {enabled: false}
advanced: {log_output: [console], network_key: GENERATE, pan_id: GENERATE, ext_pan_id: GENERATE}
devices: {'LAMP': {friendly_name: lamp}}
""".replace("LAMP", LAMP)

    def setUp(self):
        super().setUp()
        self.data = os.path.join(self.folder, "zigbee2mqtt")
        os.mkdir(self.data)
        lines = [self.here(line) for line in section("clients.md", "Zigbee2MQTT")]
        self.file("zigbee2mqtt/configuration.yaml", [*lines, self.MORE])
        self.file("zigbee2mqtt/database.db", map(json.dumps, self.devices()))
        self.zigbee2mqtt = self.program(
            "zigbee2mqtt", "--require", CLIENTS / "zigbee_stand_in.cjs",
            MODULES / "zigbee2mqtt" / "index.js", env={"ZIGBEE2MQTT_DATA": self.data})

    @staticmethod
    def devices():
        """The radio and a lamp, as Zigbee2MQTT keeps them."""
        def device(number, kind, address, **more):
            endpoint = {"profId": 260, "epId": 1, "devId": 257, "inClusterList": [0, 3, 4, 5, 6, 8],
                        "outClusterList": [], "clusters": {}, "binds": [],
                        "configuredReportings": [], "meta": {}}
            return {"id": number, "type": kind, "ieeeAddr": address, "epList": [1],
                    "endpoints": {"1": endpoint}, "interviewCompleted": True, "meta": {}, **more}

        yield device(1, "Coordinator", "0x00124b0000000001", nwkAddr=0)
        yield device(2, "Router", LAMP, nwkAddr=4711, manufId=4476, manufName="IKEA of Sweden",
                     modelId="TRADFRI bulb E27 W opal 1000lm", powerSource="Mains (single phase)")

    def ask(self, request, **payload):
        answers = self.watch(f"zigbee2mqtt/bridge/response/{request}")
        self.publish_as_ann(f"zigbee2mqtt/bridge/request/{request}", json.dumps(payload))
        return json.loads(answers.message().split(" ", 2)[2])

    def test_state_discovery_requests_broker_restart_and_will(self):
        state = self.watch("zigbee2mqtt/bridge/state")
        discovery = self.watch("homeassistant/light/#")
        self.zigbee2mqtt.start()
        self.zigbee2mqtt.wait_for_log("Zigbee2MQTT started!", START_S)
        self.assertEqual(state.message(), 'zigbee2mqtt/bridge/state 0 {"state":"online"}')
        self.assertEqual(self.retained("zigbee2mqtt/bridge/state"), '{"state":"online"}')
        info = json.loads(self.retained("zigbee2mqtt/bridge/info"))
        self.assertEqual((info["mqtt"]["version"], info["coordinator"]["type"]), (5, "stand-in"))
        self.assertEqual(self.ask("permit_join", time=7, transaction="a"),
                         {"data": {"time": 7}, "status": "ok", "transaction": "a"})
        self.zigbee2mqtt.wait_for_log('RADIO {"permitJoin":7}')

        # After the 5 s that it waits for old ones.
        topic, _, light = discovery.message(START_S).split(" ", 2)
        lamp = self.watch("zigbee2mqtt/lamp")
        self.publish_as_ann(json.loads(light)["command_topic"], '{"state": "ON"}')
        self.assertEqual(json.loads(lamp.message().split(" ", 2)[2])["state"], "ON")
        self.zigbee2mqtt.wait_for_log(f'RADIO {{"address":"{LAMP}","cluster":"genOnOff","command":"on"}}')

        self.server.restart()
        self.assertEqual(self.retained(topic), light)
        until(lambda: self.retained("zigbee2mqtt/bridge/state") == '{"state":"online"}',
              "it is back", START_S)
        self.assertEqual(self.ask("permit_join", time=0)["status"], "ok")
        state = self.watch("zigbee2mqtt/bridge/state")
        self.assertEqual(state.message(), 'zigbee2mqtt/bridge/state 1 {"state":"online"}')
        self.zigbee2mqtt.stop(signal.SIGKILL)
        self.assertEqual(state.message(), 'zigbee2mqtt/bridge/state 0 {"state":"offline"}')
        self.assertEqual(self.retained("zigbee2mqtt/bridge/state"), '{"state":"offline"}')
