# SPDX-License-Identifier: Apache-2.0
"""Limits of an absent client's queue: what stays, what goes, and that each is counted by cause."""

import time

from harness import wire
from support.durable import DurableCase
from support.roost import until


class QueueCase(DurableCase):
    def away(self, **mqtt):
        """A broker with these limits and a session that is absent."""
        server = self.broker(mqtt=mqtt)
        self.offline(server.port, "away", "q/#")
        return server

    def fill(self, server, payloads, topics=("q/x",), codes=(0,)):
        """QoS 1 by version 5: the reason code of each."""
        pub = self.client(server.port, "pub", v=5)
        got = []
        for number, payload in enumerate(payloads):
            packet_id = pub.take_id()
            pub.send(wire.publish(5, topics[number % len(topics)], payload, 1, packet_id=packet_id))
            got.append(pub.expect("PUBACK", packet_id=packet_id).code)
        pub.disconnect()
        self.assertLessEqual(set(got), {0, *codes}, "reason codes")

    def waiting(self, server):
        """The payloads that the absent client gets."""
        back = self.session(server.port, "away", present=1)
        return [packet.payload for packet in self.drain(server, back, "q/end")]

    def until_older_than(self, seconds):
        """What was published so far is that old: ages are real time."""
        end = time.monotonic() + seconds + 0.1
        until(lambda: time.monotonic() > end, "time going by", seconds + 15, pause_s=0.1)

    def numbered(self, count, size=0):
        return [b"%d" % n + b" " * size for n in range(count)]

    def check_dropped(self, wanted):
        """What was dropped is exactly this, by cause."""
        def dropped():
            found = self.dropped()
            found.pop("offline_qos0", None)
            return found

        until(lambda: sum(dropped().values()) >= sum(wanted.values()), f"{wanted} in the metrics",
              pause_s=0.1)
        self.assertEqual(dropped(), wanted)


class Overflow(QueueCase):
    FULL = 0x97
    CAUSES = {"refuse-newest": "queue_full", "drop-oldest": "queue_overflow_oldest"}

    def both_ways(self, policy, kept, **mqtt):
        """The same before and after a crash: the limit isn't forgotten, nor what it has kept."""
        for crash in (False, True):
            server = self.away(queue_overflow=policy, **mqtt)
            self.fill(server, self.numbered(30), codes=(self.FULL,))
            self.check_dropped({self.CAUSES[policy]: 30 - len(kept)})
            if crash:
                self.crash(server)
            self.assertEqual([int(p) for p in self.waiting(server)], kept)

    def test_refuse_newest_by_count(self):
        self.both_ways("refuse-newest", list(range(10)), max_queued_messages=10)

    def test_drop_oldest_by_count(self):
        self.both_ways("drop-oldest", list(range(20, 30)), max_queued_messages=10)

    def by_bytes(self, policy):
        server = self.away(queue_overflow=policy, max_queued_bytes=20000)
        self.fill(server, self.numbered(60, 1000), codes=(self.FULL,))
        got = [int(p) for p in self.waiting(server)]
        # A message costs more than its payload: between half of what fits and all of it.
        self.assertTrue(8 <= len(got) <= 19, got)
        first = 0 if policy == "refuse-newest" else 60 - len(got)
        self.assertEqual(got, list(range(first, first + len(got))))
        self.check_dropped({self.CAUSES[policy]: 60 - len(got)})

    def test_refuse_newest_by_bytes(self):
        self.by_bytes("refuse-newest")

    def test_drop_oldest_by_bytes(self):
        self.by_bytes("drop-oldest")

    def test_what_is_in_flight_is_never_dropped(self):
        server = self.broker(mqtt={"queue_overflow": "drop-oldest", "max_queued_messages": 5,
                                   "max_inflight": 3})
        sub = self.session(server.port, "away")
        sub.subscribe("q/#", 1)
        self.fill(server, self.numbered(20), codes=(self.FULL,))
        sent = [sub.expect("PUBLISH").payload for _ in range(3)]
        self.assertEqual(sent, self.numbered(3))
        self.crash(server)
        back = self.session(server.port, "away", present=1)
        for payload in sent:
            back.expect_message("q/x", payload, 1, dup=1)
        # A crash tells nobody what was sent last: up to twice the window counts as in flight.
        # Nothing more is published meanwhile: it would push out what waits behind those.
        rest = []
        while rest[-1:] != self.numbered(20)[-1:]:
            packet = back.expect("PUBLISH")
            back.send(wire.puback(back.v, packet.packet_id))
            rest.append(packet.payload)
        self.assertEqual(rest[-5:], self.numbered(20)[-5:])
        self.assertLessEqual(len(rest), 5 + 3)

    def test_the_default_keeps_a_night(self):
        """20 000 messages for one absent client: no limit is met."""
        server = self.away()
        pub = self.client(server.port, "pub")
        payloads = [b"%d" % n for n in range(20000)]
        self.publish_all(pub, [("q/x", p) for p in payloads], window=500)
        self.crash(server)
        self.assertEqual(self.waiting(server), payloads)
        self.assertEqual(self.dropped(), {})


class Age(QueueCase):
    def test_the_old_go_and_the_young_stay(self):
        server = self.away(max_queued_age="10s")
        self.fill(server, self.numbered(5))
        self.until_older_than(10)
        self.fill(server, [b"young"])
        self.assertEqual(self.waiting(server), [b"young"])
        self.check_dropped({"queued_too_long": 5})

    def test_age_goes_on_while_it_is_down(self):
        server = self.away(max_queued_age="5s")
        self.fill(server, self.numbered(5))
        self.crash(server)
        self.until_older_than(5)
        self.assertEqual(self.waiting(server), [])
        self.check_dropped({"queued_too_long": 5})


class KeepLast(QueueCase):
    TOPICS = ("q/set/a", "q/set/b", "q/log")

    def test_only_the_newest_of_a_topic(self):
        for crash in (False, True):
            server = self.away(keep_last=["q/set/+"])
            self.fill(server, self.numbered(30), self.TOPICS)
            self.check_dropped({"keep_last": 18})
            if crash:
                self.crash(server)
            got = [int(p) for p in self.waiting(server)]
            self.assertEqual(sorted(got), sorted([*range(2, 30, 3), 27, 28]))
            self.assertEqual([n for n in got if n % 3 == 2], list(range(2, 30, 3)))

    def test_who_is_there_gets_all(self):
        server = self.broker(mqtt={"keep_last": ["q/set/+"]})
        sub = self.session(server.port, "away")
        sub.subscribe("q/#", 1)
        pub = self.client(server.port, "pub")
        for payload in self.numbered(10):
            pub.publish("q/set/a", payload, 1)
            sub.expect_message("q/set/a", payload, 1)
        self.assertEqual(self.dropped(), {})


class Expiry(QueueCase):
    def test_an_expired_message_is_counted_after_a_restart(self):
        server = self.away()
        pub = self.client(server.port, "pub", v=5)
        pub.publish("q/x", "short", 1, props={"message_expiry": 1})
        pub.publish("q/x", "long", 1, props={"message_expiry": 600})
        self.crash(server)
        self.until_older_than(1)
        self.assertEqual(self.waiting(server), [b"long"])
        self.assertEqual(self.dropped(), {"expired": 1})

    def test_a_session_ends_though_the_broker_restarts(self):
        server = self.broker()
        self.offline(server.port, "brief", "q/#", v=5, expiry_s=10)
        self.offline(server.port, "long", "q/#", v=5, expiry_s=600)
        self.crash(server)
        self.until_metric("roost_sessions_expired_total", 1, seconds=60)
        self.session(server.port, "brief", 5, present=0)
        self.session(server.port, "long", 5, present=1)
