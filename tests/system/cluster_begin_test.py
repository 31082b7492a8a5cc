# SPDX-License-Identifier: Apache-2.0
"""A node that was alone becomes the first of three; one that comes back is ready when it has all."""

from support.cluster import Cluster
from support.cluster_case import ClusterCase
from support.roost import until


class Begins(ClusterCase):
    at_once = 2

    def idle(self, node, lives=2):
        """The node's data directory after lives by itself in which nobody came."""
        for _ in range(lives):
            self.assertEqual(self.roost(data_dir=node.data_dir, listeners=None).stop(), 0)
        killed = self.roost(data_dir=node.data_dir, listeners=None)
        killed.kill()

    def alone(self, node):
        """The node's data directory after a life by itself."""
        before = self.roost(data_dir=node.data_dir, listeners=None)
        url = f"mqtt://127.0.0.1:{before.port}"
        for number in range(20):
            done = self.roost_command("pub", "--url", url, "-t", f"home/{number}", "-m", "kept",
                                      "-r", "-q", "1")
            self.assertEqual(done.returncode, 0, done.stderr)
        done = self.roost_command("sub", "--url", url, "-t", "q/#", "-q", "1", "-c", "-i", "lamp",
                                  "-E")
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.roost_command("pub", "--url", url, "-t", "q/1", "-m", "waits", "-q", "1")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(before.stop(), 0)

    @staticmethod
    def wait_until_all_have_all(cluster):
        until(lambda: all(node["in_sync"] == 64 for node in cluster.status()["nodes"]),
              "every shard in sync on every node", 90)

    def test_with_the_data_of_the_one_that_has_some(self):
        cluster = Cluster(self)
        self.alone(cluster["n2"])
        self.idle(cluster["n2"], 3)  # epochs that no shard of a cluster has at its beginning
        cluster.start()
        self.assertEqual(cluster.status()["alarms"], [])
        for number in range(20):
            done = self.roost_command("sub", "--url", cluster["n1"].url, "-t", f"home/{number}",
                                      "-C", "1", "-W", "10")
            self.assertEqual(done.stdout, "kept\n", done.stderr)
        self.assertEqual([packet.payload for packet in self.received(cluster["n3"], "lamp", 1)],
                         [b"waits"])

    def test_of_nodes_that_ran_alone_and_kept_nothing(self):
        cluster = Cluster(self)
        for lives, node in enumerate(cluster.nodes, 1):
            self.idle(node, lives)
        cluster.start()
        self.assertEqual(cluster.status()["alarms"], [])
        self.wait_until_all_have_all(cluster)
        load = self.load(cluster)
        load.go_on(2)
        cluster["n1"].kill()
        load.go_on(3)
        cluster["n1"].start().wait_until_ready()
        load.end()

    def test_with_the_data_of_one_among_those_that_ran_alone(self):
        cluster = Cluster(self)
        self.idle(cluster["n1"], 3)
        self.idle(cluster["n2"], 1)
        self.alone(cluster["n3"])
        self.idle(cluster["n3"], 1)
        cluster.start()
        self.assertEqual(cluster.status()["alarms"], [])
        self.wait_until_all_have_all(cluster)
        cluster["n3"].kill()
        until(lambda: all(shard["leader"] in ("n1", "n2") for shard in cluster.status()["shards"]),
              "leaders among the others", 30)
        for node in ("n1", "n2"):
            done = self.roost_command("sub", "--url", cluster[node].url, "-t", "home/+",
                                      "-C", "20", "-W", "10")
            self.assertEqual(done.stdout, "kept\n" * 20, done.stderr)
        self.assertEqual([packet.payload for packet in self.received(cluster["n1"], "lamp", 1)],
                         [b"waits"])

    def test_but_not_with_the_data_of_two(self):
        cluster = Cluster(self)
        for name in ("n1", "n3"):
            self.alone(cluster[name])
        cluster.etcd.start()
        for node in cluster.nodes:
            node.start()

        def said():
            return any("n1, n3 bring data" in alarm for node in cluster.nodes
                       for alarm in (node.status() or {"alarms": []})["alarms"])

        until(said, "an alarm", 30)
        self.assertEqual(cluster.status()["shards"], [])
        cluster["n3"].stop()
        cluster["n3"].delete_disk()
        cluster["n3"].start()
        for node in cluster.nodes:
            node.wait_until_ready()
        cluster.wait_until_well()
        self.assertEqual([packet.payload for packet in self.received(cluster["n2"], "lamp", 1)],
                         [b"waits"])

    def test_who_comes_back_is_ready_when_it_is_in_sync(self):
        cluster = self.cluster()
        load = self.load(cluster)
        for node in cluster.nodes:
            node.kill()
            load.go_on(3)
            node.start().wait_until_ready()
            status = node.status()
            mine = next(one for one in status["nodes"] if one["name"] == node.name)
            self.assertEqual((mine["holds"], mine["in_sync"]), (64, 64))
        load.end()
