# SPDX-License-Identifier: Apache-2.0
"""What tests of the store share: crashes, offline queues, retained values, metrics."""

import os
import random
import re
import time

from harness import wire
from support.case import SystemCase
from support.roost import until

FULL = os.environ.get("ROOST_FULL") == "1"
# The words for what a test must not find in a log.
CRASHED = "CHECK|Sanitizer|terminate called|Segmentation"
NEVER = 0xFFFFFFFF
HOUR_S = 3600


def seed():
    """ROOST_SEED repeats a run as far as timing lets it be repeated."""
    return int(os.environ.get("ROOST_SEED") or random.SystemRandom().randrange(1 << 32))


class DurableCase(SystemCase):
    slow = True

    def broker(self, listeners=None, start=True, prefix=(), env=None, **config):
        """A broker with metrics on; it never restarts on another port or folder."""
        self.http_port = self.free_port()
        config.setdefault("http", {"address": "127.0.0.1", "port": self.http_port})
        return self.roost(listeners, start, prefix, env, **config)

    def data_dir(self, server):
        return os.path.join(server.folder, "data")

    def crash(self, server, start=True):
        """kill -9, and up again on the same data."""
        self.assertIsNone(server.process.poll(), server.log()[-3000:])
        server.kill()
        if start:
            server.start()

    # Sessions

    def session(self, port, client_id, v=4, present=0, expiry_s=NEVER, **more):
        """A connected client with a session that lasts."""
        if v == 5:
            more["props"] = {"session_expiry": expiry_s, **(more.get("props") or {})}
        return self.client(port, client_id, v, present, clean=False, **more)

    def offline(self, port, client_id, topic_filter, qos=1, v=4, **more):
        """A session with one subscription and nobody there."""
        client = self.session(port, client_id, v, **more)
        client.subscribe(topic_filter, qos)
        client.disconnect()

    def publish_all(self, client, messages, qos=1, retain=0, window=100, props=None):
        """Pipelined; every message (topic, payload) is acknowledged when it returns."""
        ids = []
        for topic, payload in messages:
            ids.append(client.take_id())
            client.send(wire.publish(client.v, topic, payload, qos, retain, 0, ids[-1], props))
            if len(ids) == window:
                self._await_acks(client, ids, qos)
        self._await_acks(client, ids, qos)

    def _await_acks(self, client, ids, qos):
        while ids:
            packet = client.expect("PUBACK" if qos == 1 else "PUBREC", timeout=30)
            self.assertIn(packet.packet_id, ids)
            self.assertLess(packet.code, 0x80, packet)
            ids.remove(packet.packet_id)
            if qos == 2:
                client.send(wire.pubrel(client.v, packet.packet_id))
                client.answer("PUBCOMP", packet_id=packet.packet_id)

    def drain(self, server, client, topic="end/of/queue"):
        """Everything that waits for a connected client, in order of first arrival. Its session
        must be subscribed to `topic`, where a last message marks the end."""
        with_marker = self.client(server.port, f"marker-{time.monotonic_ns()}")
        with_marker.publish(topic, b"end", 1)
        with_marker.disconnect()
        return client.collect(topic)

    def retained(self, server, folder):
        """{topic: payload} of what is retained below a folder."""
        client = self.client(server.port, f"look-{time.monotonic_ns()}")
        client.subscribe(f"{folder}/#", 1)
        # A live message waits behind the retained ones of its subscription.
        client.send(wire.publish(4, f"{folder}/the/end", b"end", 1, packet_id=1))
        found = {}
        for packet in self._until_end(client, f"{folder}/the/end"):
            self.assertEqual(packet.retain, 1, packet)
            self.assertNotIn(packet.topic, found, "a retained message came twice")
            found[packet.topic] = packet.payload
        client.disconnect()
        return found

    def _until_end(self, client, topic):
        missing = {"PUBACK", "PUBLISH"}
        while missing:
            packet = client.receive(timeout=30)
            self.assertIsNotNone(packet, "closed before all retained messages came")
            if packet.kind == "PUBACK":
                missing.discard("PUBACK")
                continue
            if packet.qos:
                client.acknowledge(packet)
            if packet.topic == topic:
                missing.discard("PUBLISH")
            else:
                yield packet

    # What it says

    def metrics(self, port=None):
        """{name with labels: value}."""
        status, text = self.http(port or self.http_port, "/metrics")
        self.assertEqual(status, 200)
        return {name: float(value) for name, value in
                re.findall(r"^(\w+(?:\{[^}]*\})?) (\S+)$", text, re.MULTILINE)}

    def metric(self, name, **labels):
        """The sum of all series of that name that have these labels."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        return sum(value for series, value in self.metrics().items()
                   if series.split("{")[0] == name and all(w in series for w in wanted))

    def dropped(self):
        """{cause: count} of messages that were not delivered."""
        return {re.search(r'cause="(\w+)"', series)[1]: value
                for series, value in self.metrics().items()
                if series.startswith("roost_messages_dropped_total") and value}

    def until_metric(self, name, least, seconds=15, **labels):
        return until(lambda: self.metric(name, **labels) >= least, f"{name} {labels} >= {least}",
                     seconds, pause_s=0.05)

    def check_log(self, server):
        found = re.search(f".*({CRASHED}).*", server.log())
        self.assertIsNone(found, found and found[0])
