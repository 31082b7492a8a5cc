# SPDX-License-Identifier: Apache-2.0
"""What an operator of a cluster relies on: settings are checked, ready means ready, and the way out
when the nodes in sync are gone for good."""

from support.cluster_case import ClusterCase


class Settings(ClusterCase):
    at_once = 2

    def test_what_is_wrong_is_said_with_file_line_and_key(self):
        """Values first, then how they go together."""
        cluster = "cluster:\n  name: home\n"
        self.check(cluster + "  lease: 100ms\n", '3: cluster.lease is "100ms"; allowed is ')
        self.check(cluster + "node:\n  name: at/tic\netcd:\n  endpoints: one\n",
                   '4: node.name: is "at/tic"; allowed are ',
                   '6: etcd.endpoints: has "one"; allowed is ')
        self.check(cluster, '2: cluster.name: is "home", and a cluster needs etcd.endpoints')

    def check(self, text, *lines):
        path = f"{self.folder}/roost.yaml"
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        done = self.roost_command("serve", "--config", path)
        self.assertEqual(done.returncode, 2, done)
        for line in lines:
            self.assertIn(f"{path}:{line}", done.stderr)


class Ready(ClusterCase):
    at_once = 2

    def test_not_before_it_is_linked_with_all_and_knows_what_they_want(self):
        """A node that reaches etcd, but neither of the others, registers and serves nobody."""
        cluster = self.cluster(lan=True)
        n1, n2, n3 = cluster.nodes
        self.assertEqual(n3.stop(seconds=60), 0)
        subscriber = self.client(self.at(n1), "s")
        subscriber.subscribe("wanted/#", 0)
        cluster.lan.partition(["n3"], ["n1", "n2"])
        n3.start()
        self.eventually(lambda: any(node["name"] == "n3" and node["alive"] and not node["linked"]
                                    for node in n1.status()["nodes"]), "n3 has registered")
        self.assertFalse(n3.is_ready())
        self.assertFalse(n3.status()["joined"])
        cluster.lan.heal()
        n3.wait_until_ready()
        self.assertTrue(n3.status()["joined"])
        publisher = self.client(self.at(n3), "p")
        publisher.publish("wanted/at-once", "x", 0)
        self.assertEqual(subscriber.expect("PUBLISH", timeout=30).topic, "wanted/at-once")
        cluster.wait_until_well(3)
        cluster.check_no_crash()


class Metrics(ClusterCase):
    at_once = 2

    def test_of_the_links_and_of_the_cluster(self):
        cluster = self.cluster()
        n1, n2, _ = cluster.nodes
        subscriber = self.client(self.at(n2), "s")
        subscriber.subscribe("t", 0)
        before = n1.metrics()
        self.assertGreaterEqual(before["roost_link_sessions_total"], 2)
        publisher = self.client(self.at(n1), "p")
        publisher.publish("t", bytes(5000), 0)
        subscriber.expect("PUBLISH", timeout=30)
        name = 'roost_link_sent_bytes_total{lane="traffic"}'
        # An envelope counts when gRPC has taken it, which may be after it arrived.
        self.eventually(lambda: n1.metrics()[name] - before[name] >= 5000, "the bytes are counted")
        after = n1.metrics()
        for way in ("sent", "received"):
            for lane in ("replication", "traffic"):
                self.assertGreater(after[f'roost_link_chunks_{way}_total{{lane="{lane}"}}'], 0)
        self.assertEqual(after["roost_link_sessions_total"], before["roost_link_sessions_total"])
        self.assertEqual(after["roost_link_refused_hellos_total"], 0)
        self.assertEqual(after["roost_relays_broken_total"], 0)
        self.assertEqual(after["roost_takeovers_late_total"], 0)
        self.assertEqual(after["roost_cluster_feature_level"], 1)
        self.assertEqual(after["roost_cluster_nodes_linked"], 3)
        self.assertEqual(sum(node.metrics()["roost_cluster_shards_led"] for node in cluster.nodes),
                         64)


class ForcedLeader(ClusterCase):
    at_once = 2

    def stalled(self, node):
        return [shard["id"] for shard in node.status()["shards"] if shard["stalled"]]

    def test_a_cluster_whose_majority_is_gone_for_good_goes_on(self):
        cluster = self.cluster()
        one = cluster["n1"]
        self.offline(self.at(one), "away", "home/#")
        publisher = self.client(self.at(one), "p")
        self.publish_all(publisher, [(f"home/{number}", str(number)) for number in range(100)])
        publisher.publish("state", "kept", 1, retain=1)
        for name in ("n2", "n3"):
            cluster[name].kill()
            cluster[name].delete_disk()
        self.eventually(lambda: len(self.stalled(one)) == 64, "all shards stall")
        refused = one.tool("cluster", "force-leader", "0", "n1")
        self.assertEqual(refused.returncode, 2, "asks, and nobody is there")
        self.assertIn("lost", refused.stderr)
        self.assertEqual(len(self.stalled(one)), 64)
        for shard in range(64):
            done = one.tool("cluster", "force-leader", str(shard), "n1", "--yes")
            self.assertEqual(done.returncode, 0, done.stderr)
        for name in ("n2", "n3"):
            cluster[name].start().wait_until_ready()
        cluster.wait_until_well(3)
        for shard in one.status()["shards"]:
            self.assertGreaterEqual(shard["lineage"], 2, shard)

        after = self.client(self.at(cluster["n2"]), "q")
        after.publish("home/after", "x", 1)
        back = self.session(self.at(cluster["n3"]), "away", present=1)
        wanted = [f"home/{number}" for number in range(100)] + ["home/after"]
        found = []
        for _ in wanted:
            packet = back.expect("PUBLISH", timeout=30)
            back.acknowledge(packet)
            found.append(packet.topic)
        self.assertEqual(found, wanted)
        for node in cluster.nodes:
            look = self.client(self.at(node), f"look-{node.name}")
            look.subscribe("state", 1)
            self.assertEqual(look.expect("PUBLISH", timeout=30, retain=1).payload, b"kept")
        cluster.check_no_crash()
