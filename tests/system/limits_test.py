# SPDX-License-Identifier: Apache-2.0
"""Limits: files, memory, sizes, connections."""

import os
import resource
import time

from harness import wire
from harness.properties import varint
from support.case import SystemCase
from support.durable import DurableCase
from support.roost import until


class Files(SystemCase):
    at_once = 1

    def test_emfile_does_not_spin(self):
        """More connections than file descriptors: the broker waits, without burning a core."""
        server = self.roost(prefix=("prlimit", "--nofile=128:128"))
        steady = self.client(server.port, "steady")
        steady.subscribe("t", 1)
        socks = [self.socket(("127.0.0.1", server.port)) for _ in range(200)]
        steady.publish("t", "while full", 1)
        steady.expect_message("t", "while full", 1)
        before, started = server.cpu_seconds(), time.monotonic()
        steady.expect_quiet(3)
        share = (server.cpu_seconds() - before) / (time.monotonic() - started)
        self.assertLess(share, 0.2, f"{share:.0%} of a core while nothing happens")
        for sock in socks:
            sock.close()
        until(lambda: self.command("mosquitto_pub", "-p", server.port, "-t", "t", "-m", "after",
                                   seconds=5).returncode == 0, "connections after EMFILE", 30)
        steady.expect_message("t", "after", 0)

    def test_soft_limit_is_raised_and_said(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.needs(hard > 256, "the hard limit is too low")
        server = self.roost(prefix=("prlimit", f"--nofile=256:{min(hard, 4096)}"))
        self.assertEqual(resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE),
                         (min(hard, 4096), min(hard, 4096)))
        server.wait_for_log(str(min(hard, 4096)))

    def test_an_idle_broker_idles(self):
        server = self.roost()
        clients = [self.client(server.port, f"c{n}") for n in range(50)]
        before = server.cpu_seconds()
        clients[0].expect_quiet(3)
        self.assertLess(server.cpu_seconds() - before, 0.15)


class Memory(SystemCase):
    at_once = 1

    def test_a_slow_reader_s_qos_0_is_bounded(self):
        """200 MB for a client that doesn't read: dropped and counted, not kept."""
        http = self.free_port()
        server = self.roost(http={"address": "127.0.0.1", "port": http})
        slow, pub = self.client(server.port, "slow"), self.client(server.port, "pub")
        slow.subscribe("flood", 0)
        base = server.resident_bytes()
        chunk = wire.publish(4, "flood", b"f" * 100_000) * 10
        for _ in range(200):
            pub.send(chunk)
        pub.expect_nothing()
        grown = server.resident_bytes() - base
        self.assertLess(grown, 60_000_000, f"{grown / 1e6:.0f} MB for a reader that doesn't read")
        dropped = until(lambda: [line for line in self.http(http, "/metrics")[1].splitlines()
                                 if "dropped_total" in line and "slow_reader" in line
                                 and not line.endswith(" 0")], "the drops in /metrics")
        self.assertTrue(dropped)
        pub.publish("flood/after", "x", 1)

    def test_a_slow_reader_s_qos_1_waits(self):
        """QoS 1 to a client that doesn't read is kept in the session's queue: all of it comes."""
        server = self.roost()
        slow, pub = self.client(server.port, "slow"), self.client(server.port, "pub")
        slow.subscribe("flood", 1)
        for n in range(1, 2001):
            pub.send(wire.publish(4, "flood", n.to_bytes(4, "big") + b"q" * 5000, 1,
                                  packet_id=n % 900 + 1))
            if n % 500 == 0:
                for _ in range(500):
                    pub.expect("PUBACK")
        for n in range(1, 2001):
            packet = slow.expect("PUBLISH", topic="flood", qos=1)
            self.assertEqual(int.from_bytes(packet.payload[:4], "big"), n)
            slow.acknowledge(packet)

    def test_a_slow_reader_slows_nobody_else(self):
        server = self.roost()
        slow, fast = self.client(server.port, "slow"), self.client(server.port, "fast")
        pub = self.client(server.port, "pub")
        for c in (slow, fast):
            c.subscribe("t", 0)
        for n in range(100):
            pub.publish("t", b"x" * 200_000, 0)
            fast.expect("PUBLISH", topic="t")

    def test_a_header_alone_reserves_no_memory(self):
        """50 connections announce 10 MB each and send nothing of it."""
        server = self.roost()
        base = server.resident_bytes()
        clients = [self.client(server.port, f"c{n}") for n in range(50)]
        for c in clients:
            c.send(b"\x30" + varint(10_000_000) + b"\0\1t" + b"x" * 1000)
        self.publish(server.port, "t", "x", "-q", "1")
        grown = server.resident_bytes() - base
        self.assertLess(grown, 50_000_000, f"{grown / 1e6:.0f} MB")


class Sizes(SystemCase):
    def test_ten_megabytes(self):
        """The default limit of 10 MiB lets a payload of 10 MB pass, by every client."""
        port = self.roost().port
        path = os.path.join(self.folder, "payload")
        payload = os.urandom(10_000_000)
        with open(path, "wb") as out:
            out.write(payload)
        for qos in (0, 1, 2):
            sub = self.client(port, f"sub{qos}")
            sub.subscribe("big", qos)
            done = self.command("mosquitto_pub", "-p", port, "-t", "big", "-f", path, "-q", qos)
            self.assertEqual(done.returncode, 0, done.stderr)
            sub.expect_message("big", payload, qos)
            sub.disconnect()

    def test_over_the_default(self):
        port = self.roost().port
        c = self.client(port, "five", v=5)
        c.send(b"\x30" + varint(10_485_761))
        c.expect_refused(0x95)
        c = self.client(port, "four")
        c.send(b"\x30" + varint(10_485_761))
        c.expect_closed()

    def test_a_larger_limit(self):
        port = self.roost(mqtt={"max_packet_size": "32MiB"}).port
        sub, pub = self.client(port, "s"), self.client(port, "p")
        sub.subscribe("big")
        payload = b"m" * 30_000_000
        pub.send(wire.publish(4, "big", payload))
        sub.expect_publish("big", payload, timeout=30)

    def test_a_listener_s_own_limit(self):
        server = self.roost({"small": {"max_packet_size": 2048}, "large": {}})
        c = self.client(server.ports["small"], "s", v=5)
        c.send(wire.publish(5, "t", b"x" * 3000))
        c.expect_refused(0x95)
        c = self.client(server.ports["large"], "l", v=5)
        c.publish("t", b"x" * 3000, 1)


class Topics(DurableCase):
    slow = False

    def test_length(self):
        port = self.broker(mqtt={"max_topic_length": 20}).port
        c = self.client(port, "c", v=5)
        c.publish("t" * 21, "x", 1, code=0x90)
        c.publish("t" * 20, "x", 1)
        c.subscribe("t" * 21, granted=0x8F)
        self.assertEqual(self.metric("roost_publishes_refused_total", cause="max_topic_length"), 1)
        self.assertEqual(
            self.metric("roost_subscriptions_refused_total", cause="max_topic_length"), 1)

    def test_retained_payload(self):
        port = self.broker(mqtt={"max_retained_payload": "1kB"}).port
        c = self.client(port, "c", v=5)
        c.publish("t", b"x" * 1001, 1, retain=1, code=0x97)
        c.publish("t", b"x" * 1001, 1)
        c.publish("t", b"x" * 1000, 1, retain=1)
        old = self.client(port, "old")
        old.publish("t", b"x" * 1001, 1, retain=1)
        old.subscribe("t")
        old.expect_publish("t", b"x" * 1000, retain=1)
        self.assertEqual(
            self.metric("roost_publishes_refused_total", cause="max_retained_payload"), 2)


    def test_retained_count(self):
        server = self.broker(mqtt={"max_retained": 3})
        c = self.client(server.port, "c", v=5)
        for topic in "123":
            c.publish(topic, "x", 1, retain=1)
        c.publish("4", "x", 1, retain=1, code=0x97)
        c.publish("3", "y", 1, retain=1)
        server.kill()
        server.start()
        c = self.client(server.port, "c", v=5)
        c.publish("4", "x", 1, retain=1, code=0x97)
        c.publish("3", "", 1, retain=1)
        c.publish("4", "x", 1, retain=1)
        self.assertEqual(self.metric("roost_publishes_refused_total", cause="max_retained"), 1)


class Levels(SystemCase):
    def test_the_default_is_128(self):
        port = self.roost().port
        fits, deeper = "/".join(["x"] * 128), "/".join(["x"] * 129)
        c = self.client(port, "fits", v=5)
        c.subscribe(fits)
        c.publish(fits, "deep", 0)
        c.expect_publish(fits, "deep")
        c.send(wire.subscribe(5, 9, [(deeper, 0)]))
        c.expect_refused(0x8F)
        c = self.client(port, "deeper", v=5)
        c.send(wire.publish(5, deeper, "too deep", 1, packet_id=10))
        c.expect_refused(0x90)


class Connections(SystemCase):
    def test_max_connections_of_a_listener(self):
        server = self.roost({"few": {"max_connections": 3}, "other": {}})
        clients = [self.until_in(server.ports["few"], f"c{n}", 4) for n in range(3)]
        c = self.raw(server.ports["few"], 5, "one too many")
        c.send(wire.connect(5, "one-too-many"))
        packet = c.receive()
        self.assertTrue(packet is None or packet.code in (0x97, 0x89, 0x9F), f"got {packet}")
        for c in clients:
            c.expect_nothing()
        self.client(server.ports["other"], "elsewhere").expect_nothing()
        clients[0].disconnect()
        def free_again():
            c = self.raw(server.ports["few"], 4, "later")
            c.send(wire.connect(4, "later"))
            packet = c.receive()
            return packet and packet.code == 0
        until(free_again, "a free place")

    def test_connect_timeout(self):
        server = self.roost(mqtt={"connect_timeout": "1s"})
        started = time.monotonic()
        silent, half = self.raw(server.port), self.raw(server.port)
        half.send(wire.connect(4, "half")[:5])
        silent.expect_closed()
        half.expect_closed()
        self.assertTrue(0.8 < time.monotonic() - started < 20)

    def test_connect_timeout_covers_handshakes(self):
        """PROXY header, TLS and the WebSocket upgrade count: none of them may take for ever."""
        certificates = self.certificates()
        server = self.roost({"proxy": {"proxy_protocol": True}, "tls": certificates.listener(),
                             "ws": {"protocol": "ws"}}, mqtt={"connect_timeout": "1s"})
        started = time.monotonic()
        waiting = [self.raw(port) for port in server.ports.values()]
        waiting[0].send(b"PROXY TCP4 1.2.3.4")
        waiting[1].send(b"\x16\x03\x01")
        waiting[2].send(b"GET / HTTP/1.1\r\n")
        for c in waiting:
            while c.sock.recv(4096):
                pass
        self.assertTrue(0.8 < time.monotonic() - started < 20, "not closed after 1 s")

    def test_two_thousand_at_once(self):
        port = self.roost().port
        clients = [self.raw(port, 4, f"c{n}") for n in range(2000)]
        for c in clients:
            c.send(wire.connect(4, c.client_id))
        for c in clients:
            c.expect("CONNACK", code=0)
        clients[-1].subscribe("t")
        clients[0].publish("t", "from the first to the last", 1)
        clients[-1].expect_publish("t", "from the first to the last")
        for c in clients:
            c.close()
