# SPDX-License-Identifier: Apache-2.0
"""Three nodes are one broker. What happens to them when things go wrong: cluster_bad_days_test."""

import os
import signal
import subprocess
from pathlib import Path

from harness import wire
from harness.broker import free_base
from support.cluster import Cluster
from support.cluster_case import ClusterCase

EXAMPLE = Path(__file__).resolve().parents[2] / "deploy" / "examples" / "cluster" / "run"
EXAMPLE_PORTS = (1, 2, 3, 11, 12, 13, 21, 22, 23, 31, 32)  # from what its --ports says


class Forms(ClusterCase):
    at_once = 2

    def test_three_nodes_share_the_shards(self):
        cluster = self.cluster()
        status = cluster.status()
        self.assertEqual([node["name"] for node in status["nodes"]], ["n1", "n2", "n3"])
        self.assertEqual(len(status["shards"]), 64)
        for node in status["nodes"]:
            self.assertTrue(node["alive"] and node["linked"], node)
            self.assertEqual((node["holds"], node["in_sync"]), (64, 64))
            self.assertGreater(node["leads"], 10, "about a third each")
        self.assertEqual(sum(node["leads"] for node in status["nodes"]), 64)
        self.assertEqual((status["alarms"], status["note"]), ([], ""))
        self.assertEqual(status["joined"], True)
        for node in cluster.nodes:
            self.assertIn("All 64 shards are led and in sync.",
                          node.tool("cluster", "status").stdout)

    def test_five_nodes_lose_one(self):
        """Three copies each: not every node has every shard."""
        cluster = self.cluster(nodes=5, config={"cluster": {"nodes": 5}})
        held = {node["name"]: node["holds"] for node in cluster.status()["nodes"]}
        self.assertEqual(sum(held.values()), 3 * 64)
        self.assertEqual(len([name for name, shards in held.items() if 0 < shards < 64]), 5, held)
        self.offline(self.at(cluster["n1"]), "lamp", "home/#")
        publisher = self.client(self.at(cluster["n5"]), "p")
        leader = cluster.leader_of("lamp")
        publisher.publish("home/1", "before", 1)
        if leader.name == "n5":  # its own clients go with it
            publisher = self.client(self.at(cluster["n4"]), "q")
        leader.kill()
        self.publish_all(publisher, [("home/1", b"after")])
        node = next(node for node in cluster.running if node.name != "n1")
        self.assertEqual([packet.payload for packet in self.received(node, "lamp", 2)],
                         [b"before", b"after"])
        leader.start().wait_until_ready()
        cluster.wait_until_well(5)
        cluster.check_no_crash()

    def test_in_any_order_and_without_etcd_at_first(self):
        cluster = Cluster(self)
        for node in reversed(cluster.nodes):
            node.start()
        self.assertFalse(any(node.is_ready() for node in cluster.nodes), "not without etcd")
        cluster.etcd.start()
        for node in cluster.nodes:
            node.wait_until_ready()
        cluster.wait_until_well()

    def test_two_nodes_say_what_two_nodes_are(self):
        cluster = self.cluster(nodes=2, config={"cluster": {"nodes": 2}})
        sentence = "QoS 1 and 2 stop while one is away"
        self.assertIn(sentence, cluster.nodes[0].tool("cluster", "status").stdout)
        self.assertTrue(any(sentence in node.log() for node in cluster.nodes), "start message")

    def test_all_are_stopped_and_come_back(self):
        cluster = self.cluster()
        subscriber = self.session(self.at(cluster["n1"]), "lamp")
        subscriber.subscribe("home/#", 1)
        subscriber.disconnect()
        publisher = self.client(self.at(cluster["n2"]), "p")
        publisher.publish("home/1", "kept", 1)
        for node in cluster.nodes:
            self.assertEqual(node.stop(), 0)
        for node in cluster.nodes:
            node.start()
        for node in cluster.nodes:
            node.wait_until_ready()
        cluster.wait_until_well()
        self.assertEqual(self.received(cluster["n3"], "lamp", 1)[0].payload, b"kept")
        cluster.check_no_crash()


class Delivers(ClusterCase):
    at_once = 2

    def test_between_nodes_at_every_qos(self):
        """Clean sessions: each node to each, nothing twice."""
        cluster = self.cluster()
        subscribers = {}
        for node in cluster.nodes:
            subscribers[node.name] = self.client(self.at(node), f"s-{node.name}")
            subscribers[node.name].subscribe("all/#", 2)
        for node in cluster.nodes:
            publisher = self.client(self.at(node), f"p-{node.name}")
            for qos in (0, 1, 2):
                publisher.publish(f"all/{node.name}/{qos}", "x", qos)
        for subscriber in subscribers.values():
            topics = []
            while len(topics) < 9:
                packet = subscriber.receive(timeout=30)
                if packet.kind == "PUBREL":
                    subscriber.send(wire.pubcomp(4, packet.packet_id))
                    continue
                topics.append(packet.topic)
                subscriber.acknowledge(packet) if packet.qos < 2 else subscriber.send(
                    wire.pubrec(4, packet.packet_id))
            self.assertEqual(sorted(topics), sorted(f"all/{name}/{qos}" for name in subscribers
                                                    for qos in (0, 1, 2)))

    def test_after_a_suback_every_node_knows(self):
        cluster = self.cluster()
        publishers = [self.client(self.at(node), f"p-{node.name}") for node in cluster.nodes]
        for number in range(20):
            for node in cluster.nodes:
                subscriber = self.client(self.at(node), f"s{number}-{node.name}")
                subscriber.subscribe(f"new/{number}/{node.name}", 1)
                for publisher in publishers:
                    publisher.publish(f"new/{number}/{node.name}", publisher.client_id, 1)
                for _ in publishers:
                    subscriber.acknowledge(subscriber.expect("PUBLISH", timeout=30))
                subscriber.disconnect()

    def test_a_persistent_session_through_another_node_than_its_leader(self):
        cluster = self.cluster()
        leader = cluster.leader_of("lamp")
        front = cluster.follower_of("lamp")
        subscriber = self.session(self.at(front), "lamp")
        subscriber.subscribe("home/#", 1)
        publisher = self.client(self.at(leader), "p")
        for number in range(100):
            publisher.publish(f"home/{number}", str(number), 1)
        for number in range(100):
            packet = subscriber.expect("PUBLISH", timeout=30)
            self.assertEqual(packet.topic, f"home/{number}")
            subscriber.acknowledge(packet)
        subscriber.disconnect()
        publisher.publish("home/away", "waits", 1)
        self.assertEqual(self.received(leader, "lamp", 1)[0].topic, "home/away")

    def test_counted(self):
        cluster = self.cluster()
        load = self.load(cluster)
        load.go_on(3)
        figures = load.end()
        self.assertEqual((figures["lost_links"], figures["duplicated"]), (0, 0), figures)


class Retained(ClusterCase):
    at_once = 2

    TOPICS = 200  # in all shards

    def test_comes_from_all_leaders_once(self):
        """Whatever node a client subscribes at, with a clean session and with one that stays."""
        cluster = self.cluster()
        publisher = self.client(self.at(cluster["n1"]), "p")
        for number in range(self.TOPICS):
            publisher.publish(f"state/{number}", f"{number}", 1, retain=1)
        for node in cluster.nodes:
            for client in (self.client(self.at(node), f"clean-{node.name}"),
                           self.session(self.at(node), f"stays-{node.name}")):
                client.subscribe("state/+", 1)
                came = []
                while len(came) < self.TOPICS:
                    packet = client.expect("PUBLISH", timeout=30)
                    self.assertTrue(packet.retain)
                    client.acknowledge(packet)
                    came.append(packet.topic)
                self.assertEqual(len(set(came)), self.TOPICS)
                client.expect_nothing()
                client.subscribe("state/7", 1)
                self.assertEqual(client.expect("PUBLISH", timeout=30).payload, b"7")


class SurvivesTheLeader(ClusterCase):
    def test_everything_acknowledged_arrives_and_the_session_resumes(self):
        cluster = self.cluster()
        leader = cluster.leader_of("lamp")
        others = [node for node in cluster.nodes if node is not leader]
        self.offline(self.at(leader), "lamp", "home/#")
        publisher = self.client(self.at(others[0]), "p")
        self.publish_all(publisher, [(f"home/{number}", str(number)) for number in range(500)])
        leader.kill()
        self.eventually(lambda: cluster.leader_of("lamp") is not leader, "another leader")
        topics = [packet.topic for packet in self.received(others[1], "lamp", 500)]
        self.assertEqual(topics, [f"home/{number}" for number in range(500)])
        leader.start().wait_until_ready()
        cluster.wait_until_well(3)
        cluster.check_no_crash()

    def test_under_load(self):
        cluster = self.cluster()
        load = self.load(cluster)
        victim = cluster.leader_of("lamp")
        victim.kill()
        load.mark()
        load.wait_until_delivering()
        victim.start()
        cluster.wait_until_well(3)
        load.go_on(1)
        figures = load.end()
        self.assertEqual(figures["marks"], 1)

    def test_a_clean_session_elsewhere_doesnt_notice(self):
        cluster = self.cluster()
        victim, one, two = cluster.nodes
        subscriber = self.client(self.at(one), "s")
        subscriber.subscribe("t", 1)
        publisher = self.client(self.at(two), "p")
        victim.kill()
        self.eventually(lambda: not any(
            shard["leader"] in ("", victim.name) for shard in one.status()["shards"]),
            "new leaders")
        publisher.publish("t", "x", 1)
        subscriber.acknowledge(subscriber.expect("PUBLISH", timeout=30))


class Drains(ClusterCase):
    at_once = 2

    def test_hands_over_and_tells_clients_where_to_go(self):
        cluster = self.cluster(config={"drain": {"server_reference": "other.example:4002"}})
        node = cluster["n2"]
        new = self.client(self.at(node), "v5", v=5)
        self.assertEqual(node.tool("drain", seconds=60).returncode, 0)
        self.assertEqual(node.process.wait(5), 0)
        gone = new.expect("DISCONNECT", code=0x9C)
        self.assertEqual(gone.props.get("server_reference"), "other.example:4002")
        status = cluster.status()
        self.assertFalse([shard["id"] for shard in status["shards"]
                          if shard["leader"] in ("", "n2") or shard["stalled"]])


class Commands(ClusterCase):
    at_once = 2

    def test_leaders_move_away_and_a_node_is_emptied(self):
        cluster = self.cluster(nodes=4, config={"cluster": {"nodes": 4}})
        node = cluster["n4"]
        self.assertEqual(cluster["n1"].tool("cluster", "move-leaders", "n4").returncode, 0)
        self.eventually(lambda: self.of(cluster, "n4")["leads"] == 0, "n4 leads nothing")
        self.assertEqual(cluster["n1"].tool("cluster", "remove", "n4").returncode, 0)
        self.eventually(lambda: self.of(cluster, "n4")["holds"] == 0, "n4 holds nothing")
        self.assertEqual(cluster["n1"].metrics()["roost_cluster_nodes"], 4)
        self.assertEqual(node.stop(), 0)
        cluster.wait_until_well(3)
        self.eventually(lambda: cluster["n1"].metrics()["roost_cluster_nodes"] == 3, "n4 isn't missed")

    @staticmethod
    def of(cluster, name):
        return next(node for node in cluster["n1"].status()["nodes"] if node["name"] == name)

    def test_a_name_that_nobody_has_is_refused(self):
        cluster = self.cluster()
        for verb in ("remove", "move-leaders"):
            done = cluster["n1"].tool("cluster", verb, "n9")
            self.assertEqual(done.returncode, 1, done)
            self.assertIn("n9", done.stderr)


class Example(ClusterCase):
    """deploy/examples/cluster/run, as its README says."""

    def run_it(self, *words, code=0):
        done = subprocess.run(
            [EXAMPLE, *words, "--broker", self.broker_path, "--folder", self.folder + "/example",
             "--ports", str(self.base)], capture_output=True, text=True, timeout=180, check=False,
            cwd=self.folder)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def pids(self):
        """Of those that were started."""
        found = {}
        for name in ("n1", "n2", "n3", "etcd"):
            try:
                with open(f"{self.folder}/example/{name}/pid", encoding="ascii") as file:
                    found[name] = int(file.read())
            except (FileNotFoundError, ValueError):
                continue
        return found

    def test_starts_shows_a_crash_and_ends(self):
        self.base = free_base(EXAMPLE_PORTS)
        self.addCleanup(self.end)
        said = self.run_it()
        self.assertIn("All 64 shards are led and in sync.", said)
        self.assertIn("mosquitto_sub -p", said)
        self.assertIn("Nothing that was acknowledged is missing", self.run_it("demo"))
        self.run_it("kill", "2")
        self.assertIn("n2", self.run_it("status"))
        self.run_it("start", "2")
        pids = self.pids()
        self.assertEqual([name for name, pid in pids.items() if self.is_there(pid)],
                         ["n1", "n2", "n3", "etcd"])
        self.run_it("stop")
        for name, pid in pids.items():
            self.assertFalse(self.is_there(pid), f"{name} still runs")

    def is_there(self, pid):
        try:
            with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
                return self.folder in file.read()
        except OSError:
            return False

    def end(self):
        for pid in self.pids().values():
            if self.is_there(pid):
                os.kill(pid, signal.SIGKILL)
