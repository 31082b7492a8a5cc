# SPDX-License-Identifier: Apache-2.0
"""Attacks by who is let in: filters, subscriptions, retained messages, wills, takeovers, aliases,
properties, topics, passwords. Each says what is bounded and by what figure."""

import os
import random
import time

from harness import wire
from harness.client import Failure
from support.attack import MB, AttackCase, Peak, open_many, wait_for_ends
from support.roost import until


class Filters(AttackCase):
    levels = 100

    def bomb(self, last):
        """10 000 filters of 100 levels that fit one topic but for the last level."""
        pick = random.Random(1)
        filters = set()
        while len(filters) < 10_000:
            filters.add("/".join([pick.choice("x+") for _ in range(self.levels - 1)] + [last]))
        return sorted(filters)

    def test_a_filter_bomb(self):
        self.attacked()
        bomber = self.client(self.server.port, "bomber", 5)
        for at, topic_filter in enumerate(every := self.bomb("never")):
            bomber.send(wire.subscribe(5, at + 1, [(topic_filter, 0)]))
        for _ in every:
            bomber.expect("SUBACK", timeout=60)
        per_filter = self.grown() / len(every)
        topic = "/".join(["x"] * self.levels)
        cpu, began, count = self.server.cpu_seconds(), time.monotonic(), 10
        for n in range(count):
            bomber.send(wire.publish(5, topic, b"x", 1, packet_id=n + 1))
        for _ in range(count):
            bomber.expect("PUBACK", timeout=60)
        each_ms = (self.server.cpu_seconds() - cpu) / count * 1000
        took = time.monotonic() - began
        self.assertLess(each_ms, 50)
        bomber.close()
        self.until_left()
        self.survived("10 000 filters of 100 levels against each of 10 publishes at once",
                      "CPU: 50 ms a publish; depth: mqtt.max_topic_levels; number: "
                      "mqtt.max_subscriptions_per_client",
                      f"{each_ms:.1f} ms CPU a publish, {per_filter:.0f} B a filter, "
                      f"{took:.1f} s for all")

    def test_a_filter_bomb_that_fits(self):
        """One publish, 10 000 subscriptions of one client: one copy."""
        self.attacked()
        bomber = self.client(self.server.port, "bomber", 5)
        every = self.bomb("#")
        for at, topic_filter in enumerate(every):
            bomber.send(wire.subscribe(5, at + 1, [(topic_filter, 0)],
                                       {"subscription_id": at + 1}))
        for _ in every:
            bomber.expect("SUBACK", timeout=60)
        cpu = self.server.cpu_seconds()
        bomber.send(wire.publish(5, "/".join(["x"] * self.levels), b"x", 0))
        got = []
        bomber.send(wire.pingreq())
        while len(got) < 10_000 and bomber.is_readable(2):
            packet = bomber.receive(30)
            if packet.kind == "PUBLISH":
                got.append(packet)
        spent_ms = (self.server.cpu_seconds() - cpu) * 1000
        self.assertIn(len(got), (1, 10_000))
        self.assertLess(spent_ms, 1000)
        bomber.close()
        self.until_left()
        self.survived("one publish to 10 000 filters of 100 levels of one client, each with a "
                      "subscription identifier", "CPU: 1 s; copies: one a filter at most",
                      f"{spent_ms:.0f} ms CPU, {len(got)} copies")

    def test_churn(self):
        self.attacked()
        c = self.client(self.server.port, "churn", 5)

        def pairs(begin, end):
            for n in range(begin, end):
                topic_filter = f"churn/{n}/+/{n % 7}/#"
                c.send(wire.subscribe(5, 1, [(topic_filter, 1)]),
                       wire.unsubscribe(5, 2, [topic_filter]))
                if n % 100 == 99:
                    for _ in range(100):
                        c.expect("SUBACK")
                        c.expect("UNSUBACK")
        pairs(0, 2000)
        base, began, cpu = (self.server.resident_bytes(), time.monotonic(),
                            self.server.cpu_seconds())
        pairs(2000, 22_000)
        each_us = (self.server.cpu_seconds() - cpu) / 20_000 * 1e6
        grown = self.server.resident_bytes() - base
        took = time.monotonic() - began
        self.assertLess(grown, 10 * MB)
        c.close()
        self.until_left()
        self.survived("20 000 subscribe and unsubscribe pairs", "memory: as before (10 MB)",
                      f"{grown / MB:.1f} MB more, {each_us:.0f} us CPU a pair, {took:.1f} s")


class Kept(AttackCase):
    def test_a_retained_flood(self):
        self.attacked()
        count = 100_000
        c = self.client(self.server.port, "flood")
        before = self.metric("roost_retained_messages")
        with Peak(self.server) as peak:
            self.publish_all(c, ((f"flood/{n}", b"x" * 16) for n in range(count)), 1, 1, 500)
        self.assertEqual(self.metric("roost_retained_messages") - before, count)
        each = (peak.bytes - self.base) / count
        self.assertLess(each, 3000)
        self.publish_all(c, ((f"flood/{n}", b"") for n in range(count)), 1, 1, 500)
        until(lambda: self.metric("roost_retained_messages") == before, "all are gone", 30, 0.2)
        after = self.grown()
        self.assertLess(after, 3000 * count)
        c.disconnect()
        self.until_left()
        self.survived("100 000 retained topics, then deleted", "memory: 3 kB a topic at most, "
                      "write buffers included; nothing bounds how many: use acl.file (retain)",
                      f"{each:.0f} B a topic, {after / MB:.0f} MB over the start afterwards")

    def test_a_will_flood(self):
        self.attacked()
        count, size = 2000, 64_000
        heir = self.client(self.server.port, "heir", 5)
        heir.subscribe("will/+", 1)
        with Peak(self.server) as peak:
            clients = []
            for n in range(count):
                will = wire.Will(f"will/{n % 100}", b"w" * size, 1)
                clients.append(self.client(self.server.port, f"w{n}", 5, will=will))
            held = (self.server.resident_bytes() - self.base) / count
            for c in clients:
                c.abort()
            for _ in range(count):
                heir.acknowledge(heir.expect("PUBLISH", timeout=60))
        most = (peak.bytes - self.base) / count
        self.assertLess(most, 3 * size)
        self.assertEqual(self.metric("roost_wills_total"), count)
        heir.disconnect()
        self.until_left()
        self.survived("2 000 clients with wills of 64 kB that vanish at once", "memory: three times"
                      " what the wills are", f"{held / 1000:.0f} kB each while they wait, "
                      f"{most / 1000:.0f} kB at most")


class Takeovers(AttackCase):
    def test_a_war(self):
        """One id, connected again and again for 5 s, longer if need be; default limits.flapping."""
        self.attacked()
        codes, began = [], time.monotonic()
        last = None
        while time.monotonic() < began + (5 if 0x9F in codes else 50):
            c = self.raw(self.server.port, 5, "twin")
            c.send(wire.connect(5, "twin"))
            codes.append(c.receive().code)
            if last is not None:
                last.close()
            last = c
        last.close()
        took, let_in = time.monotonic() - began, codes.count(0)
        self.assertLess(let_in, 310)
        self.assertEqual(set(codes), {0, 0x9F})
        self.until_left()
        self.survived(f"a takeover war, {len(codes)} CONNECTs in {took:.0f} s",
                      "number: limits.flapping (300) in limits.flapping_window, then 0x9F",
                      f"{let_in} let in, {self.cpu_share():.0%} of a core")

    def test_a_war_without_the_limit(self):
        self.attacked(limits={"flapping": 0})
        ends, count, last = time.monotonic() + 5, 0, None
        while time.monotonic() < ends:
            c = self.client(self.server.port, "twin", 5)
            count += 1
            if last is not None:
                last.close()
            last = c
        last.close()
        self.assertLess(self.grown(), 20 * MB)
        self.until_left()
        self.survived(f"the same with limits.flapping: 0, {count} takeovers", "memory: 20 MB",
                      f"{self.grown() / MB:.1f} MB, {self.cpu_share():.0%} of a core")


class Bombs(AttackCase):
    def test_aliases(self):
        self.attacked(mqtt={"topic_alias_maximum": 1000})
        port = self.server.port
        over = self.client(port, "over", 5)
        over.send(wire.publish(5, "t", b"", props={"topic_alias": 1001}))
        over.expect_refused(0x94)
        unknown = self.client(port, "unknown", 5)
        unknown.send(wire.publish(5, "", b"", props={"topic_alias": 7}))
        unknown.expect_refused(0x82)
        c = self.client(port, "all", 5)
        base = self.server.resident_bytes()
        for _ in range(3):
            for n in range(1, 1001):
                c.send(wire.publish(5, f"{n}" + "t" * 10_000, b"", props={"topic_alias": n}))
            c.expect_nothing()
        grown = self.server.resident_bytes() - base
        self.assertLess(grown, 40 * MB)
        c.close()
        self.until_left()
        self.survived("alias bombs: over the maximum, unknown, 1 000 of 10 kB learnt three times",
                      "0x94, 0x82; memory: mqtt.topic_alias_maximum (10) topics a connection",
                      f"{grown / MB:.0f} MB for 10 MB of topics")

    def test_properties(self):
        self.attacked()
        port = self.server.port
        pairs = {"user": [("k" * 10, "v" * 10)] * 10_000}
        c = self.client(port, "c", 5, props=pairs)
        c.subscribe("bomb", 1)
        cpu = self.server.cpu_seconds()
        with Peak(self.server) as peak:
            for _ in range(20):
                c.publish("bomb", b"x", 1, props=pairs)
                packet = c.expect("PUBLISH")
                self.assertEqual(len(packet.props["user"]), 10_000)
                c.acknowledge(packet)
        each_ms = (self.server.cpu_seconds() - cpu) / 20 * 1000
        self.assertLess(peak.bytes - self.base, 60 * MB)
        c.send(wire.publish(5, "bomb", b"", props={"user": [("k" * 1000, "v" * 1000)] * 5500}))
        c.expect_refused(0x95)
        for props in ({"subscription_id": [1] * 1000}, {"subscription_id": 1}):
            c = self.client(port, "ids", 5)
            c.send(wire.publish(5, "bomb", b"", props=props))
            c.expect_refused(0x82)
        self.until_left()
        self.survived("10 000 user properties in CONNECT and PUBLISH, more than fits a packet, "
                      "1 000 subscription identifiers in PUBLISH",
                      "mqtt.max_packet_size, 0x95; 0x82; memory 60 MB",
                      f"{each_ms:.1f} ms CPU a PUBLISH, {(peak.bytes - self.base) / MB:.0f} MB")

    def test_deep_topics(self):
        """65 535 slashes are 65 536 levels."""
        self.attacked()
        deep = "/" * 65_535
        c = self.client(self.server.port, "pub", 5)
        c.send(wire.publish(5, deep, b"x", 1, packet_id=1))
        c.expect_refused(0x90)
        c = self.client(self.server.port, "sub", 5)
        c.send(wire.subscribe(5, 1, [(deep, 0)]))
        c.expect_refused(0x8F)
        c = self.raw(self.server.port, 5)
        c.send(wire.connect(5, "will", will=wire.Will(deep)))
        packet = c.receive()
        self.assertTrue(packet is None or packet.code >= 0x80, packet)
        self.until_left()
        self.survived("topics of 65 536 levels in PUBLISH, SUBSCRIBE and a will",
                      "mqtt.max_topic_levels (128): 0x90, 0x8F, refused",
                      f"{self.grown() / MB:.1f} MB")


class Passwords(AttackCase):
    def test_a_thousand_wrong_ones(self):
        passwords = os.path.join(self.folder, "passwords")
        self.roost_command("passwd", passwords, "ann", stdin="x\nx\n")
        self.attacked(auth={"password_file": passwords, "allow_anonymous": True,
                            "max_pending": 50}, mqtt={"connect_timeout": "20s"})
        socks = open_many(self.server.port, 1000)
        codes = []
        with Peak(self.server) as peak:
            for n, sock in enumerate(socks):
                sock.sendall(wire.connect(5, f"c{n}", username="ann", password=f"guess {n}"))
            for sock in socks:
                sock.settimeout(60)
                try:
                    raw = sock.recv(100)
                except OSError as error:
                    raise Failure(f"no CONNACK: {error}") from error
                codes.append(raw[3])
        took = time.monotonic() - self.began
        self.assertEqual(set(codes), {0x86, 0x89})
        self.assertEqual(wait_for_ends(socks, 10), 0)
        for sock in socks:
            sock.close()
        grown = peak.bytes - self.base
        self.assertLess(grown, 100 * MB)
        cpu, began = self.server.cpu_seconds(), time.monotonic()
        time.sleep(1.5)
        idle = (self.server.cpu_seconds() - cpu) / (time.monotonic() - began)
        self.assertLess(idle, 0.3)
        self.until_left()
        self.survived("1 000 wrong passwords at once against Argon2id", "queue: auth.max_pending "
                      "(50 here), then 0x89; threads: auth.threads, 19 MiB each",
                      f"{codes.count(0x86)} looked at, {codes.count(0x89)} sent off in {took:.1f} "
                      f"s, {grown / MB:.0f} MB, then {idle:.0%} of a core")
