# SPDX-License-Identifier: Apache-2.0
"""Limits against too many, too fast and too often, each with its reason code and its metric."""

import json
import os
import time

from harness import wire
from harness.client import Failure
from support.durable import DurableCase
from support.roost import until


class Floods(DurableCase):
    slow = False

    def limited(self, listeners=None, **limits):
        return self.broker(listeners, limits=limits)

    def refused(self, cause):
        return self.metric("roost_admission_refused_total", cause=cause)

    def is_let_in(self, port, client_id="c", **more):
        """CONNACK's code; None: closed without one."""
        c = self.raw(port, 5, client_id)
        try:
            c.send(wire.connect(5, client_id, **more))
            packet = c.receive()
        except (Failure, OSError):
            return None
        return packet and packet.code

    def test_connections(self):
        server = self.limited(max_connections=3)
        clients = [self.until_in(server.port, f"c{n}") for n in range(3)]
        self.assertIsNone(self.is_let_in(server.port, "one more"))
        self.assertGreater(self.refused("max_connections"), 0)
        clients.pop().disconnect()
        until(lambda: self.is_let_in(server.port, "later") == 0, "a free place")

    def test_connections_of_a_listener(self):
        server = self.limited({"small": {"max_connections": 1}, "main": {}})
        self.until_in(server.ports["small"], "a")
        self.assertIsNone(self.is_let_in(server.ports["small"], "b"))
        self.assertEqual(self.is_let_in(server.ports["main"], "b"), 0)

    def test_connections_of_an_address(self):
        port = self.free_port()
        self.limited({"main": {"address": "127.0.0.1", "port": port},
                      "six": {"address": "::1", "port": port}}, max_connections_per_address=2)
        for n in range(2):
            self.until_in(("127.0.0.1", port), f"a{n}")
        self.assertIsNone(self.is_let_in(("127.0.0.1", port), "a2"))
        self.assertEqual(self.is_let_in(("::1", port), "b"), 0)
        self.assertGreater(self.refused("max_connections_per_address"), 0)

    def test_connections_of_a_proxied_address(self):
        server = self.limited({"main": {"proxy_protocol": True}}, max_connections_per_address=1)

        def come(source):
            c = self.raw(server.port, 5, source)
            c.send(f"PROXY TCP4 {source} 127.0.0.1 5000 {server.port}\r\n".encode())
            c.send(wire.connect(5, source + str(time.monotonic())))
            return c, c.receive()
        first, answer = come("192.0.2.1")
        self.assertEqual(answer.code, 0)
        self.assertIsNone(come("192.0.2.1")[1])
        self.assertEqual(come("192.0.2.2")[1].code, 0)
        first.close()
        until(lambda: come("192.0.2.1")[1] is not None, "a free place")

    def test_connections_of_a_user(self):
        passwords = os.path.join(self.folder, "passwords")
        for user in ("ann", "bob"):
            self.roost_command("passwd", passwords, user, stdin="x\nx\n")
        server = self.broker(auth={"password_file": passwords},
                             limits={"max_connections_per_user": 1})
        ann = self.client(server.port, "a", 5, username="ann", password="x")
        self.assertEqual(self.is_let_in(server.port, "b", username="ann", password="x"), 0x97)
        self.assertEqual(self.is_let_in(server.port, "c", username="bob", password="x"), 0)
        self.assertEqual(self.metric("roost_connects_refused_total",
                                     cause="max_connections_per_user"), 1)
        ann.disconnect()
        until(lambda: self.is_let_in(server.port, "b", username="ann", password="x") == 0, "ann")

    def test_connects_in_a_second_wait_for_their_turn(self):
        server = self.limited(connects_per_second=20)
        began = time.monotonic()
        for n in range(50):
            self.client(server.port, f"c{n}")
        self.assertGreater(time.monotonic() - began, 1.2)
        self.assertGreater(self.metric("roost_admission_delayed_total"), 0)

    def publish_many(self, server, count, client_id="fast"):
        c = self.client(server.port, client_id, 5)
        for n in range(count):
            c.send(wire.publish(5, "t", b"x", qos=1, packet_id=n + 1))
        return c

    def test_messages_too_fast_wait(self):
        server = self.limited(messages_per_second=25)
        other = self.client(server.port, "other", 5)
        began = time.monotonic()
        c = self.publish_many(server, 150)
        other.publish("t", b"not his fault", 1)
        came = 0
        while came < 150 and c.is_readable(0):
            self.assertEqual(c.receive().kind, "PUBACK")
            came += 1
        self.assertLess(came, 150, "the other one was served before the last of them")
        for _ in range(came, 150):
            self.assertEqual(c.receive(timeout=20).kind, "PUBACK")
        self.assertGreater(time.monotonic() - began, 4.2)
        self.assertGreater(self.metric("roost_publish_rate_exceeded_total"), 0)

    def test_messages_too_fast_end_the_connection_where_that_is_wanted(self):
        server = self.limited(messages_per_second=50, too_fast="disconnect")
        c = self.publish_many(server, 150)
        kinds = []
        while (packet := c.receive()) is not None:
            kinds.append((packet.kind, packet.code))
        self.assertEqual(kinds[-1], ("DISCONNECT", 0x96))

    def test_bytes_too_fast_wait(self):
        server = self.limited(bytes_per_second="100kB")
        c = self.client(server.port, "fast", 5)
        began = time.monotonic()
        for _ in range(3):
            c.publish("t", b"x" * 100_000, 1)
        self.assertGreater(time.monotonic() - began, 0.9)

    def lose(self, port, client_id, **more):
        """Comes, and goes without a word; CONNACK's code."""
        c = self.raw(port, 5, client_id)
        c.send(wire.connect(5, client_id, **more))
        code = c.receive().code
        c.close()
        until(lambda: self.metric("roost_clients_connected") == 0, "the broker sees it go")
        return code

    def test_who_loses_its_connections_too_often_is_held_off(self):
        server = self.limited(flapping=5, flapping_window="60s", flapping_hold="10s")
        for _ in range(20):
            self.client(server.port, "good", 5).disconnect()
        codes = [self.lose(server.port, "lamp") for _ in range(8)]
        self.assertEqual(codes, [0] * 6 + [0x9F] * 2)
        self.assertEqual(self.is_let_in(server.port, "other"), 0)
        self.assertEqual(self.metric("roost_connects_refused_total", cause="flapping"), 2)
        until(lambda: self.is_let_in(server.port, "lamp") == 0, "it may come again", 60, 0.3)

    def test_who_comes_again_and_again_and_says_goodbye_is_not(self):
        """Its next CONNECT may be read before its DISCONNECT."""
        server = self.limited(flapping=20)
        for _ in range(200):
            c = self.raw(server.port, 5, "quick")
            c.send(wire.connect(5, "quick"))
            c.expect("CONNACK", code=0)
            c.send(wire.disconnect(5, None, None))
            c.close()

    def test_a_takeover_war_is_held_off(self):
        """Two devices with one id: the others don't notice, and it ends."""
        server = self.limited(flapping=20)
        steady = self.client(server.port, "steady", 5)
        codes = [self.is_let_in(server.port, "twin") for _ in range(60)]
        self.assertEqual(codes.count(0), 22)
        steady.publish("t", b"x", 1)


class Bans(DurableCase):
    slow = False

    def ban(self, server, *words, code=0):
        done = self.roost_command("ban", *words, "--data-dir", self.data_dir(server))
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def connect(self, server, client_id, v=5, **more):
        c = self.raw(server.port, v, client_id)
        c.send(wire.connect(v, client_id, **more))
        packet = c.receive()
        return packet and packet.code

    def test_a_client_is_ended_and_kept_out_for_its_time(self):
        server = self.broker()
        lamp = self.client(server.port, "lamp", 5)
        said = self.ban(server, "client", "lamp", "--for", "15s", "--why", "broken firmware")
        self.assertIn("broken firmware", said)
        lamp.expect("DISCONNECT", code=0x98)
        self.assertEqual(self.connect(server, "lamp"), 0x8A)
        self.assertEqual(self.connect(server, "lamp", 4), 5)
        self.assertEqual(self.connect(server, "lamp2"), 0)
        self.assertEqual(self.metric("roost_connects_refused_total", cause="banned"), 2)
        until(lambda: self.connect(server, "lamp") == 0, "the ban's end", 60, 0.2)
        self.assertIn("Nobody is banned", self.ban(server))

    def test_an_address(self):
        server = self.broker()
        lamp = self.client(server.port, "lamp", 5)
        self.ban(server, "address", "127.0.0.0/8")
        lamp.expect("DISCONNECT", code=0x98)
        c = self.raw(server.port, 5)
        try:
            c.send(wire.connect(5, "c"))
            self.assertIsNone(c.receive())
        except (Failure, OSError):
            pass
        self.assertIn("127.0.0.0/8  for good", self.ban(server))
        self.ban(server, "address", "127.0.0.0/8", "--remove")
        self.assertEqual(self.connect(server, "c"), 0)

    def test_bans_outlive_a_restart(self):
        server = self.broker()
        self.ban(server, "client", "lamp", "--for", "1h")
        self.ban(server, "user", "ann")
        server.restart()
        self.assertEqual(self.connect(server, "lamp"), 0x8A)
        listed = json.loads(self.ban(server, "--json"))
        self.assertEqual([(b["kind"], b["what"]) for b in listed["bans"]],
                         [("client", "lamp"), ("user", "ann")])

    def test_a_user(self):
        passwords = os.path.join(self.folder, "passwords")
        self.roost_command("passwd", passwords, "ann", stdin="x\nx\n")
        server = self.broker(auth={"password_file": passwords})
        ann = self.client(server.port, "a", 5, username="ann", password="x")
        self.ban(server, "user", "ann", "--for", "10m")
        ann.expect("DISCONNECT", code=0x98)
        self.assertEqual(self.connect(server, "b", username="ann", password="x"), 0x8A)

    def test_words_that_make_no_sense(self):
        server = self.broker()
        self.assertIn("192.0.2.0/24", self.ban(server, "address", "lamp", code=1))
        self.assertIn("10m", self.ban(server, "client", "lamp", "--for", "soon", code=2))
        self.assertIn("is not banned", self.ban(server, "client", "x", "--remove", code=1))
        self.assertIn("client, user or address", self.ban(server, "moon", "x", code=1))
