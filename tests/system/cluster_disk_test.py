# SPDX-License-Identifier: Apache-2.0
"""A disk of one node that is full, or hangs: its shards are led elsewhere, and everything goes on."""

import os

from support.cluster import Cluster
from support.cluster_case import ClusterCase
from support.small_disk import SmallDisk
from support.sync_shim import SyncShim

DISK_BYTES = 384 << 20


class Disk(ClusterCase):
    def led_by(self, cluster, node):
        """Number of shards, as another node sees it."""
        other = next(one for one in cluster.running if one is not node)
        return next(one["leads"] for one in other.status()["nodes"] if one["name"] == node.name)

    def until_it_leads_nothing(self, cluster, node):
        self.eventually(lambda: self.led_by(cluster, node) == 0, f"{node.name} leads nothing")

    def fill_queue(self, cluster, node, payloads):
        """A session whose shard that node leads, with messages that wait for it."""
        client_id = cluster.key_led_by(node, "away")
        self.offline(self.at(cluster["n2"]), client_id, "home/#")
        publisher = self.client(self.at(cluster["n2"]), "before")
        self.publish_all(publisher, [("home/a", payload) for payload in payloads])
        publisher.publish("kept/a", b"value", 1, retain=1)
        return client_id, publisher


class Full(Disk):
    def test_of_a_leader(self):
        cluster = Cluster(self, config={"store": {"reserve_bytes": "8MiB"}})
        node = cluster["n1"]
        disk = SmallDisk(self, node.data_dir, DISK_BYTES)
        cluster.start()
        before = [b"before %d" % number for number in range(100)]
        client_id, publisher = self.fill_queue(cluster, node, before)
        filler = disk.fill()
        self.until_it_leads_nothing(cluster, node)
        publisher.publish("home/a", b"goes on", 1)
        # Reads go on, at the node with the full disk too.
        found = [packet.payload for packet in self.received(node, client_id, len(before) + 1)]
        self.assertEqual(found, [*before, b"goes on"])
        self.assertEqual(self.on_each(cluster, "kept"),
                         {name: {"kept/a": b"value"} for name in ("n1", "n2", "n3")})
        self.assertIsNone(node.process.poll(), node.log()[-2000:])
        os.remove(filler)
        cluster.wait_until_well(3)
        self.eventually(lambda: self.led_by(cluster, node) > 0, "it leads again", 120)
        cluster.check_no_crash()


class Hung(Disk):
    def test_of_a_leader(self):
        shim = SyncShim(self)
        cluster = self.cluster(env=shim.env)
        node = cluster["n1"]
        client_id, publisher = self.fill_queue(cluster, node, [b"before"])
        shim.say("hang", node.name)
        self.publish_all(publisher, [("home/a", b"goes on")])
        self.until_it_leads_nothing(cluster, node)
        found = self.received(cluster["n2"], client_id, 2)
        self.assertEqual([packet.payload for packet in found], [b"before", b"goes on"])
        shim.say("", node.name)
        cluster.wait_until_well(3)
        cluster.check_no_crash()
