# SPDX-License-Identifier: Apache-2.0
"""What an acknowledgement promises, by the listener: that all nodes in sync have the message, or
that its shard's leader has."""

from harness import wire
from support.cluster_case import ClusterCase

# Who is stopped stays alive for the others: nobody is elected or replaced meanwhile.
CONFIG = {"cluster": {"lease": "60s"}}
LISTENERS = {"quorum": {}, "local": {"ack": "local"}}


class Acknowledges(ClusterCase):
    at_once = 2

    def test_local_when_the_leader_has_it_and_quorum_when_the_others_have(self):
        cluster = self.cluster(config=CONFIG, listeners=LISTENERS)
        one, two, three = cluster.nodes
        # Elsewhere a leader that stands still might have filters that nobody knows of.
        for node in (two, three):
            self.assertEqual(one.tool("cluster", "move-leaders", node.name).returncode, 0)
        self.eventually(lambda: one.status()["nodes"][0]["leads"] == 64, "n1 leads all")
        cluster.wait_until_well(3)
        self.offline(self.at(one), "away", "home/#", 2)
        clients = {name: self.client((one.host, one.ports[name]), name) for name in LISTENERS}

        for node in (two, three):
            node.pause()
        for name, client in clients.items():
            client.send(wire.publish(4, f"home/{name}", b"x", 1, 0, 0, 7))
        clients["local"].expect("PUBACK", timeout=30, packet_id=7)
        clients["local"].send(wire.publish(4, "home/local", b"y", 2, 0, 0, 8))
        clients["local"].expect("PUBREC", timeout=30, packet_id=8)
        clients["quorum"].expect_nothing()
        self.assertEqual(one.metrics()["roost_peer_kept_messages"], 3, "nothing is committed")

        for node in (two, three):
            node.resume()
        clients["quorum"].expect("PUBACK", timeout=30, packet_id=7)
        clients["local"].send(wire.pubrel(4, 8))
        clients["local"].expect("PUBCOMP", timeout=30, packet_id=8)
        back = self.session(self.at(two), "away", present=1)
        came = []
        for _ in range(3):
            packet = back.expect("PUBLISH", timeout=30)
            back.acknowledge(packet)
            came.append((packet.topic, packet.payload))
        self.assertEqual(sorted(came), [("home/local", b"x"), ("home/local", b"y"),
                                        ("home/quorum", b"x")])
        self.assertEqual([payload for topic, payload in came if topic == "home/local"],
                         [b"x", b"y"])
        cluster.check_no_crash()
