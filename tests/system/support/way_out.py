# SPDX-License-Identifier: Apache-2.0
"""What tests of bridges and webhooks share: numbered messages, and who got which."""

import itertools
import json
import re
import threading
import time

from harness.client import Failure
from support.durable import DurableCase
from support.roost import until


class Receiver:
    """mosquitto_sub of a session that lasts; comes back by itself."""

    def __init__(self, case, port, topic, qos=1, client_id="receiver"):
        self.tool = case.tool("stdbuf", "-oL", "mosquitto_sub", "-d", "-p", port, "-t", topic, "-q",
                              qos, "-c", "-i", client_id, "-F", "got %p")
        self.tool.wait_for("^Subscribed ")

    def numbers(self):
        """As they came, repeats too."""
        while not self.tool.lines.empty():
            self.tool.line()
        lines = [line.decode() for line in self.tool.seen if line is not None]
        return [int(match[1]) for line in lines if (match := re.match(r"got (\d+)$", line))]


class Sender:
    """Publishes numbers, one by one, until stop(); goes on over lost connections."""

    def __init__(self, case, connect, topic, qos=1, pause_s=0.002):
        self.acknowledged = []
        self.connect, self.topic, self.qos, self.pause_s = connect, topic, qos, pause_s
        self.case = case
        self.is_over = self.has_moved = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        client, numbers = None, itertools.count()
        number = next(numbers)
        while not self.is_over:
            try:
                if self.has_moved:
                    self.has_moved, client = False, None
                client = client or self.connect()
                self.case.publish_all(client, [(self.topic, str(number).encode())], self.qos)
                self.acknowledged.append(number)
                number = next(numbers)
                time.sleep(self.pause_s)
            except (OSError, AssertionError, ValueError, Failure):
                client = None
                time.sleep(0.1)

    def move(self, connect):
        """Goes on over another connection; it is made and used when this returns."""
        self.connect, self.has_moved = connect, True
        until(lambda: not self.has_moved, "the message under way is acknowledged", 60)
        self.go_on(1)

    def go_on(self, count, seconds=60):
        """Until so many more are acknowledged."""
        wanted = len(self.acknowledged) + count
        until(lambda: len(self.acknowledged) >= wanted, f"{count} more acknowledged", seconds)

    def stop(self):
        self.is_over = True
        self.thread.join(40)


class Remote:
    """A remote by hand: its end of a connection, (kind, body) of each packet that comes."""

    def __init__(self, connection):
        self.connection = connection
        connection.settimeout(30)
        self.file = connection.makefile("rb")

    @classmethod
    def greeted(cls, listener, connack):
        """The next connection of a bridge, its CONNECT answered."""
        line = cls(listener.accept()[0])
        assert next(line)[0] == 1
        line.connection.sendall(connack)
        return line

    def __iter__(self):
        return self

    def __next__(self):
        kind, length, shift = self.file.read(1)[0] >> 4, 0, 0
        while True:
            byte = self.file.read(1)[0]
            length |= (byte & 0x7F) << shift
            if byte < 0x80:
                return kind, self.file.read(length)
            shift += 7

    def end(self, last):
        """It says this and is gone once the bridge has read it: its PUBREL is what comes next."""
        self.connection.sendall(last)
        assert any(kind == 6 for kind, _ in self)
        self.close()

    def close(self):
        self.file.close()
        self.connection.close()


class WayCase(DurableCase):
    def bridges(self, server, node=None):
        """{name: state} of one node's word."""
        _, body = self.api(server, "/api/v1/bridges")
        return {bridge["name"]: bridge for one in json.loads(body)["nodes"]
                if node is None or one["node"] == node for bridge in one["bridges"]}

    def api(self, server, path):
        done = self.command("curl", "-s", "-m", "10", "-w", "\n%{http_code}", "--unix-socket",
                            f"{self.data_dir(server)}/admin.sock", f"http://roost{path}")
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body

    def wait_until_bridged(self, server, name="cloud", seconds=30):
        def runs():
            try:
                return self.bridges(server)[name]["state"] == "running"
            except (ValueError, KeyError):
                return False

        until(runs, f"bridge {name} runs", seconds)

    def assert_all_there(self, acknowledged, receiver, seconds=60):
        """Each that was acknowledged came; first receipts are in order."""
        try:
            until(lambda: set(acknowledged) <= set(receiver.numbers()), "all there", seconds)
        except AssertionError:
            missing = sorted(set(acknowledged) - set(receiver.numbers()))
            self.fail(f"{len(missing)} of {len(acknowledged)} missing: {missing[:10]}")
        first = list(dict.fromkeys(receiver.numbers()))
        self.assertEqual(first, sorted(first))
