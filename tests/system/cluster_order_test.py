# SPDX-License-Identifier: Apache-2.0
"""The order of what one publisher sends to one topic, while a leader dies under it."""

from harness import wire
from support.cluster_case import ClusterCase

COUNT = 3000


class Order(ClusterCase):
    at_once = 2

    def numbers(self, client, qos):
        """What came, up to the last number; at QoS 1 what was sent again may come again."""
        came = []
        while not came or came[-1] != COUNT - 1:
            packet = client.receive(timeout=60)
            self.assertIsNotNone(packet, f"closed after {len(came)}")
            if packet.kind == "PUBREL":
                client.send(wire.pubcomp(4, packet.packet_id))
                continue
            made = wire.puback if packet.qos == 1 else wire.pubrec
            client.send(made(4, packet.packet_id))
            self.assertEqual(packet.qos, qos)
            if packet.dup and int(packet.payload) in came:
                continue
            came.append(int(packet.payload))
        return came

    def through_a_fail_over(self, qos):
        cluster = self.cluster()
        leader = cluster.leader_of("away")
        front, other = [node for node in cluster.nodes if node is not leader]
        self.offline(self.at(leader), "away", "count", qos)
        clean = self.client(self.at(other), "clean")
        clean.subscribe("count", qos)
        publisher = self.client(self.at(front), "p")
        ids = range(1, COUNT + 1)
        for packet_id in ids[:COUNT // 2]:
            publisher.send(wire.publish(4, "count", b"%d" % (packet_id - 1), qos, 0, 0, packet_id))
        first = publisher.expect("PUBACK" if qos == 1 else "PUBREC", timeout=60, packet_id=1)
        leader.kill()
        for packet_id in ids[COUNT // 2:]:
            publisher.send(wire.publish(4, "count", b"%d" % (packet_id - 1), qos, 0, 0, packet_id))
        self.assertEqual(self.numbers(clean, qos), list(range(COUNT)), "a clean session")
        if qos == 2:
            publisher.send(wire.pubrel(4, first.packet_id))
        self.await_acks(publisher, ids[1 if qos == 1 else 0:])
        self.eventually(lambda: cluster.leader_of("away") is not leader, "another leader")
        back = self.session(self.at(other), "away", present=1)
        self.assertEqual(self.numbers(back, qos), list(range(COUNT)), "a session that stays")
        cluster.check_no_crash()

    def test_at_qos_1(self):
        self.through_a_fail_over(1)

    def test_at_qos_2(self):
        self.through_a_fail_over(2)
