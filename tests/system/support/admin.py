# SPDX-License-Identifier: Apache-2.0
"""What the tests of the admin commands share."""

import hashlib
import http.client
import json
import os
import socket
from pathlib import Path

from support.durable import DurableCase
from support.roost import until

NOT_OK = 1
USAGE = 2
DATA_DIRECTORY = 3
NO_NODE = 5


class UnixHttp(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self.path)


def fingerprints(folder):
    """{file: (SHA-256, mode, time of change)}, folders too."""
    found = {}
    for path in [Path(folder), *sorted(Path(folder).rglob("*"))]:
        about = path.lstat()
        is_file = path.is_file()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if is_file else ""
        found[str(path.relative_to(folder))] = (content, about.st_mode, about.st_mtime_ns)
    return found


def flip(path, at=None):
    with open(path, "r+b") as file:
        data = file.read()
        at = len(data) // 2 if at is None else at
        file.seek(at)
        file.write(bytes([data[at] ^ 0x10]))


class AdminCase(DurableCase):
    def setUp(self):
        super().setUp()
        self.needs(not self.broker_path.endswith("mosquitto"), "only Roost has this")

    def socket_path(self, server):
        return os.path.join(self.data_dir(server), "admin.sock")

    def ask(self, server, method, path, body=None):
        """(status, parsed JSON) of the admin API, whatever it answers."""
        connection = UnixHttp(self.socket_path(server))
        self.addCleanup(connection.close)
        connection.request(method, path, body)
        answer = connection.getresponse()
        self.assertEqual(answer.getheader("Content-Type"), "application/json")
        return answer.status, json.loads(answer.read())

    def run_ok(self, *parts, **more):
        done = self.roost_command(*parts, **more)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        return done.stdout

    def refused(self, code, *parts, **more):
        """What it says on stderr."""
        done = self.roost_command(*parts, **more)
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        self.assertEqual(done.stdout, "")
        return done.stderr

    def status(self, server):
        """As soon as it is ready: until then $SYS counts as retained."""
        def ready():
            shown = self.run_ok("status", "--data-dir", self.data_dir(server), "--json")
            return json.loads(shown) if json.loads(shown)["ready"] else None

        return until(ready, "a node that is ready")

    def inspect(self, data_dir, *options, code=0):
        done = self.roost_command("inspect", "--data-dir", data_dir, "--json", *options)
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        return json.loads(done.stdout)
