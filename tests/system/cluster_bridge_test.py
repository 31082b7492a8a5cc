# SPDX-License-Identifier: Apache-2.0
"""A bridge of three nodes: one of them runs it, another one when that is gone."""

import json
import signal

from support.cluster_case import ClusterCase
from support.roost import until
from support.way_out import Receiver, Sender, WayCase

SESSION = "$roost/bridge/cloud"


class ClusterBridge(ClusterCase, WayCase):
    at_once = 2

    def bridged(self, topics):
        port = self.free_port()
        self.mosquitto("user root\nmax_queued_messages 0\n", port)
        cluster = self.cluster(config={"bridges": [
            {"name": "cloud", "url": f"mqtt://127.0.0.1:{port}", "topics": topics,
             "retry_min": "100ms", "retry_max": "500ms"}]})
        self.wait_until_bridged(cluster.nodes[0])
        return cluster, port

    def states(self, node):
        """By node; none while it gives no whole answer."""
        _, body = self.api(node, "/api/v1/bridges")
        try:
            return {one["node"]: one["bridges"][0]["state"] for one in json.loads(body)["nodes"]}
        except (ValueError, LookupError):
            return {}

    def wait_until_bridged(self, server, name="cloud", seconds=60):
        until(lambda: "running" in self.states(server).values(), "the bridge runs", seconds)

    def test_one_runs_it_and_any_tells(self):
        cluster, _ = self.bridged(["a/# out 1"])
        leader = cluster.leader_of(SESSION)
        for node in cluster.nodes:
            wanted = {one.name: "running" if one is leader else "standby" for one in cluster.nodes}
            self.eventually(lambda node=node, wanted=wanted: self.states(node) == wanted,
                            f"{node.name} says {wanted}")
            self.assertEqual(node.metrics()['roost_bridge_connected{bridge="cloud"}'],
                             float(node is leader))

    def test_nothing_is_lost_over_a_kill_and_a_freeze(self):
        cluster, port = self.bridged(['a/# out 1 "" there/', 'b/# in 1 "" here/'])
        receiver = Receiver(self, port, "there/#")
        leader = cluster.leader_of(SESSION)
        self.offline_at(cluster.follower_of(SESSION), "device", "b/#")
        others = [node for node in cluster.nodes if node is not leader]
        out = Sender(self, lambda: self.client(self.at(others[0]), "out"), "a/1")
        into = Sender(self, lambda: WayCase.client(self, port, "into"), "here/b/1")
        out.go_on(100)
        into.go_on(100)
        leader.kill()
        out.go_on(100)
        into.go_on(100)
        self.wait_until_bridged(others[0])
        self.assertNotEqual(cluster.leader_of(SESSION), leader)
        leader.start()
        cluster.wait_until_well()
        leader = cluster.leader_of(SESSION)
        other = next(node for node in cluster.nodes if node is not leader)
        out.move(lambda: self.client(self.at(other), "out"))  # What it was at may lead now.
        leader.pause()
        out.go_on(50)
        leader.resume()
        into.go_on(50)
        out.stop()
        into.stop()
        self.assert_all_there(out.acknowledged, receiver)
        cluster.wait_until_well()
        device = Receiver(self, cluster.nodes[0].port, "b/#", client_id="device")
        self.assert_all_there(into.acknowledged, device)
        cluster.check_no_crash()

    def offline_at(self, node, client_id, topic_filter):
        client = self.session(self.at(node), client_id)
        client.subscribe(topic_filter, 1)
        client.disconnect()

    def test_a_drain_hands_it_over(self):
        cluster, port = self.bridged(['a/# out 1 "" there/'])
        receiver = Receiver(self, port, "there/#")
        leader = cluster.leader_of(SESSION)
        other = next(node for node in cluster.nodes if node is not leader)
        out = Sender(self, lambda: self.client(self.at(other), "out"), "a/1")
        out.go_on(50)
        self.assertEqual(leader.stop(signal.SIGTERM, 60), 0)
        self.wait_until_bridged(other)
        out.go_on(50)
        out.stop()
        self.assert_all_there(out.acknowledged, receiver)
        cluster.check_no_crash()
