# SPDX-License-Identifier: Apache-2.0
"""Wills and expiry when nodes die: each will once, none after a newer birth, time goes on."""

from harness.wire import Will
from support.cluster_case import ClusterCase

HOUR_S = 3600
PATIENCE_S = 60
DEVICES = 12  # by their ids in shards of all three leaders


class TimeCase(ClusterCase):
    def device(self, node, client_id, v=5, delay_s=0, expiry_s=HOUR_S, clean=False, **more):
        """Availability as devices tell it; of `expiry_s` only version 5 knows."""
        props = {"will_delay": delay_s} if delay_s else None
        will = Will(f"avail/{client_id}", b"offline", 1, 1, props if v == 5 else None)
        if clean:
            return self.client(self.at(node), client_id, v, will=will, **more)
        return self.session(self.at(node), client_id, v, expiry_s=expiry_s, will=will, **more)

    def watcher(self, node):
        """A clean session on a node that stays doesn't notice."""
        client = self.client(self.at(node), "watcher")
        client.subscribe("avail/#", 1)
        return client

    def publish_birth(self, device):
        device.publish(f"avail/{device.client_id}", "online", 1, retain=1)

    def collect(self, watcher, done):
        """What comes as {topic: [payloads]}, acknowledged, until `done` of it."""
        found = {}
        while not done(found):
            packet = watcher.expect("PUBLISH", timeout=PATIENCE_S)
            watcher.acknowledge(packet)
            found.setdefault(packet.topic, []).append(packet.payload)
        return found

    def end(self, watcher, node):
        """All that the node's clients published before is there: what came until then."""
        self.client(self.at(node), "end").publish("avail/end", "end", 1)
        found = self.collect(watcher, lambda so_far: "avail/end" in so_far)
        del found["avail/end"]
        return found


class Wills(TimeCase):
    def test_of_clients_on_a_dead_node_once(self):
        """Clean and durable sessions, both versions; shards led by the dead and the living."""
        cluster = self.cluster()
        victim, one, two = cluster.nodes
        watcher = self.watcher(one)
        for number in range(DEVICES):
            self.device(victim, f"d{number}", v=4 + number % 2, clean=number // 2 % 2 == 0)
        self.device(one, "stays", clean=True)
        wanted = {f"avail/d{number}": [b"offline"] for number in range(DEVICES)}
        victim.kill()
        self.assertEqual(self.collect(watcher, lambda so_far: len(so_far) == DEVICES), wanted)
        victim.start().wait_until_ready()
        cluster.wait_until_well(3)
        self.assertEqual(self.end(watcher, two), {}, "a will came again")
        retained = {topic: payloads[0] for topic, payloads in wanted.items()}
        self.check_retained(cluster, "avail", retained)
        cluster.check_no_crash()

    def test_never_after_a_newer_birth(self):
        """Devices come back through another node at once; witnesses show that wills were due."""
        cluster = self.cluster()
        victim, one, two = cluster.nodes
        watcher = self.watcher(one)
        names = [f"d{number}" for number in range(DEVICES)]
        durable = {name: number % 2 == 0 for number, name in enumerate(names)}
        for name in names:
            self.device(victim, name, delay_s=2 * (name < "d3"), clean=not durable[name])
            self.device(victim, f"witness-{name}", delay_s=2)
        victim.kill()
        for name in names:
            self.publish_birth(self.come_back(two, name, durable[name]))
        found = self.collect(watcher, lambda so_far: len(so_far) == 2 * DEVICES)
        for topic, payloads in self.end(watcher, two).items():
            found[topic] += payloads
        for name in names:
            came = found[f"avail/{name}"]
            self.assertIn(came, ([b"online"], [b"offline", b"online"]), name)
            self.assertEqual(found[f"avail/witness-{name}"], [b"offline"])
        retained = {f"avail/{name}": b"online" for name in names}
        retained |= {f"avail/witness-{name}": b"offline" for name in names}
        self.check_retained(cluster, "avail", retained)

    def come_back(self, node, name, is_durable=True):
        """With a will that isn't due in this test, also if it is sent off as its leader moves."""
        return self.device(node, name, delay_s=HOUR_S, clean=not is_durable,
                           present=int(is_durable))

    def test_a_delay_goes_on_at_the_next_leader(self):
        """The client is gone, then its leader; who returns in time has no will."""
        cluster = self.cluster()
        leader, front, other = cluster.nodes
        watcher = self.watcher(other)
        slow = [cluster.key_led_by(leader, f"slow{number}-") for number in range(3)]
        returns = cluster.key_led_by(leader, "returns")
        for name in slow:
            self.device(front, name, delay_s=3).abort()
        self.device(front, returns, delay_s=HOUR_S).abort()
        leader.kill()
        self.publish_birth(self.come_back(other, returns))
        found = self.collect(watcher, lambda so_far: len(so_far) == 4)
        self.assertEqual(found, {f"avail/{name}": [b"offline"] for name in slow}
                         | {f"avail/{returns}": [b"online"]})
        self.assertEqual(self.end(watcher, front), {})


class Expiry(TimeCase):
    def test_goes_on_through_a_fail_over(self):
        """What is due by the next leader's time is gone, what isn't is there, with its rest."""
        cluster = self.cluster()
        leader, front, other = cluster.nodes
        watcher = self.watcher(other)
        away = cluster.key_led_by(leader, "away")
        brief = cluster.key_beside(away, "brief")
        sleeper = self.session(self.at(front), away, 5, expiry_s=HOUR_S)
        sleeper.subscribe("t/#", 1)
        sleeper.disconnect()
        publisher = self.client(self.at(other), "p", 5)
        for name, expiry_s in (("soon", 1), ("late", HOUR_S)):
            publisher.publish(f"t/{name}", name, 1, props={"message_expiry": expiry_s})
            publisher.publish(f"kept/{name}", name, 1, retain=1,
                              props={"message_expiry": expiry_s})
        # Its will is published when its session ends: 3 s later by the time of the same shard.
        self.device(front, brief, delay_s=HOUR_S, expiry_s=3).abort()
        leader.kill()
        self.assertEqual(self.collect(watcher, bool), {f"avail/{brief}": [b"offline"]})
        self.session(self.at(other), brief, 5, present=0)
        publisher.publish("t/end", "end", 1)
        late, end = self.received(other, away, 2, v=5)
        self.assertEqual((late.topic, end.topic), ("t/late", "t/end"))
        self.assertLess(late.props["message_expiry"], HOUR_S)
        self.assertGreater(late.props["message_expiry"], HOUR_S - 300)
        self.eventually(lambda: set(self.on_each(cluster, "kept")[other.name]) == {"kept/late"},
                        "what was retained for a second is gone")
        leader.start().wait_until_ready()
        cluster.wait_until_well(3)
        self.check_retained(cluster, "kept", {"kept/late": b"late"})
