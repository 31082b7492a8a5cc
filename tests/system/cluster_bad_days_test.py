# SPDX-License-Identifier: Apache-2.0
"""Bad days of a cluster, by seed: nodes, disks, networks, etcd go away while `roost bench verify`
accounts for every message. ROOST_FULL=1 plays all rounds, ROOST_SEED=N the same ones again;
ROOST_ROUNDS=FILE gets a line of JSON for each round, from which the table in the README is made."""

import json
import os
import statistics
import time

from harness import wire
from support.cluster_case import ClusterCase
from support.durable import FULL
from support.sync_shim import SyncShim

ROUNDS_FILE = os.environ.get("ROOST_ROUNDS")
PUBLISHER_PAUSE_S = 2.0 if FULL else 10.0  # of a rolling restart
STATES = {f"state/{number}": f"value {number}".encode() for number in range(50)}


def rounds(full, small):
    return full if FULL else small


class BadDay(ClusterCase):
    """A test is one kind of day: some rounds on one cluster."""

    def setUp(self):
        super().setUp()
        self.dice = self.random()
        self.recoveries = []

    def begin(self, **more):
        cluster = self.cluster(**more)
        publisher = self.client(self.at(cluster.nodes[0]), "states")
        self.publish_all(publisher, STATES.items(), retain=1)
        publisher.disconnect()
        return cluster

    def play(self, cluster, day, count, events):
        """`count` rounds of load; events(cluster, load) is what happens in each."""
        for number in range(count):
            try:
                self.play_round(cluster, day, number, events)
            except AssertionError as error:
                raise AssertionError(f"{day}, round {number}, ROOST_SEED={self.seed}: {error}\n"
                                     f"{cluster.logs()}") from None
        if self.recoveries:
            print(f"{day}: until all subscribers had messages again: median "
                  f"{statistics.median(self.recoveries):.0f} ms, "
                  f"worst {max(self.recoveries):.0f} ms "
                  f"of {len(self.recoveries)}", flush=True)

    def play_round(self, cluster, day, number, events):
        load = self.load(cluster)
        load.go_on(self.dice.randrange(1, 3))
        events(cluster, load)
        cluster.wait_until_well(len(cluster.nodes))
        load.wait_until_delivering()
        self.note_round(day, number, load.end())
        self.check_retained(cluster, "state", STATES)
        cluster.check_no_crash()

    def note_round(self, day, number, figures):
        if figures["marks"]:
            self.recoveries.append(figures["recovery_ms_max"])
        if ROUNDS_FILE:
            with open(ROUNDS_FILE, "a", encoding="utf-8") as out:
                out.write(json.dumps({"day": day, "round": number, "seed": self.seed, **figures})
                          + "\n")

    def someone(self, cluster):
        return self.dice.choice(cluster.nodes)


class Crashes(BadDay):
    def kill_one(self, cluster, load, without_disk=False):
        victim = self.someone(cluster)
        victim.kill()
        load.mark()
        load.wait_until_delivering()
        if without_disk:
            victim.delete_disk()
        victim.start()

    def test_kill_9(self):
        self.play(self.begin(), "kill -9 of a node", rounds(50, 3), self.kill_one)

    def test_kill_9_and_the_disk_is_gone(self):
        self.play(self.begin(), "kill -9, disk deleted", rounds(20, 1),
                  lambda cluster, load: self.kill_one(cluster, load, without_disk=True))

    def test_a_second_node_after_the_first_is_back(self):
        def events(cluster, load):
            first, second = self.dice.sample(cluster.nodes, 2)
            first.kill()
            load.wait_until_delivering()
            first.start()
            cluster.wait_until_well(3)
            second.kill()
            load.mark()
            load.wait_until_delivering()
            second.start()

        self.play(self.begin(), "a second node, the first in sync again", rounds(10, 1), events)

    def test_a_second_node_before_the_first_is_back(self):
        """One node left: shards stall and say so; its clean sessions go on with QoS 0, and all goes
        on by itself when one returns. A CONNECT is refused meanwhile: who else has that client id
        is known by the leader of its shard only."""
        cluster = self.begin()
        first, second, left = cluster.nodes
        self.offline(self.at(left), "away", "kept")
        subscriber, publisher = (self.client(self.at(left), name) for name in ("s", "p"))
        subscriber.subscribe("volatile", 0)
        load = self.load(cluster)
        first.kill()
        second.kill()
        self.eventually(lambda: all(shard["stalled"] for shard in left.status()["shards"]),
                        "every shard says that it is stalled")
        self.assertEqual(left.metrics().get("roost_cluster_shards_stalled"), 64)
        publisher.send(wire.publish(4, "kept", b"stalls", 1, packet_id=77))
        publisher.publish("volatile", "goes on", 0)
        self.assertEqual(subscriber.expect("PUBLISH", timeout=30).payload, b"goes on")
        publisher.expect_nothing()  # no PUBACK
        late = self.raw(self.at(left), 4, "late")
        late.send(wire.connect(4, "late"))
        late.expect("CONNACK", code=3, timeout=30)
        load.mark()
        first.start()
        publisher.expect("PUBACK", packet_id=77, timeout=60)
        load.wait_until_delivering()
        self.assertEqual(self.received(left, "away", 1)[0].payload, b"stalls")
        second.start()
        cluster.wait_until_well(3)
        self.note_round("two nodes away at once", 0, load.end())
        self.check_retained(cluster, "state", STATES)
        cluster.check_no_crash()

    def test_all_at_once(self):
        def events(cluster, load):
            for node in cluster.nodes:
                node.kill()
            load.mark()
            for node in self.dice.sample(cluster.nodes, 3):
                node.start()

        self.play(self.begin(), "all nodes killed at once", rounds(10, 1), events)


class Silence(BadDay):
    def test_a_node_sleeps_for_10_s(self):
        def events(cluster, load):
            victim = self.someone(cluster)
            victim.pause()
            load.mark()
            time.sleep(10)  # the fault itself
            victim.resume()

        self.play(self.begin(), "SIGSTOP for 10 s", rounds(10, 1), events)

    def partitioned(self, cut, day, count):
        def events(cluster, load):
            cut(cluster, self.someone(cluster))
            load.mark()
            load.go_on(10)
            cluster.lan.heal()

        self.play(self.begin(lan=True), day, count, events)

    def test_a_node_is_cut_off_from_all(self):
        self.partitioned(lambda cluster, victim: cluster.lan.cut_off(victim.name),
                         "a node cut off", rounds(10, 1))

    def test_a_node_is_heard_but_hears_nobody(self):
        def cut(cluster, victim):
            for name in cluster.lan.names:
                if name != victim.name:
                    cluster.lan.one_way(name, victim.name)

        self.partitioned(cut, "a node hears nobody", rounds(10, 1))

    def test_a_node_is_cut_off_from_etcd_only(self):
        self.partitioned(lambda cluster, victim: cluster.lan.partition(victim.name,
                                                                       cluster.etcd.names),
                         "a node cut off from etcd", rounds(10, 1))

    def test_two_nodes_dont_hear_each_other(self):
        def cut(cluster, victim):
            other = next(node for node in cluster.nodes if node is not victim)
            cluster.lan.partition(victim.name, other.name)

        self.partitioned(cut, "two nodes don't hear each other", rounds(10, 1))


class Etcds(BadDay):
    def test_its_leader_is_killed(self):
        def events(cluster, load):
            victim = cluster.etcd.leader()
            cluster.etcd.kill(victim)
            load.mark()
            load.go_on(5)
            cluster.etcd.start()

        self.play(self.begin(etcd=3), "etcd's leader killed", rounds(10, 1), events)

    def test_all_of_it_is_gone_for_a_while(self):
        """Traffic goes on; nobody is elected, nobody needs to be."""
        def events(cluster, load):
            cluster.etcd.kill()
            load.mark()
            load.go_on(rounds(60, 10))
            for node in cluster.nodes:
                self.assertEqual(node.metrics()["roost_cluster_coordinator_reached"], 0, node.name)
            cluster.etcd.start()
            self.eventually(lambda: all(node.metrics()["roost_cluster_coordinator_reached"] == 1
                                        for node in cluster.nodes), "etcd is reached")

        self.play(self.begin(), "etcd gone", rounds(3, 1), events)


class Disks(BadDay):
    def begin_with_shims(self):
        self.shim = SyncShim(self)
        return self.begin(env=self.shim.env)

    def sick(self, word, seconds, day):
        def events(cluster, load):
            victim = self.someone(cluster)
            self.shim.say(word, victim.name)
            load.mark()
            load.go_on(seconds)
            load.wait_until_delivering()  # while it is so
            self.shim.say("", victim.name)

        self.play(self.begin_with_shims(), day, rounds(10, 1), events)

    def test_slow_on_one_node(self):
        self.sick("delay 300", 5, "a disk that takes 300 ms for an fsync")

    def test_too_slow_on_one_node(self):
        """Longer than it may take to stay in sync."""
        self.sick("delay 1800", 10, "a disk that takes 1.8 s for an fsync")

    def test_hung_on_one_node(self):
        self.sick("hang", 10, "a disk that hangs")


class Planned(BadDay):
    def test_rolling_restart(self):
        cluster = self.begin()
        for number in range(rounds(5, 1)):
            load = self.load(cluster, qos="1")
            for node in cluster.nodes:
                done = node.tool("drain", seconds=120)
                self.assertEqual(done.returncode, 0, done.stderr)
                node.process.wait(10)
                node.start().wait_until_ready()
                cluster.wait_until_well(3)
            load.wait_until_delivering()
            figures = load.end()
            self.note_round("rolling restart", number, figures)
            self.assertLess(figures["ack_pause_ms"], PUBLISHER_PAUSE_S * 1000, figures)
        self.check_retained(cluster, "state", STATES)
        cluster.check_no_crash()

    def test_a_node_joins_and_another_leaves(self):
        cluster = self.begin()
        load = self.load(cluster)
        cluster.join("n4").wait_until_ready()
        cluster.wait_until_well(4)
        self.eventually(lambda: self.of(cluster, "n4")["leads"] > 8, "n4 leads its part")
        self.assertEqual(cluster["n1"].tool("cluster", "remove", "n2").returncode, 0)
        self.eventually(lambda: self.of(cluster, "n2")["holds"] == 0, "n2 holds nothing", 120)
        self.assertEqual(cluster["n2"].stop(), 0)
        cluster.wait_until_well(3)
        load.wait_until_delivering()
        self.note_round("a node joins, another leaves", 0, load.end())
        self.check_retained(cluster, "state", STATES)
        cluster.check_no_crash()

    @staticmethod
    def of(cluster, name):
        return next(node for node in cluster["n1"].status()["nodes"] if node["name"] == name)
