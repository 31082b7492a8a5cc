# SPDX-License-Identifier: Apache-2.0
"""Messages that go between nodes in parts, through a fail-over: every byte, at QoS 2 each once."""

import hashlib
import os

from harness import wire
from support.cluster_case import ClusterCase

MIB = 1 << 20
SIZES = (MIB - 1, MIB, MIB + 1, 64 * MIB)
CONFIG = {"mqtt": {"max_packet_size": "80MiB", "max_queued_bytes": "1GiB",
                   "max_queued_bytes_total": "1GiB"}}
PATIENCE_S = 120


def content(size):
    """No part of it is like another."""
    block = os.urandom(MIB - 16)
    whole = b"".join(block + hashlib.md5(b"%d" % at).digest() for at in range(0, size, MIB))
    return whole[:size]


def digest(payload):
    return len(payload), hashlib.sha256(payload).hexdigest()


class Sender:
    """Publishes some messages and is through when each is acknowledged; connects again where it is
    sent off, and goes on as MQTT says."""

    def __init__(self, connect, qos, messages):
        self.connect, self.qos = connect, qos
        self.client = connect(0)
        self.open = {self.client.take_id(): message for message in messages}
        self.released = set()

    def send(self, dup=0):
        for packet_id, (topic, payload) in self.open.items():
            if packet_id in self.released:
                self.client.send(wire.pubrel(4, packet_id))
            else:
                self.client.send(wire.publish(4, topic, payload, self.qos, 1, dup, packet_id))

    def finish(self):
        while self.open:
            packet = self.client.receive(timeout=PATIENCE_S)
            if packet is None:
                self.client = self.connect(1)
                self.send(dup=1)
            elif packet.kind == "PUBREC":
                self.released.add(packet.packet_id)
                self.client.send(wire.pubrel(4, packet.packet_id))
            else:
                self.open.pop(packet.packet_id)


class Large(ClusterCase):
    def through_a_fail_over(self, qos, connect):
        """The leader of the subscriber's session is killed when the last byte has been sent;
        `connect`: how the publisher does, at a node that lives on."""
        cluster = self.cluster(config=CONFIG)
        leader = cluster.leader_of("away")
        front, other = [node for node in cluster.nodes if node is not leader]
        self.offline(self.at(leader), "away", "big/#", qos)
        wanted = {f"big/{size}": content(size) for size in SIZES}
        sender = Sender(lambda present: connect(cluster, leader, front, present), qos,
                        list(wanted.items()))
        sender.send()
        leader.kill()
        sender.finish()

        digests = {topic: digest(payload) for topic, payload in wanted.items()}
        back = self.session(self.at(other), "away", present=1)
        found = self.receive(back, qos, digests)
        self.assertEqual(found, digests)
        leader.start().wait_until_ready()
        cluster.wait_until_well(3)
        for node in cluster.nodes:
            self.assertEqual(self.kept(node, qos, len(SIZES)), digests, node.name)
        cluster.check_no_crash()

    def receive(self, client, qos, wanted):
        found = {}
        while len(found) < len(wanted):
            packet = client.expect("PUBLISH", timeout=PATIENCE_S, qos=qos)
            self.assertTrue(qos == 1 or packet.topic not in found, f"{packet.topic} came twice")
            found[packet.topic] = digest(packet.payload)
            client.acknowledge(packet)
        if qos == 2:
            client.expect_nothing()
        return found

    def kept(self, node, qos, count):
        look = self.client(self.at(node), f"look-{node.name}")
        look.subscribe("big/#", qos)
        found = {}
        for _ in range(count):
            packet = look.expect("PUBLISH", timeout=PATIENCE_S, retain=1)
            found[packet.topic] = digest(packet.payload)
            look.acknowledge(packet)
        look.disconnect()
        return found

    def clean(self, cluster, leader, front, present):
        self.assertEqual(present, 0, "its node lives, so it is never sent off")
        return self.client(self.at(front), "sender")

    def stays(self, cluster, leader, front, present):
        """Its session goes with the node that is killed."""
        if present == 0:
            self.sender_id = cluster.key_led_by(leader, "sender")
            return self.session(self.at(front), self.sender_id)

        def connected():
            try:
                return self.session(self.at(front), self.sender_id, present=1)
            except (AssertionError, OSError):
                return None

        return self.eventually(connected, "its session has a leader")

    def test_at_qos_1_from_a_clean_session(self):
        self.through_a_fail_over(1, self.clean)

    def test_at_qos_2_from_a_clean_session(self):
        self.through_a_fail_over(2, self.clean)

    def test_at_qos_1_from_a_session_that_stays(self):
        self.through_a_fail_over(1, self.stays)

    def test_at_qos_2_from_a_session_that_stays(self):
        self.through_a_fail_over(2, self.stays)
