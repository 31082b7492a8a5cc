# SPDX-License-Identifier: Apache-2.0
"""Share groups are the cluster's: members anywhere, each message to one of them."""

import collections
import threading

from harness import wire
from harness.client import Failure
from support.cluster_case import ClusterCase

FILTER = "$share/crew/jobs/#"
GROUP = "crew/jobs/#"  # as its shard is found by


class Member:
    """Takes and acknowledges what comes, in a thread, until it is stopped or has no connection."""

    def __init__(self, client, acknowledges=True, held=None):
        self.client = client
        self.acknowledges = acknowledges
        self.held = held or set()  # QoS 2 ids that were not released yet; go on with the session
        self.got = collections.Counter()
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.stopped.is_set():
            try:
                packet = self.client.receive(timeout=0.2)
            except Failure:
                continue
            except (OSError, ValueError):  # closed
                return
            if packet is None:
                return
            if packet.kind == "PUBREL":
                self.held.discard(packet.packet_id)
                self.client.send(wire.pubcomp(self.client.v, packet.packet_id))
            elif packet.kind == "PUBLISH":
                if packet.qos < 2 or packet.packet_id not in self.held:
                    self.got[packet.payload.decode()] += 1
                if packet.qos == 2:
                    self.held.add(packet.packet_id)
                if packet.qos == 2 and self.acknowledges:
                    self.client.send(wire.pubrec(self.client.v, packet.packet_id))
                elif self.acknowledges:
                    self.client.acknowledge(packet)

    def stop(self):
        self.stopped.set()
        self.thread.join()
        return self


class Shared(ClusterCase):
    at_once = 2

    def clean(self, node, client_id, qos=2):
        client = self.client(self.at(node), client_id)
        client.subscribe(FILTER, qos)
        return Member(client)

    def lasting(self, node, client_id, qos=2, present=0, subscribes=True):
        client = self.session(self.at(node), client_id, present=present)
        if subscribes:
            client.subscribe(FILTER, qos)
        return Member(client)

    def publish(self, node, name, count, qos):
        """Acknowledged, each of them, when it returns."""
        publisher = self.client(self.at(node), name)
        messages = [(f"jobs/{number % 7}", f"{name}-{number}") for number in range(count)]
        if qos > 0:
            self.publish_all(publisher, messages, qos)
        else:
            for topic, payload in messages:
                publisher.publish(topic, payload, 0)
        return {payload for _, payload in messages}

    def until_known_as_away(self, cluster, *client_ids):
        """Their group hears of it from their shards, each after what a message behind it shows."""
        for client_id in client_ids:
            self.offline(self.at(cluster["n3"]), cluster.key_beside(client_id, "beside"), "behind")
        self.eventually(lambda: not any(node.metrics()["roost_clients_connected"]
                                        for node in cluster.nodes), "nobody is connected")
        self.client(self.at(cluster["n3"]), "w").publish("behind", "all", 1)
        self.eventually(lambda: not any(node.metrics()["roost_peer_kept_messages"]
                                        for node in cluster.nodes), "everybody has been told")

    def came(self, members):
        whole = collections.Counter()
        for member in members:
            whole.update(member.got)
        return whole

    def check_each_once(self, members, sent):
        try:
            self.eventually(lambda: sent <= self.came(members).keys(),
                            "every message has come to a member")
        except AssertionError:
            missing = sorted(sent - self.came(members).keys())
            raise AssertionError(f"{len(missing)} of {len(sent)} missing: {missing}") from None
        repeated = {payload: count for payload, count in self.came(members).items() if count > 1}
        self.assertEqual(repeated, {}, "to one member only")


class OneMemberInTheCluster(Shared):
    def test_at_every_qos_with_clean_sessions_on_all_nodes(self):
        cluster = self.cluster()
        members = [self.clean(node, f"m-{node.name}") for node in cluster.nodes]
        sent = set()
        for node in cluster.nodes:
            for qos in (0, 1, 2):
                sent |= self.publish(node, f"p{qos}-{node.name}", 60, qos)
        self.check_each_once(members, sent)
        for member in members:
            self.assertGreater(len(member.stop().got), len(sent) / 6, "about a third each")

    def test_at_every_qos_with_sessions_that_last(self):
        cluster = self.cluster()
        members = [self.lasting(node, f"m-{node.name}-{number}")
                   for node in cluster.nodes for number in range(2)]
        sent = set()
        for node in cluster.nodes:
            for qos in (0, 1, 2):
                sent |= self.publish(node, f"p{qos}-{node.name}", 60, qos)
        self.check_each_once(members, sent)
        for member in members:
            self.assertGreater(len(member.stop().got), len(sent) / 12, "about a sixth each")

    def test_two_groups_and_an_ordinary_subscriber_have_a_copy_each(self):
        cluster = self.cluster()
        crew = [self.clean(cluster["n1"], "m1"), self.lasting(cluster["n2"], "m2")]
        other = self.client(self.at(cluster["n3"]), "o")
        other.subscribe("$share/other/jobs/+", 1)
        plain = self.client(self.at(cluster["n1"]), "s")
        plain.subscribe("jobs/#", 1)
        copies = [crew, [Member(other)], [Member(plain)]]
        sent = self.publish(cluster["n2"], "p", 100, 1)
        for members in copies:
            self.check_each_once(members, sent)

    def test_who_leaves_gets_no_more_and_the_last_one_ends_it(self):
        cluster = self.cluster()
        first = self.client(self.at(cluster["n1"]), "m1")
        second = self.client(self.at(cluster["n2"]), "m2")
        for client in (first, second):
            client.subscribe(FILTER, 1)
        first.unsubscribe(FILTER)
        member = Member(second)
        sent = self.publish(cluster["n3"], "p", 50, 1)
        self.check_each_once([member], sent)
        first.expect_nothing()
        member.stop()
        second.unsubscribe(FILTER)
        self.publish(cluster["n3"], "q", 10, 1)
        second.expect_nothing()

    def test_waits_for_members_that_are_away(self):
        cluster = self.cluster()
        self.offline(self.at(cluster["n1"]), "m1", FILTER)
        self.offline(self.at(cluster["n2"]), "m2", FILTER)
        self.until_known_as_away(cluster, "m1", "m2")
        sent = self.publish(cluster["n3"], "p", 100, 1)
        members = [self.lasting(cluster["n3"], name, present=1, subscribes=False)
                   for name in ("m1", "m2")]
        self.check_each_once(members, sent)
        for member in members:
            self.assertEqual(len(member.got), 50, "in turn")

    def test_who_is_connected_comes_before_who_is_away(self):
        cluster = self.cluster()
        self.offline(self.at(cluster["n1"]), "away", FILTER)
        self.until_known_as_away(cluster, "away")
        member = self.clean(cluster["n2"], "here")
        sent = self.publish(cluster["n3"], "p", 50, 1)
        self.check_each_once([member], sent)


class GoesBack(Shared):
    def test_what_a_clean_member_didnt_acknowledge(self):
        """QoS 1 to another member; QoS 2 that was sent ends with its session."""
        cluster = self.cluster()
        first = self.client(self.at(cluster["n1"]), "m1")
        first.subscribe(FILTER, 2)
        holds = Member(first, acknowledges=False)
        once, exactly = (self.publish(cluster["n3"], f"p{qos}", 10, qos) for qos in (1, 2))
        self.eventually(lambda: once | exactly <= holds.got.keys(), "all were sent to it")
        second = self.clean(cluster["n2"], "m2")
        holds.stop()
        first.disconnect()
        self.check_each_once([second], once)
        later = self.publish(cluster["n3"], "later", 10, 2)
        self.check_each_once([second], once | later)
        self.assertFalse(exactly & second.got.keys(), "QoS 2 stays with its member")

    def test_what_waited_for_a_session_that_ends(self):
        cluster = self.cluster()
        self.offline(self.at(cluster["n1"]), "m1", FILTER)
        sent = self.publish(cluster["n3"], "p", 100, 1)
        second = self.lasting(cluster["n2"], "m2")
        self.client(self.at(cluster["n3"]), "m1").disconnect()  # a clean one: the other ends
        self.check_each_once([second], sent)


class SurvivesNodes(Shared):
    def others(self, cluster, node):
        return [other for other in cluster.nodes if other is not node]

    def wait_for_leaders(self, node, dead):
        self.eventually(lambda: not any(shard["leader"] in ("", dead.name)
                                        for shard in node.status()["shards"]), "new leaders")

    def test_the_groups_leader_dies(self):
        """Its members are remembered; what was acknowledged comes, QoS 2 once."""
        cluster = self.cluster()
        leader = cluster.leader_of(GROUP)
        others = self.others(cluster, leader)
        members = [self.clean(others[0], "clean0"), self.clean(others[1], "clean1"),
                   self.lasting(others[0], "stays0"), self.lasting(others[1], "stays1")]
        before = self.publish(others[0], "before", 200, 2)
        leader.kill()
        self.wait_for_leaders(others[0], leader)
        after = self.publish(others[1], "after", 200, 2)
        lasting = {member.client.client_id: member for member in members[2:]}

        def all_came():
            """Sessions whose leader died were sent off, and come back to what waits for them."""
            for name, member in lasting.items():
                if not member.thread.is_alive():
                    client = self.session(self.at(others[0]), name, present=1)
                    lasting[name] = Member(client, held=member.held)
                    members.append(lasting[name])
            return before | after <= self.came(members).keys()

        self.eventually(all_came, "every message has come to a member")
        self.check_each_once(members, before | after)
        leader.start().wait_until_ready()
        cluster.wait_until_well(3)
        cluster.check_no_crash()

    def test_a_node_with_clean_members_dies(self):
        """They are out of the group: nobody waits for them."""
        cluster = self.cluster()
        leader = cluster.leader_of(GROUP)
        others = self.others(cluster, leader)
        self.clean(others[0], "gone")
        stays = self.clean(others[1], "stays")
        others[0].kill()
        self.wait_for_leaders(leader, others[0])
        self.check_each_once([stays], self.publish(leader, "p", 100, 1))

    def test_a_node_with_a_lasting_member_dies(self):
        """It is passed over while others are there; what it hadn't acknowledged waits for it."""
        cluster = self.cluster()
        leader = cluster.leader_of(GROUP)
        others = self.others(cluster, leader)
        client = self.session(self.at(others[0]), "away")
        client.subscribe(FILTER, 1)
        holds = Member(client, acknowledges=False)
        sent = self.publish(leader, "first", 10, 1)
        self.eventually(lambda: sent <= holds.got.keys(), "all were sent to it")
        stays = self.clean(others[1], "stays")
        others[0].kill()
        self.wait_for_leaders(leader, others[0])

        def is_passed_over():
            probes = self.publish(leader, f"probe{len(sent)}", 4, 1)
            sent.update(probes)
            self.eventually(lambda: len(probes - stays.got.keys()) <= 2, "half of it or all")
            return probes <= stays.got.keys()

        self.eventually(is_passed_over, "the group knows that it is away")
        later = self.publish(leader, "later", 100, 1)
        self.check_each_once([stays], later)
        back = self.lasting(others[1], "away", present=1, subscribes=False)
        self.check_each_once([stays, back], sent | later)
        self.assertEqual(sorted(payload for payload in back.got if payload.startswith("first")),
                         sorted(f"first-{number}" for number in range(10)))

    def test_the_leader_dies_with_clean_members(self):
        cluster = self.cluster()
        leader = cluster.leader_of(GROUP)
        others = self.others(cluster, leader)
        self.clean(leader, "gone")
        stays = self.clean(others[1], "stays")
        leader.kill()
        self.wait_for_leaders(others[0], leader)
        self.check_each_once([stays], self.publish(others[0], "p", 100, 1))

    def test_all_are_stopped_and_come_back(self):
        cluster = self.cluster()
        self.offline(self.at(cluster["n1"]), "m1", FILTER)
        self.offline(self.at(cluster["n2"]), "m2", FILTER)
        sent = self.publish(cluster["n3"], "p", 50, 1)
        for node in cluster.nodes:
            self.assertEqual(node.stop(), 0)
        for node in cluster.nodes:
            node.start()
        for node in cluster.nodes:
            node.wait_until_ready()
        cluster.wait_until_well()
        sent |= self.publish(cluster["n2"], "q", 50, 1)
        members = [self.lasting(cluster["n3"], name, present=1, subscribes=False)
                   for name in ("m1", "m2")]
        self.check_each_once(members, sent)
