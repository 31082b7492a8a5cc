# SPDX-License-Identifier: Apache-2.0
"""Many sessions whose clients sleep: what one costs, and that all of them are there again."""

import os
import random
import time

from harness import wire
from support.durable import FULL, HOUR_S, DurableCase, seed
from support.sleepers import own_topic, put_to_sleep, sleeper_id

SAMPLE = 100
DAY_S = 24 * HOUR_S
SESSION_BYTES_MAX = 400
RSS_MAX = 10 ** 9
START_S_MAX = 30
BODY = 10_000
SHARDS = 64


def status_bytes(server, field):
    """A field of /proc/PID/status, such as VmHWM."""
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as file:
        line = next(line for line in file if line.startswith(field + ":"))
    return int(line.split()[1]) * 1024


def is_instrumented(path):
    """A sanitizer's memory and time are no figures."""
    with open(path, "rb") as file:
        return b"__asan_init" in file.read()


class SleepersCase(DurableCase):
    at_once = 1

    def setUp(self):
        super().setUp()
        self.full = FULL and not is_instrumented(self.broker_path)
        self.path = os.path.join(self.folder, "socket")
        self.server = self.broker({"main": {}, "unix": {"unix": self.path}},
                                  store={"checkpoint_interval": "1s"},
                                  mqtt={"sys_interval": "1s"})
        self.port = self.server.ports["main"]

    def report(self, figures):
        if self.full:
            print(figures, flush=True)

    def restart(self):
        """How long the broker took from exec to its first CONNACK."""
        self.server.stop(seconds=60)
        started = time.monotonic()
        self.server.start()
        self.client(self.port, "first").disconnect()
        return time.monotonic() - started

    def heap_bytes(self):
        """What malloc gave out: a value from after this call."""
        client = self.client(self.port, "heap")
        client.subscribe("$SYS/broker/heap/current", 0)
        packet = client.expect("PUBLISH", timeout=30)
        while packet.retain:
            packet = client.expect("PUBLISH", timeout=30)
        client.disconnect()
        return int(packet.payload)

    def until_stored(self):
        """Until a checkpoint that began after this call is on disk."""
        flushes = self.metric("roost_store_state_flushes_total")
        self.until_metric("roost_store_state_flushes_total", flushes + 2, seconds=60)


class Sleepers(SleepersCase):
    def test_a_session_with_one_filter_takes_less_than_400_bytes(self):
        """Of the heap, all told: from what twice as many take after a start. With ROOST_FULL=1 also
        a million sessions: start and RSS."""
        many = 1_000_000 if self.full else 120_000
        few = many // 2
        put_to_sleep(self.path, range(few), DAY_S)
        self.restart()
        heap = self.heap_bytes()
        put_to_sleep(self.path, range(few, many), DAY_S)
        took_s = self.restart()
        self.assertEqual(self.metric("roost_sessions_durable"), many)
        each = (self.heap_bytes() - heap) / (many - few)
        resident, peak = self.server.resident_bytes(), status_bytes(self.server, "VmHWM")
        self.report(f"{many} sessions: start {took_s:.1f} s, {each:.0f} B of heap each, RSS "
                    f"{resident / 1e6:.0f} MB, at most {peak / 1e6:.0f} MB")
        self.assertLess(each, SESSION_BYTES_MAX)
        if self.full:
            self.assertLess(took_s, START_S_MAX)
            self.assertLess(peak, RSS_MAX)
        self.sample(many)

    def sample(self, many):
        """A hundred of them are really there and routed to."""
        pub = self.client(self.port, "pub")
        some = random.Random(seed()).sample(range(many), SAMPLE)
        for number in some:
            pub.publish(own_topic(number), str(number), 1)
        for number in some:
            back = self.session(self.port, sleeper_id(number), v=5, present=1, expiry_s=DAY_S)
            back.expect_message(own_topic(number), str(number), 1)
            back.disconnect()


class Broadcast(SleepersCase):
    def test_the_body_stands_once_a_shard(self):
        """One message of 10 kB to all: its bytes written to log and state."""
        sessions = 100_000 if self.full else 5_000
        put_to_sleep(self.path, range(sessions), DAY_S, topic=lambda _: "all/set")
        self.until_stored()
        logged = self.metric("roost_store_appended_bytes_total")
        stored = self.metric("roost_store_state_bytes_total")
        pub = self.client(self.port, "pub")
        pub.send(wire.publish(4, "all/set", os.urandom(BODY), 1, packet_id=1))
        pub.expect("PUBACK", packet_id=1, timeout=60)
        self.until_stored()
        logged = self.metric("roost_store_appended_bytes_total") - logged
        stored = self.metric("roost_store_state_bytes_total") - stored
        self.report(f"10 kB to {sessions} sessions: {logged / 1e3:.0f} kB of log, "
                    f"{stored / 1e3:.0f} kB of state, {(stored - SHARDS * BODY) / sessions:.0f} B "
                    f"a session besides {SHARDS} bodies")
        self.assertLess(logged, SHARDS * (BODY + 500))
        self.assertLess(stored, SHARDS * (BODY + 500) + sessions * 300)
        self.restart()
        last = self.session(self.port, sleeper_id(sessions - 1), v=5, present=1,
                            expiry_s=DAY_S)
        packet = last.expect("PUBLISH", topic="all/set", qos=1)
        self.assertEqual(len(packet.payload), BODY)


class Backlog(SleepersCase):
    def test_what_waits_stands_on_disk(self):
        """Messages of 64 B for one absent client: bytes of heap until the checkpoint and after it,
        of log and of state; what a client that takes none of it brings into memory."""
        # RocksDB has a block of 1.2 MB more at one moment than at another.
        messages = 100_000 if self.full else 30_000
        put_to_sleep(self.path, [0], DAY_S)
        self.restart()
        pub = self.client(self.port, "pub")
        heap, metrics = self.heap_bytes(), self.metrics()
        self.publish_all(pub, [(own_topic(0), b"x" * 64)] * messages, window=1000)
        self.until_stored()
        after = self.metrics()
        logged, stored = (after[name] - metrics[name] for name in (
            "roost_store_appended_bytes_total", "roost_store_state_bytes_total"))
        self.assertEqual(self.metric("roost_queued_messages"), messages)
        self.restart()
        waiting = self.heap_bytes()
        back = self.session(self.port, sleeper_id(0), v=5, present=1, expiry_s=DAY_S,
                            props={"receive_maximum": 1})
        back.expect("PUBLISH", payload=b"x" * 64)
        attached = self.heap_bytes()
        self.report(f"{messages} messages of 64 B: a message {logged / messages:.0f} B of "
                    f"log, {stored / messages:.0f} B of state, "
                    f"{(waiting - heap) / messages:.1f} B of heap after a start; "
                    f"{(attached - waiting) / 1e3:.0f} kB more once its client is there")
        # A body of 64 B in memory costs more than 100 B; a page is 1 024 messages.
        self.assertLess(waiting - heap, messages * 100)
        self.assertLess(attached - waiting, 2048 * 400)
