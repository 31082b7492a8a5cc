# SPDX-License-Identifier: Apache-2.0
"""A shard that can't commit holds up who publishes to it, on whatever node: memory is bounded, and
nothing is lost when it goes on."""

import json
import select

from harness import wire
from support.cluster_case import ClusterCase

# Who is stopped stays alive for the others: nobody is elected or replaced meanwhile.
CONFIG = {"cluster": {"nodes": 4, "lease": "60s"}, "threads": 1,
          "mqtt": {"max_queued_bytes": "1GiB", "max_queued_bytes_total": "1GiB"}}
SIZE = 32 << 10
KEPT_MAX = 64 << 20     # of a core: PeerGate::kKeptBytesMax
BOUND = KEPT_MAX + (32 << 20)
STILL_S = 5             # nothing was taken for so long: the node doesn't read


class Pressure(ClusterCase):
    def replicas_of(self, cluster, key):
        """Leader, followers, and the node that holds no replica of the shard of a client id."""
        done = cluster.nodes[0].tool("cluster", "status", "--json", "--shard-of", key)
        number = json.loads(done.stdout)["shard"]
        shard = next(one for one in cluster.status()["shards"] if one["id"] == number)
        names = shard["in_sync"]
        self.assertEqual(len(names), 3, shard)
        outside = next(node for node in cluster.nodes if node.name not in names)
        return (cluster[shard["leader"]],
                [cluster[name] for name in names if name != shard["leader"]], outside)

    def fill(self, client, topic):
        """Publishes until the node has taken nothing for a while; how many messages it was given,
        and the rest of the last one."""
        client.sock.setblocking(False)
        number, rest = 0, b""
        while True:
            if not rest:
                payload = b"%08d" % number + bytes(SIZE - 8)
                rest = wire.publish(4, topic, payload, 1, 0, 0, number % 65535 + 1)
                number += 1
            if not select.select([], [client.sock], [], STILL_S)[1]:
                client.sock.settimeout(60)
                return number, rest
            rest = rest[client.sock.send(rest):]
            self.assertLess(number * SIZE, 4 * BOUND, "it takes whatever it is given")

    def test_reaches_the_publisher_on_another_node(self):
        cluster = self.cluster(nodes=4, config=CONFIG)
        leader, followers, front = self.replicas_of(cluster, "away")
        self.offline(self.at(leader), "away", "much/#")
        other = self.client(self.at(front), "other")
        publisher = self.client(self.at(front), "p")
        before = {node.name: node.resident_bytes() for node in (leader, front)}
        for node in followers:
            node.pause()
        count, rest = self.fill(publisher, "much/data")
        metrics = front.metrics()
        self.assertGreater(metrics["roost_publishers_paused_total"], 0)
        self.assertLess(metrics["roost_peer_kept_bytes"], KEPT_MAX + (4 << 20), "kept")
        self.assertGreater(metrics["roost_peer_kept_bytes"], KEPT_MAX - (4 << 20), "the bound")
        grown = {node.name: node.resident_bytes() - before[node.name] for node in (leader, front)}
        for name in grown:
            self.assertLess(grown[name], 2 * BOUND, f"{name} of {grown}, the leader first, "
                                                    f"{count * SIZE} bytes published")
        other.send(wire.pingreq())
        other.expect("PINGRESP", timeout=30)

        for node in followers:
            node.resume()
        publisher.sock.sendall(rest)
        self.await_acks(publisher, [number % 65535 + 1 for number in range(count)])
        back = self.session(self.at(front), "away", present=1)
        for number in range(count):
            packet = back.expect("PUBLISH", timeout=60, qos=1)
            self.assertEqual(int(packet.payload[:8]), number)
            back.acknowledge(packet)
        back.expect_nothing()
        self.eventually(lambda: front.metrics()["roost_peer_kept_bytes"] == 0, "all are confirmed")
        cluster.check_no_crash()
