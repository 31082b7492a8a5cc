# SPDX-License-Identifier: Apache-2.0
"""What the root's README says about closing the door, typed as it stands there."""

import os
import re
from pathlib import Path

from support.case import SystemCase
from support.roost import Server

README = Path(__file__).resolve().parent.parent.parent / "README.md"
PORT_THERE = "888" + "3"


class ClosingTheDoor(SystemCase):
    def commands(self):
        text = README.read_text(encoding="utf-8")
        section = text.split("## Closing the door")[1].split("\n## ")[0]
        return [line[4:] for line in section.splitlines() if line.startswith("    ")]

    def shell(self, lines):
        script = "roost() { \"$ROOST\" \"$@\"; }\n" + "\n".join(lines) + "\n"
        return self.command("bash", "-euc", script, env={"ROOST": self.broker_path}, seconds=60)

    def test_as_it_stands_in_the_readme(self):
        self.needs(not self.broker_path.endswith("mosquitto"), "only Roost has this")
        port = str(self.free_port())
        lines = [re.sub(rf"\b{PORT_THERE}\b", port, line) for line in self.commands()]
        lines = [re.sub(r"^roost passwd (\S+) (\w+)$", r"printf '\2\\n\2\\n' | roost passwd \1 \2",
                        line) for line in lines]
        lines = [line.replace("ANNS_PASSWORD", "ann").replace("LAMPS_PASSWORD", "lamp")
                 for line in lines]
        serve = next(i for i, line in enumerate(lines) if line.startswith("roost serve --config"))
        done = self.shell(lines[:serve])
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("The configuration is fine.", done.stdout)
        server = Server([self.broker_path, *lines[serve].split()[1:]], self.folder,
                        [("127.0.0.1", int(port))])
        self.addCleanup(server.kill)
        server.start()
        subscribe, publish, explain = lines[serve + 1:]
        words = subscribe.replace("'", "").split()
        subscriber = self.tool("stdbuf", "-oL", words[0], "-d", *words[1:], cwd=self.folder)
        subscriber.wait_for("^Subscribed ")
        done = self.shell([publish])
        self.assertEqual(done.returncode, 0, done.stderr)
        subscriber.wait_for("^home/lamp/on 1")
        done = self.shell([explain])
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("DENIED: publish home/ann/door", done.stdout)
        self.assertIn("no rule of acl.yaml fits", done.stdout)
        self.assertTrue(os.path.exists(os.path.join(self.folder, "users.pw")))
