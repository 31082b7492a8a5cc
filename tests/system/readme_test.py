# SPDX-License-Identifier: Apache-2.0
"""What the root's README says, typed as it stands there: closing the door, messages from the web."""

import os
import re
import shutil
from pathlib import Path

from support.case import SystemCase
from support.roost import Server, until

README = Path(__file__).resolve().parent.parent.parent / "README.md"
PORT_THERE = "888" + "3"
HTTP_PORT_THERE = "808" + "0"


class ReadmeCase(SystemCase):
    section = None

    def setUp(self):
        super().setUp()
        self.needs(not self.broker_path.endswith("mosquitto"), "only Roost has this")

    def commands(self):
        text = README.read_text(encoding="utf-8")
        section = text.split(f"\n## {self.section}")[1].split("\n## ")[0]
        return [line[4:] for line in section.splitlines() if line.startswith("    ")]

    def shell(self, lines):
        script = "roost() { \"$ROOST\" \"$@\"; }\n" + "\n".join(lines) + "\n"
        return self.command("bash", "-euc", script, env={"ROOST": self.broker_path}, seconds=60)


class ClosingTheDoor(ReadmeCase):
    section = "Closing the door"

    def test_as_it_stands_in_the_readme(self):
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


class MessagesFromTheWeb(ReadmeCase):
    section = "Messages from the web"

    def test_as_it_stands_in_the_readme(self):
        self.needs(shutil.which("curl"), "curl is not installed")
        port = str(self.free_port())
        lines = [line.replace(f":{HTTP_PORT_THERE}/", f":{port}/") for line in self.commands()]
        export, serve, publish, subscribe = lines
        self.assertEqual(serve, "roost serve")
        name, token = export.removeprefix("export ").split("=")
        server = self.roost(start=False, http={"address": "127.0.0.1", "port": int(port)},
                            env={name: token})
        server.start()
        self.wait_until_ready(int(port))
        events = self.tool("bash", "-c", f"{export}; exec {subscribe}")
        events.wait_for("event: subscribed")  # behind what curl says of its progress
        done = self.shell([export, publish])
        self.assertIn('{"reason_code":0,"reason":"success"}', done.stdout, done.stderr)
        events.wait_for('^data: .*"topic":"home/lamp/on","payload":"1"')
