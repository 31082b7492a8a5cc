# SPDX-License-Identifier: Apache-2.0
"""A webhook of three nodes: what it is owed comes, whoever dies."""

from support.cluster_case import ClusterCase
from support.roost import until
from support.way_out import Sender
from webhook_test import HookCase, Service

SESSION = "$roost/webhook/orders"


class ClusterWebhook(ClusterCase, HookCase):
    at_once = 2

    def hooked_cluster(self, service, **more):
        cluster = self.cluster(config={"webhooks": [self.hook(service, **more)]})
        self.wait_until_hooked(cluster.nodes[0])
        return cluster

    def test_one_runs_it_and_any_tells(self):
        cluster = self.hooked_cluster(Service(self), filters=["a"])
        leader = cluster.leader_of(SESSION)
        for node in cluster.nodes:
            self.assertEqual({name: one["state"] for name, one in self.webhooks(node).items()},
                             {one.name: "running" if one is leader else "standby"
                              for one in cluster.nodes})

    def test_no_message_is_lost_over_a_fail_over(self):
        service = Service(self)
        cluster = self.hooked_cluster(service, filters=["a"])
        for _ in range(2):
            leader = cluster.leader_of(SESSION)
            other = next(node for node in cluster.nodes if node is not leader)
            sender = Sender(self, lambda node=other: self.client(self.at(node), "sender"), "a")
            sender.go_on(100)
            leader.kill()
            sender.go_on(100)
            sender.stop()
            wanted = set(sender.acknowledged)
            until(lambda w=wanted: w <= set(service.numbers()), "all there", 60)
            self.wait_until_hooked(other)
            leader.start()
            cluster.wait_until_well()
            service.batches.clear()
        self.assertEqual(service.faults, [])
        cluster.check_no_crash()

    def test_a_killed_node_s_clients_are_told_of(self):
        """Those with a session that lasts: whoever leads it now tells. Each that had its CONNACK
        was told of before it."""
        service = Service(self)
        cluster = self.hooked_cluster(service, events=["client.connected", "client.disconnected"])
        victim = cluster.leader_of(SESSION)
        ids = [f"lamp{n}" for n in range(30)]
        clients = [self.session(self.at(victim), name) for name in ids]
        victim.kill()
        for kind in ("client.connected", "client.disconnected"):
            until(lambda k=kind: {event["client"] for event in service.told(k)} >= set(ids),
                  f"{kind} of all", 60)
        self.assertEqual(len(clients), 30)
        cluster.check_no_crash()

    def test_sessions_that_expire_while_a_leader_dies(self):
        service = Service(self)
        cluster = self.hooked_cluster(service, events=["session.expired"])
        node = cluster.follower_of(SESSION)
        ids = [f"brief{n}" for n in range(30)]
        for name in ids:
            client = self.session(self.at(node), name, 5, expiry_s=3)
            client.disconnect()
        cluster.leader_of(SESSION).kill()
        until(lambda: {event["client"] for event in service.events} >= set(ids), "all of them", 60)
        cluster.check_no_crash()
