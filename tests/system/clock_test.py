# SPDX-License-Identifier: Apache-2.0
"""Expiry over restarts, and a wall clock that jumps. Only the broker's clock is moved."""

import glob
import os
import shutil

from harness import wire
from support.durable import HOUR_S, DurableCase


class ClockCase(DurableCase):
    def clock(self, offset_s=0):
        """The environment of a broker whose wall clock set_clock() moves; steady time goes on."""
        self.needs(shutil.which("faketime"), "faketime is not installed")
        library = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
        self.needs(library, "libfaketime is not where Debian puts it")
        self.clock_file = os.path.join(self.folder, "clock")
        self.set_clock(offset_s)
        return {"LD_PRELOAD": library[0], "FAKETIME_TIMESTAMP_FILE": self.clock_file,
                "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "DONT_FAKE_MONOTONIC": "1", "ASAN_OPTIONS": "verify_asan_link_order=0"}

    def set_clock(self, offset_s):
        beside = self.clock_file + ".new"
        with open(beside, "w", encoding="ascii") as out:
            out.write(f"{offset_s:+d}s\n")
        os.replace(beside, self.clock_file)

    def sleeper(self, server, client_id, expiry_s, **more):
        """An offline session that ends in that time."""
        self.offline(server.port, client_id, "t", v=5, expiry_s=expiry_s, **more)

    def is_there(self, server, client_id):
        client = self.raw(server.port, 5, client_id)
        client.send(wire.connect(5, client_id, clean=False, props={"session_expiry": HOUR_S * 24}))
        present = client.expect("CONNACK", code=0).session_present
        client.disconnect()
        return bool(present)


class Down(ClockCase):
    """Time goes on while the broker is down."""

    def restart_later(self, server, seconds, crash):
        if crash:
            server.kill()
        else:
            self.assertEqual(server.stop(), 0)
        self.set_clock(seconds)
        server.start()

    def test_sessions(self):
        for crash in (True, False):
            server = self.broker(env=self.clock())
            self.sleeper(server, "short", HOUR_S // 2)
            self.sleeper(server, "long", HOUR_S * 2)
            self.sleeper(server, "endless", 0xFFFFFFFF)
            held = self.session(server.port, "connected", 5, expiry_s=HOUR_S // 2)
            held.subscribe("t", 1)
            self.restart_later(server, HOUR_S, crash)
            self.until_metric("roost_sessions_expired_total", 1)
            there = {name: self.is_there(server, name) for name in ("short", "long", "endless")}
            self.assertEqual(there, {"short": False, "long": True, "endless": True})
            held.close()

    def test_messages_and_what_is_left_of_their_time(self):
        for crash in (True, False):
            server = self.broker(env=self.clock())
            self.sleeper(server, "away", HOUR_S * 24)
            pub = self.client(server.port, "pub", v=5)
            for name, expiry_s in (("short", HOUR_S // 2), ("long", HOUR_S * 2)):
                pub.publish("t", name, 1, props={"message_expiry": expiry_s})
                pub.publish(f"kept/{name}", name, 1, retain=1, props={"message_expiry": expiry_s})
            pub.publish("t", "endless", 1)
            self.restart_later(server, HOUR_S, crash)
            back = self.session(server.port, "away", 5, present=1)
            packet = back.expect("PUBLISH", payload=b"long")
            self.assertAlmostEqual(packet.props["message_expiry"], HOUR_S, delta=60)
            back.acknowledge(packet)
            back.expect_message("t", "endless", 1)
            back.expect_nothing()
            self.assertEqual(self.retained(server, "kept"), {"kept/long": b"long"})


class Jump(ClockCase):
    """A wall clock that is set is no time that has passed."""

    def test_an_hour_back_while_it_runs(self):
        server = self.broker(env=self.clock())
        self.sleeper(server, "short", 2)
        self.sleeper(server, "long", HOUR_S)
        pub = self.client(server.port, "pub", v=5)
        pub.publish("t", "soon", 1, props={"message_expiry": 1})
        pub.publish("t", "late", 1, props={"message_expiry": HOUR_S // 2})
        self.set_clock(-HOUR_S)
        self.until_metric("roost_sessions_expired_total", 1)
        self.assertFalse(self.is_there(server, "short"))
        back = self.session(server.port, "long", 5, present=1)
        back.expect("PUBLISH", payload=b"late")

    def test_an_hour_forward_while_it_runs(self):
        server = self.broker(env=self.clock())
        self.sleeper(server, "steady", HOUR_S // 2)
        self.sleeper(server, "witness", 2)
        pub = self.client(server.port, "pub", v=5)
        pub.publish("t", "kept", 1, props={"message_expiry": HOUR_S // 2})
        self.set_clock(HOUR_S)
        self.until_metric("roost_sessions_expired_total", 1)  # time is looked at again
        back = self.session(server.port, "steady", 5, present=1)
        back.expect("PUBLISH", payload=b"kept")
        self.assertFalse(self.is_there(server, "witness"))

    def test_an_hour_back_while_it_is_down(self):
        """Nothing ends early, and nothing waits for the hour to come round again."""
        server = self.broker(env=self.clock())
        self.sleeper(server, "short", 10)
        self.sleeper(server, "long", HOUR_S // 2)
        pub = self.client(server.port, "pub", v=5)
        pub.publish("t", "kept", 1, props={"message_expiry": HOUR_S // 2})
        server.kill()
        self.set_clock(-HOUR_S)
        server.start()
        self.until_metric("roost_sessions_expired_total", 1, seconds=60)
        self.assertFalse(self.is_there(server, "short"))
        back = self.session(server.port, "long", 5, present=1)
        packet = back.expect("PUBLISH", payload=b"kept")
        self.assertLessEqual(packet.props["message_expiry"], HOUR_S // 2)

    def test_a_crash_after_the_jump(self):
        """An hour back, a message, kill -9: the next start begins where shard time was."""
        server = self.broker(env=self.clock())
        self.sleeper(server, "away", HOUR_S * 24)
        self.set_clock(-HOUR_S)
        pub = self.client(server.port, "pub", v=5)
        pub.publish("t", "late", 1, props={"message_expiry": HOUR_S // 2})
        self.crash(server)
        back = self.session(server.port, "away", 5, present=1)
        back.expect("PUBLISH", payload=b"late")
