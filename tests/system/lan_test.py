# SPDX-License-Identifier: Apache-2.0
"""That the faults which cluster tests are made of are there: a Lan drops what it shall, etcd's
members come and go, nodes end and come back."""

import os
import subprocess

from support.case import SystemCase
from support.cluster import Cluster
from support.etcd import Etcd
from support.lan import Lan
from support.roost import until

SERVE = ("import socket,sys\n"
         "s = socket.create_server((sys.argv[1], 4000))\n"
         "print('open', flush=True)\n"
         "while True: s.accept()[0].close()\n")
REACH = ("import socket,sys\n"
         "socket.create_connection((sys.argv[1], 4000), timeout=float(sys.argv[2])).close()\n")
SOON_S, SILENCE_S = 10, 0.5


class Machines(SystemCase):
    def setUp(self):
        super().setUp()
        self.lan = Lan(self, ["a", "b", "c"])
        for name in "abc":
            server = self.tool(*self.lan.prefix(name), "python3", "-c", SERVE,
                               self.lan.address(name))
            server.wait_for("^open$")

    def reaches(self, source, target, seconds=SOON_S):
        """Whether a connection comes about; None: from here."""
        prefix = self.lan.prefix(source) if source else []
        return subprocess.run([*prefix, "python3", "-c", REACH, self.lan.address(target),
                               str(seconds)], capture_output=True, check=False).returncode == 0

    def test_all_reach_all(self):
        for source in ("a", "b", None):
            self.assertTrue(self.reaches(source, "c"), source)

    def test_a_partition_is_between_the_two_only(self):
        self.lan.partition("a", ["b"])
        self.assertFalse(self.reaches("a", "b", SILENCE_S))
        self.assertFalse(self.reaches("b", "a", SILENCE_S))
        for source, target in (("a", "c"), ("c", "a"), ("b", "c"), (None, "a"), (None, "b")):
            self.assertTrue(self.reaches(source, target), (source, target))
        self.lan.heal()
        self.assertTrue(self.reaches("a", "b"))
        self.assertTrue(self.reaches("b", "a"))

    def test_one_way_only(self):
        """b hears a and can't answer: seen on datagrams, which need no answer."""
        self.lan.one_way("b", "a")
        self.assertFalse(self.reaches("a", "b", SILENCE_S))
        receive = ("import socket,sys\n"
                   "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                   "s.bind((sys.argv[1], 4001))\n"
                   "print('open', flush=True)\n"
                   "print(s.recv(9).decode(), flush=True)\n")
        send = ("import socket,sys\n"
                "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                "s.sendto(b'heard', (sys.argv[1], 4001))\n")
        b = self.tool(*self.lan.prefix("b"), "python3", "-c", receive, self.lan.address("b"))
        b.wait_for("^open$")
        self.command(*self.lan.prefix("a"), "python3", "-c", send, self.lan.address("b"))
        b.wait_for("^heard$")

    def test_cut_off_from_machines_but_not_from_clients(self):
        self.lan.cut_off("c")
        self.assertFalse(self.reaches("a", "c", SILENCE_S))
        self.assertTrue(self.reaches(None, "c"))

    def test_a_cable_that_is_pulled(self):
        self.lan.pull_cable("a")
        self.assertFalse(self.reaches(None, "a", SILENCE_S))
        self.lan.pull_cable("a", out=False)
        until(lambda: self.reaches(None, "a", 1), "a is back")


class Members(SystemCase):
    def test_three_elect_another_leader(self):
        etcd = Etcd(self, 3).start()
        first = etcd.leader()
        etcd.kill(first)
        until(lambda: etcd.leader() != first, "another one leads", 30)
        self.assertEqual(etcd.control("put", "a", "1").returncode, 0)
        etcd.start()
        self.assertIn("\n1\n", etcd.control("get", "a").stdout)


class Processes(SystemCase):
    """What the harness does to nodes; they need not be joined for that."""

    def test_a_disk_that_is_deleted_is_another_store(self):
        cluster = Cluster(self, nodes=1)
        cluster.etcd.start()
        node = cluster.nodes[0].start().wait_until_ready()
        self.assertTrue(os.path.exists(os.path.join(node.data_dir, "roost.pid")))
        node.pause()
        self.assertEqual(cluster.running, [])
        node.resume()
        node.kill()
        self.assertFalse(node.is_running)
        node.delete_disk()
        self.assertFalse(os.path.exists(node.data_dir))
        node.start().wait_until_ready()
        self.assertIn("roost_connections_open", node.metrics())

    def test_what_is_not_well_is_said(self):
        node = {"name": "a", "alive": True, "linked": True}
        shard = {"id": 1, "well": True, "trouble": ""}
        well = {"nodes": [node], "shards": [shard]}
        self.assertEqual(Cluster.trouble(well, 1), "")
        self.assertIn("no node answers", Cluster.trouble(None, 1))
        self.assertIn("of 2 nodes", Cluster.trouble(well, 2))
        self.assertIn("of 1 nodes", Cluster.trouble({**well, "nodes": [{**node, "linked": False}]},
                                                     1))
        self.assertIn("no shards", Cluster.trouble({**well, "shards": []}, 1))
        sick = {**shard, "well": False, "trouble": "no leader"}
        self.assertIn("no leader", Cluster.trouble({**well, "shards": [shard, sick]}, 1))
