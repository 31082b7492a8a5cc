# SPDX-License-Identifier: Apache-2.0
"""A broker as deploy/docs/clients.md wants it, and that page's lines with this machine's names."""

import os
import re
from pathlib import Path

from support.case import SystemCase

DOCS = Path(__file__).resolve().parents[3] / "deploy" / "docs"
PASSWORD = "ann's word"


def section(page, heading):
    """The indented lines below a heading."""
    text = (DOCS / page).read_text(encoding="utf-8")
    part = text.split(f"## {heading}\n")[1].split("\n## ")[0]
    return [line[4:] for line in part.splitlines() if line.startswith("    ")]


class DocumentedCase(SystemCase):
    rules = None  # lines of an ACL file

    def setUp(self):
        super().setUp()
        self.needs(not self.broker_path.endswith("mosquitto"), "only Roost has this")
        certificates = self.certificates()
        self.ca = certificates.ca
        users = os.path.join(self.folder, "users.pw")
        done = self.roost_command("passwd", users, "ann", stdin=f"{PASSWORD}\n{PASSWORD}\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        more = {"acl": {"file": self.file("acl.yaml", self.rules)}} if self.rules else {}
        self.server = self.roost({"plain": {}, "tls": certificates.listener(),
                                  "ws": {"protocol": "ws"}}, auth={"password_file": users}, **more)
        self.ports = dict(zip(["188" + "3", "888" + "3", "808" + "3"],
                              [port for _, port in self.server.addresses]))

    def file(self, name, lines):
        """The path of a new file in the test's folder."""
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write("".join(line + "\n" for line in lines))
        return path

    def here(self, line):
        """As it stands there, but for host, ports, authority and password."""
        for there, port in self.ports.items():
            line = re.sub(rf"\b{there}\b", str(port), line)
        return (line.replace("broker.example", "localhost").replace("/app/data/", "")
                .replace("ca.pem", self.ca).replace("PASSWORD", PASSWORD))

    @property
    def as_ann(self):
        """Options of mosquitto's clients for the plain port."""
        return "-h", "127.0.0.1", "-p", self.server.port, "-u", "ann", "-P", PASSWORD

    def publish_as_ann(self, topic, message, *options):
        done = self.command("mosquitto_pub", *self.as_ann, "-q", "1", "-t", topic, "-m", message,
                            *options)
        self.assertEqual(done.returncode, 0, done.stderr)

    def watch(self, topic):
        """mosquitto_sub that has its SUBACK; prints topic, retain flag, payload."""
        return self.subscriber(*self.as_ann, "-q", "1", "-t", topic, "-F", "%t %r %p")
