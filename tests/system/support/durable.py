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
                self.await_acks(client, ids)
                ids = []
        self.await_acks(client, ids)

    def await_acks(self, client, packet_ids):
        """The whole handshakes of QoS 1 and 2 for messages that were sent, as they come."""
        missing = set(packet_ids)
        while missing:
            packet = client.receive(timeout=30)
            self.assertIsNotNone(packet, f"closed before {sorted(missing)} were acknowledged")
            self.assertIn(packet.packet_id, missing, packet)
            self.assertLess(packet.code, 0x80, packet)
            if packet.kind == "PUBREC":
                client.send(wire.pubrel(client.v, packet.packet_id))
            else:
                missing.remove(packet.packet_id)

    def drain(self, server, client, topic):
        """Everything that waits for a connected client, acknowledged. A last message on `topic`,
        to which its session must be subscribed, marks the end."""
        end = f"end {time.monotonic_ns()}"
        self.publish(server.port, topic, end, "-q", "1")
        packets = []
        while True:
            packet = client.receive(timeout=30)
            self.assertIsNotNone(packet, f"closed after {len(packets)} messages")
            if packet.kind == "PUBREL":
                client.send(wire.pubcomp(client.v, packet.packet_id))
                continue
            make = wire.puback if packet.qos == 1 else wire.pubrec
            client.send(make(client.v, packet.packet_id))
            if packet.payload == end.encode():
                return packets
            packets.append(packet)

    def retained(self, server, folder):
        """{topic: payload} of what is retained below a folder."""
        client = self.client(server.port, f"look-{time.monotonic_ns()}")
        client.subscribe(f"{folder}/#", 1)
        # A live message waits behind the retained ones of its subscription. At QoS 0: no queue.
        client.send(wire.publish(4, f"{folder}/the/end", b"end"))
        found = {}
        while (packet := client.expect("PUBLISH", timeout=30)).topic != f"{folder}/the/end":
            client.acknowledge(packet)
            self.assertEqual(packet.retain, 1, packet)
            self.assertNotIn(packet.topic, found, "a retained message came twice")
            found[packet.topic] = packet.payload
        client.disconnect()
        return found

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
