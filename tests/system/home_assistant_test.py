# SPDX-License-Identifier: Apache-2.0
"""Discovery, birth, will and restarts as Home Assistant does them; it itself is not run here."""

import json
import re

from paho.mqtt.client import MQTTv5, MQTTv311

from support.documented import DOCS, PASSWORD, DocumentedCase, section
from support.home_assistant import STATUS, HomeAssistant

LAMP = "homeassistant/light/lamp/config"
DOOR = "homeassistant/binary_sensor/hall/door/config"
CONFIGS = {
    LAMP: {"name": "Lamp", "unique_id": "lamp", "command_topic": "home/lamp/set",
           "state_topic": "home/lamp", "availability_topic": "home/lamp/there"},
    DOOR: {"name": "Door", "unique_id": "door", "state_topic": "home/door"},
}


class LikeHomeAssistant(DocumentedCase):
    rules = section("clients.md", "Home Assistant")

    def setting(self, name):
        """What the page has to be typed for it, as this machine has it."""
        text = (DOCS / "clients.md").read_text(encoding="utf-8").split("## Home Assistant\n")[1]
        found = re.search(rf"{name} \*?`?([^`,;*]+)", " ".join(text.split("\n## ")[0].split()))
        return self.here(found.group(1))

    def home_assistant(self, protocol):
        home = HomeAssistant(self.setting("Broker"), int(self.setting("Port")), protocol,
                             self.setting("with"), self.setting("Username"), PASSWORD)
        self.addCleanup(home.vanish)
        return home

    def announce_devices(self):
        for topic, config in CONFIGS.items():
            self.publish_as_ann(topic, json.dumps(config), "-r")
        for topic, payload in (("home/lamp", "OFF"), ("home/lamp/there", "online"), ("home/door", "ON")):
            self.publish_as_ann(topic, payload, "-r")

    def assert_everything_is_found(self, home):
        for topic, config in CONFIGS.items():
            self.assertEqual(home.discovered(topic), (config, True))
        self.assertEqual(home.message("home/lamp"), ("OFF", True))
        self.assertEqual(home.message("home/lamp/there"), ("online", True))
        self.assertEqual(home.message("home/door"), ("ON", True))

    def check(self, protocol):
        self.announce_devices()
        status, commands = self.watch(STATUS), self.watch("home/lamp/set")
        home = self.home_assistant(protocol)
        home.start()
        self.assertEqual(status.message(), f"{STATUS} 0 online")
        self.assert_everything_is_found(home)

        home.publish("home/lamp/set", "ON")
        self.assertEqual(commands.message(), "home/lamp/set 0 ON")
        self.publish_as_ann("home/lamp", "ON", "-r")
        self.assertEqual(home.message("home/lamp"), ("ON", False))
        self.publish_as_ann("home/lamp", "OFF", "-r")
        self.assertEqual(home.message("home/lamp"), ("OFF", False))
        self.publish_as_ann("homeassistant/sensor/late/config", '{"state_topic": "home/late"}', "-r")
        self.assertEqual(home.discovered("homeassistant/sensor/late/config")[1], False)

        self.server.restart()
        home.wait_until_lost()
        status = self.watch(STATUS)
        home.received.clear()
        home.restart()
        self.assertEqual(status.message(), f"{STATUS} 0 online")
        self.assert_everything_is_found(home)
        self.assertEqual(home.message("homeassistant/sensor/late/config")[1], True)

        home.vanish()
        self.assertEqual(status.message(), f"{STATUS} 0 offline")

    def test_with_mqtt_5(self):
        self.check(MQTTv5)

    def test_with_mqtt_3_1_1(self):
        self.check(MQTTv311)
