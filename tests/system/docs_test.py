# SPDX-License-Identifier: Apache-2.0
"""What deploy/docs shows, typed as it stands there; names and ports are this machine's."""

import os
import re
from pathlib import Path

from support.case import HERE, NODE_MODULES, SystemCase

DOCS = Path(__file__).resolve().parents[2] / "deploy" / "docs"
PASSWORD = "ann's word"


def section(page, heading):
    """The indented lines below a heading."""
    text = (DOCS / page).read_text(encoding="utf-8")
    part = text.split(f"## {heading}\n")[1].split("\n## ")[0]
    return [line[4:] for line in part.splitlines() if line.startswith("    ")]


class Clients(SystemCase):
    def setUp(self):
        super().setUp()
        self.needs(not self.broker_path.endswith("mosquitto"), "only Roost has this")
        certificates = self.certificates()
        self.ca = certificates.ca
        users = os.path.join(self.folder, "users.pw")
        done = self.roost_command("passwd", users, "ann", stdin=f"{PASSWORD}\n{PASSWORD}\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.server = self.roost({"plain": {}, "tls": certificates.listener(),
                                  "ws": {"protocol": "ws"}}, auth={"password_file": users})
        self.ports = dict(zip(["188" + "3", "888" + "3", "808" + "3"],
                              [port for _, port in self.server.addresses]))

    def here(self, line):
        """As it stands there, but for host, ports, authority and password."""
        for there, port in self.ports.items():
            line = re.sub(rf"\b{there}\b", str(port), line)
        return (line.replace("broker.example", "localhost").replace("ca.pem", self.ca)
                .replace("PASSWORD", PASSWORD))

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
