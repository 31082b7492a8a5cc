# SPDX-License-Identifier: Apache-2.0
"""deploy/examples: the commands of each README, typed as they stand there."""

import os
import shutil
from pathlib import Path

from support.case import SystemCase
from support.web import TOKEN

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "deploy/examples"
# What the READMEs say about ports, which a test can't take.
FUNCTION_PORT = "80" + "00"


class Example(SystemCase):
    def setUp(self):
        super().setUp()
        self.needs(not self.broker_path.endswith("mosquitto"), "only Roost has this")

    def begin(self, name, **config):
        self.folder_of_example = EXAMPLES / name
        text = (self.folder_of_example / "README.md").read_text(encoding="utf-8")
        self.commands = [line[4:] for line in text.splitlines() if line.startswith("    ")]
        self.server = self.roost(**config)
        # /usr/bin first: Debian's Python has Debian's Paho.
        self.env = {"MQTT_PORT": str(self.server.port), "MQTT_HOST": "127.0.0.1",
                    "PATH": "/usr/bin:" + os.environ["PATH"], "AWAKE_S": "8"}

    def typed(self, beginning):
        """The README's command that begins so."""
        found = [line for line in self.commands if line.startswith(beginning)]
        self.assertTrue(found, f"no command like '{beginning}' in {self.commands}")
        return found[0]

    def run_ok(self, beginning):
        """Runs it to its end; what it says."""
        done = self.command("sh", "-c", self.typed(beginning), env=self.env,
                            cwd=self.folder_of_example)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def runs(self, beginning):
        """Runs it beside the test."""
        env = dict(os.environ, **self.env)
        return self.tool("sh", "-c", "exec " + self.typed(beginning), env=env,
                         cwd=str(self.folder_of_example))


class OneWay(Example):
    def test_the_back_end_hears_all(self):
        self.begin("one-way")
        backend = self.runs("python3 backend.py")
        backend.wait_for("^waiting for readings")
        self.run_ok("python3 device.py")
        backend.wait_for("^kitchen: 21.5 degrees")
        self.run_ok("./device.sh")
        backend.wait_for("^bath: 23.0 degrees")
        backend.stop()
        self.server.wait_for_log("disconnected client=backend")
        self.run_ok("python3 device.py")
        self.runs("python3 backend.py").wait_for("^kitchen: 21.5 degrees")

    def test_the_sketch_says_the_same_topic(self):
        text = (EXAMPLES / "one-way/esp32/esp32.ino").read_text(encoding="utf-8")
        self.assertIn('"home/kitchen/temperature"', text)


class TwoWay(Example):
    def test_commands_wait_for_the_sleeper(self):
        self.begin("two-way")
        self.assertEqual(self.run_ok("python3 lamp.py"), "lamp has a session\nlamp sleeps\n")
        self.run_ok("python3 switch.py on")
        self.run_ok("python3 switch.py off")
        self.assertEqual(self.run_ok("python3 lamp.py"), "lamp is on\nlamp is off\nlamp sleeps\n")
        self.commands = [line for line in self.commands if line != "python3 switch.py on"
                         and line != "python3 switch.py off"]
        self.runs("python3 switch.py").wait_for("^it was off")


class FromTheWeb(Example):
    def test_a_device_behind_nat_gets_it(self):
        self.needs(shutil.which("curl"), "curl is not installed")
        http_port, port = self.free_port(), str(self.free_port())
        self.begin("from-the-web", http={"address": "127.0.0.1", "port": http_port},
                   env={"ROOST_HTTP_TOKEN": TOKEN})
        self.env |= {"ROOST_HTTP_TOKEN": TOKEN, "PORT": port,
                     "ROOST_URL": f"http://127.0.0.1:{http_port}"}
        self.commands = [line.replace(f":{FUNCTION_PORT}/", f":{port}/") for line in self.commands]
        self.assertIn("roost serve", self.commands)
        device = self.runs("python3 device.py")
        device.wait_for("^lamp listens")
        self.runs("python3 function.py").wait_for("^function on port")
        self.assertIn('"reason": "success"', self.run_ok("curl"))
        device.wait_for("^lamp is on")
        device.stop()
        self.server.wait_for_log("disconnected client=lamp")
        self.assertIn('"reason": "success"', self.run_ok("curl"), "stored for who is away")
        self.runs("python3 device.py").wait_for("^lamp is on")
