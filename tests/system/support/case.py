# SPDX-License-Identifier: Apache-2.0
"""What every system test has at hand. Everything that it starts ends with it."""

import os
import shutil
import socket
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request
from pathlib import Path

from harness import wire
from harness.broker import free_port
from harness.client import Client, Failure
from support import reference
from support.certificates import Certificates
from support.roost import Roost, Server, until
from support.tool import Tool

HERE = Path(__file__).resolve().parent.parent
NODE_MODULES = HERE / "node_modules"


class SystemCase(unittest.TestCase):
    broker_path = None  # set by `run`
    maxDiff = None

    def setUp(self):
        self.folder = self.make_folder(prefix="roost-system-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    @staticmethod
    def make_folder(**where):
        """Readable by others: mosquitto, started as root, becomes another user."""
        folder = tempfile.mkdtemp(**where)
        os.chmod(folder, 0o755)
        return folder

    def needs(self, condition, why):
        if not condition:
            self.skipTest(why)

    # Servers

    def roost(self, listeners=None, start=True, prefix=(), env=None, **config):
        if reference.is_it(self.broker_path):
            ours = config or env or prefix or any(
                set(entry) & {"protocol", "proxy_protocol"} for entry in (listeners or {}).values())
            self.needs(not ours, "only Roost has this")
        folder = self.make_folder(dir=self.folder)
        server = Roost(self.broker_path, folder, listeners, config, env, prefix)
        self.addCleanup(server.kill)
        return server.start() if start else server

    def mosquitto(self, text, port):
        folder = self.make_folder(dir=self.folder)
        config = os.path.join(folder, "mosquitto.conf")
        with open(config, "w", encoding="utf-8") as out:
            out.write(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
                      f"log_dest stdout\n{text}")
        path = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self.needs(os.path.exists(path), "mosquitto is not installed")
        server = Server([path, "-c", config], folder, [("127.0.0.1", port)], "mosquitto")
        self.addCleanup(server.kill)
        return server.start()

    def free_port(self):
        return free_port()

    # Commands

    def command(self, *parts, stdin=None, seconds=30, env=None, cwd=None):
        """Runs a command to its end; its CompletedProcess with text output."""
        return subprocess.run([str(p) for p in parts], input=stdin, capture_output=True, text=True,
                              timeout=seconds, env=dict(os.environ, **(env or {})),
                              cwd=cwd or self.folder, check=False)

    def roost_command(self, *parts, **more):
        self.needs(not reference.is_it(self.broker_path), "only Roost has this")
        return self.command(self.broker_path, *parts, **more)

    def publish(self, port, topic, message, *options):
        """mosquitto_pub; it must succeed."""
        done = self.command("mosquitto_pub", "-h", "127.0.0.1", "-p", port, "-t", topic,
                            *(["-n"] if message is None else ["-m", message]), *options)
        self.assertEqual(done.returncode, 0, done.stderr)

    def tool(self, *parts, **more):
        tool = Tool([str(p) for p in parts], **more)
        self.addCleanup(tool.stop)
        return tool

    def subscriber(self, *options):
        """mosquitto_sub that has its SUBACK."""
        tool = self.tool("stdbuf", "-oL", "mosquitto_sub", "-d", *options)
        tool.wait_for("^Subscribed ")
        return tool

    def mqttjs(self):
        """A Node process that obeys JSON lines; see agent.mjs."""
        self.needs(shutil.which("node"), "node is not installed")
        self.needs(NODE_MODULES.exists(), "MQTT.js is not installed: npm ci in tests/system")
        return self.tool("node", HERE / "agent.mjs", cwd=str(HERE))

    # Raw connections

    def socket(self, address):
        """A connected TCP or Unix socket."""
        family = socket.AF_UNIX if isinstance(address, str) else (
            socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        sock = socket.socket(family)
        self.addCleanup(sock.close)
        sock.settimeout(15)
        sock.connect(address)
        return sock

    def raw(self, address, v=4, client_id="raw"):
        if isinstance(address, int):
            address = ("127.0.0.1", address)
        return Client(self.socket(address), v, client_id, [], f"[{client_id}]")

    def client(self, address, client_id, v=4, present=0, **more):
        """A connected client of our own."""
        c = self.raw(address, v, client_id)
        c.send(wire.connect(v, client_id, **more))
        c.expect("CONNACK", code=0, session_present=present)
        return c

    def until_in(self, address, client_id, v=5):
        """A client; the connection that looked whether the broker listens may be there yet."""
        def come():
            try:
                return self.client(address, client_id, v)
            except (Failure, OSError):
                return None
        return until(come, client_id, pause_s=0.2)

    # The rest

    def certificates(self):
        self.needs(shutil.which("openssl"), "openssl is not installed")
        return Certificates(self.folder)

    def wait_until_ready(self, http_port):
        """MQTT's ports are open a moment before HTTP's."""
        def is_ready():
            try:
                return self.http(http_port, "/readyz")[0] == 200
            except OSError:
                return False

        until(is_ready, "/readyz is 200")

    def http(self, port, path):
        """(status, body) of a GET."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=15) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
