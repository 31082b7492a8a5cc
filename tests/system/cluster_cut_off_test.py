# SPDX-License-Identifier: Apache-2.0
"""Clean sessions when nodes don't hear each other: what was acknowledged comes, or they end."""

from harness import wire
from support.cluster_case import ClusterCase

PATIENCE_S = 60
LEASE_S = 60


class CutOff(ClusterCase):
    def begin(self, **more):
        cluster = self.cluster(**more)
        victim, one, _ = cluster.nodes
        subscriber = self.client(self.at(victim), "s")
        subscriber.subscribe("t", 1)
        quick = self.client(self.at(victim), "quick")
        quick.subscribe("t", 0)
        return cluster, subscriber, quick, self.client(self.at(one), "p")

    @staticmethod
    def publish_slowly(publisher, payload, seconds=PATIENCE_S):
        """The acknowledgement may take as long as a node is waited for."""
        packet_id = publisher.take_id()
        publisher.send(wire.publish(4, "t", payload, 1, packet_id=packet_id))
        publisher.expect("PUBACK", packet_id=packet_id, timeout=seconds)

    def until_dead(self, cluster, victim):
        self.eventually(lambda: any(node["name"] == victim.name and not node["alive"]
                                    for node in cluster.nodes[1].status()["nodes"]),
                        f"{victim.name} has lost its lease")

    def test_from_all(self):
        """Given up by the others: its clients may have missed messages, and are told so."""
        cluster, subscriber, quick, publisher = self.begin(lan=True)
        victim = cluster.nodes[0]
        cluster.lan.cut_off(victim.name)
        self.publish_slowly(publisher, b"missed")
        cluster.lan.heal()
        self.assertIsNone(subscriber.receive(timeout=PATIENCE_S), "the end of the connection")
        cluster.wait_until_well(3)
        subscriber = self.client(self.at(victim), "s")
        subscriber.subscribe("t", 1)
        self.publish_slowly(publisher, b"comes")
        self.assertEqual(subscriber.expect("PUBLISH", timeout=30).payload, b"comes")
        # Who has only QoS 0 was promised nothing, and stays.
        self.assertEqual(quick.expect("PUBLISH", timeout=30).payload, b"comes")

    def test_from_etcd_only(self):
        """It can be reached: it gets everything, and nobody ends."""
        cluster, subscriber, quick, publisher = self.begin(lan=True)
        victim = cluster.nodes[0]
        cluster.lan.partition(victim.name, cluster.etcd.names)
        self.until_dead(cluster, victim)
        payloads = [b"while it is dead", b"again"]
        for payload in payloads:
            self.publish_slowly(publisher, payload)
        cluster.lan.heal()
        cluster.wait_until_well(3)
        self.publish_slowly(publisher, b"after")
        for payload in [*payloads, b"after"]:
            packet = subscriber.expect("PUBLISH", timeout=30)
            self.assertEqual(packet.payload, payload)
            subscriber.acknowledge(packet)
            self.assertEqual(quick.expect("PUBLISH", timeout=30).payload, payload)

    def test_a_crash_is_seen_before_the_lease_ends(self):
        """Nobody listens at its address: leaders change, and publishers don't wait for it."""
        cluster, _, _, publisher = self.begin(config={"cluster": {"lease": f"{LEASE_S}s"}})
        victim, one, two = cluster.nodes
        watcher = self.client(self.at(two), "watcher")
        watcher.subscribe("avail", 1)
        self.client(self.at(victim), "d", will=wire.Will("avail", b"offline", 1))
        victim.kill()
        self.publish_slowly(publisher, b"nobody left", LEASE_S // 2)
        self.assertEqual(watcher.expect("PUBLISH", timeout=LEASE_S // 2).payload, b"offline")
        self.eventually(lambda: all(shard["leader"] in (one.name, two.name)
                                    for shard in one.status()["shards"]),
                        "other leaders", LEASE_S // 2)
