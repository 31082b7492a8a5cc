# SPDX-License-Identifier: Apache-2.0
"""mosquitto's ACL files: that the table which Roost's reader is tested with is what mosquitto does."""

import os
import subprocess
from pathlib import Path

from harness import wire
from support.case import SystemCase

TABLE = Path(__file__).resolve().parent.parent / "support" / "mosquitto_acl_cases.txt"
NOT_AUTHORIZED = 0x87
# Who may write what is to be read.
WRITER = ["user the writer", "topic write #", "topic write $own/#", "topic write $x/#"]


class Case:
    def __init__(self, name):
        self.name, self.lines, self.asked, self.refused = name, [], [], False


def read_table():
    cases = []
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(": ")
        if key == "case":
            cases.append(Case(value))
        elif line.startswith("acl:"):
            cases[-1].lines.append(value.replace("\\s", " ").replace("\\t", "\t"))
        elif key == "ask":
            cases[-1].asked.append(value.split(" | "))
        elif key == "refused":
            cases[-1].refused = True
    return cases


class MosquittoAcl(SystemCase):
    def acl_file(self, case, more=()):
        path = os.path.join(self.make_folder(dir=self.folder), "acl")
        with open(path, "w", encoding="utf-8") as file:
            file.write("".join(line + "\n" for line in [*case.lines, *more]))
        return path

    def connected(self, port, client_id, user):
        return self.client(port, client_id, v=5, username=user)

    def may_write(self, port, user, client_id, topic):
        c = self.connected(port, client_id, user)
        c.send(wire.publish(5, topic, b"x", qos=1, packet_id=1))
        code = c.receive().code or 0
        c.close()
        return code != NOT_AUTHORIZED

    def may_read(self, port, user, client_id, topic):
        c = self.connected(port, client_id, user)
        c.send(wire.subscribe(5, 1, [(topic, 0)]))
        self.assertEqual(c.receive().kind, "SUBACK")
        self.assertTrue(self.may_write(port, "the writer", "the writer", topic), "needs a writer")
        c.send(wire.pingreq())
        came = c.receive().kind
        c.close()
        return came == "PUBLISH"

    def test_it_does_what_the_table_says(self):
        wrong = []
        for case in read_table():
            if case.refused:
                continue
            port = self.free_port()
            server = self.mosquitto(f"acl_file {self.acl_file(case, WRITER)}\n", port)
            for user, client_id, what, topic, answer in case.asked:
                ask = self.may_read if what == "read" else self.may_write
                may = ask(port, None if user == "-" else user, client_id, topic)
                if may != (answer == "yes"):
                    wrong.append(f"{case.name}: {user} {client_id} {what} {topic}: {may}")
            server.kill()
        self.assertEqual(wrong, [])

    def test_it_refuses_the_files_that_the_table_says_are_none(self):
        taken = []
        for case in read_table():
            if not case.refused:
                continue
            config = os.path.join(self.make_folder(dir=self.folder), "mosquitto.conf")
            with open(config, "w", encoding="utf-8") as file:
                file.write(f"listener {self.free_port()} 127.0.0.1\n"
                           f"acl_file {self.acl_file(case)}\n")
            try:
                done = self.command("/usr/sbin/mosquitto", "-c", config, seconds=20)
            except subprocess.TimeoutExpired:
                taken.append(case.name)
            else:
                self.assertNotEqual(done.returncode, 0, case.name)
        self.assertEqual(taken, [])
