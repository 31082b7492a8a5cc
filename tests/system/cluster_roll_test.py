# SPDX-License-Identifier: Apache-2.0
"""From this version to the next, node by node under load; back while its level isn't in force."""

import re

from support.cluster_case import ClusterCase
from support.next_version import next_version

LEVEL_LINES = r"shard (\d+): its log is at level 2"


class Rolls(ClusterCase):
    slow = True

    def run_as(self, cluster, node, program):
        """A restart of one node, as in a rolling restart, as another program."""
        self.assertEqual(node.stop(seconds=60), 0, node.log()[-2000:])
        node.command[0] = program
        node.start().wait_until_ready()
        cluster.wait_until_well(3)

    @staticmethod
    def levels(cluster):
        return [node.status()["feature_level"] for node in cluster.running]

    def noted_by(self, node):
        """Shards whose log has the record of the next version, by what the node applied."""
        return set(re.findall(LEVEL_LINES, node.log()))

    def test_forward_and_back_before_the_level_rose_and_forward(self):
        this, following = self.broker_path, next_version(self)
        cluster = self.cluster()
        load = self.load(cluster)
        n1, n2, n3 = cluster.nodes

        for node in (n1, n2):
            self.run_as(cluster, node, following)
        load.wait_until_delivering()
        load.go_on(8)  # all were there for longer than a level waits
        self.assertEqual(self.levels(cluster), [1, 1, 1], "n3 hasn't the next level")
        self.assertRegex(n1.log(), r"linked \(version .*, edition next\)", "a field of the next")
        self.assertNotRegex(n3.log(), "edition", "a field that it doesn't know is skipped")
        for node in (n1, n2):
            self.run_as(cluster, node, this)
        load.wait_until_delivering()
        self.assertEqual([self.noted_by(node) for node in cluster.nodes], [set()] * 3)

        for node in cluster.nodes:
            self.run_as(cluster, node, following)
        self.eventually(lambda: self.levels(cluster) == [2, 2, 2], "the level rises")
        for node in cluster.nodes:
            self.eventually(lambda node=node: len(self.noted_by(node)) == 64,
                            f"{node.name} has the new record of all shards")
        load.wait_until_delivering()

        self.assertEqual(n3.stop(seconds=60), 0)
        n3.command[0] = this
        n3.start()
        n3.wait_for_log("the cluster is at feature level 2, this program has 1: a newer one is "
                        "needed", 60)
        self.assertFalse(n3.is_ready())
        load.wait_until_delivering()
        self.assertFalse(n3.is_ready())
        self.assertEqual(self.levels(cluster)[:2], [2, 2], "never falls")
        self.run_as(cluster, n3, following)
        load.wait_until_delivering()
        load.end()
        cluster.check_no_crash()
        for node in cluster.nodes:
            self.assertNotRegex(node.log(), "this version doesn't know|can't be read", node.name)
