# SPDX-License-Identifier: Apache-2.0
"""What deploy/docs shows, typed as it stands there; names and ports are this machine's."""

import re

from support.case import HERE, NODE_MODULES, SystemCase
from support.documented import DOCS, DocumentedCase, section


class Clients(DocumentedCase):
    def test_mosquitto_s_own(self):
        lines = section("clients.md", "mosquitto_pub and mosquitto_sub")
        subscribe, publish = [line.replace("PASSWORD", '"PASSWORD"') for line in lines]
        sub = self.tool("stdbuf", "-oL", "bash", "-c",
                        self.here(subscribe).replace("mosquitto_sub", "exec mosquitto_sub -d", 1))
        sub.wait_for("^Subscribed ")
        done = self.command("bash", "-c", self.here(publish))
        self.assertEqual(done.returncode, 0, done.stderr)
        sub.wait_for("^on")

    def test_paho_for_python(self):
        code = "\n".join(self.here(line) for line in section("clients.md", "Paho for Python"))
        done = self.command("/usr/bin/python3", "-W", "ignore", "-c", code)
        self.assertEqual((done.returncode, done.stdout), (0, "published\n"), done.stderr)

    def test_mqtt_js(self):
        self.needs(NODE_MODULES.exists(), "MQTT.js is not installed: npm ci in tests/system")
        code = "\n".join(section("clients.md", "MQTT.js"))
        code = self.here(code.replace("'PASSWORD'", '"PASSWORD"'))
        done = self.command("node", "--input-type=module", "-e", code, cwd=HERE)
        self.assertEqual((done.returncode, done.stdout), (0, "home/door open\n"), done.stderr)


class Pages(SystemCase):
    def test_links_lead_somewhere(self):
        for page in DOCS.glob("*.md"):
            for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
                self.assertTrue((DOCS / target).exists(), f"{page.name}: {target}")

    def test_settings_are_printed_as_a_table(self):
        done = self.roost_command("serve", "--print-config", "--markdown")
        self.assertEqual(done.returncode, 0)
        self.assertIn(done.stdout, (DOCS / "settings.md").read_text(encoding="utf-8"))
        self.assertRegex(done.stdout, r"\| `http\.port` \| `ROOST_HTTP_PORT` \| `\d+` \|")
