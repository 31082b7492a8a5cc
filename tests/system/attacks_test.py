# SPDX-License-Identifier: Apache-2.0
"""Attacks by who holds connections: byte by byte, half open, announced and never sent. Each says
what is bounded and by what; a client that is none of their business is served meanwhile."""

import time

from harness import wire
from harness.properties import varint
from support.attack import (MB, AttackCase, Dribble, Peak, client_hello, dribble, open_many,
                            over_tls, wait_for_ends)
from support.roost import until
from websocket_test import WebSocket, frame

LONG_CONNECT = wire.connect(5, "c" * 400)


class SlowLoris(AttackCase):
    """A byte every 50 ms. Each ends at its time, whatever it is in."""
    each = 20
    timeout_s = 2

    def listeners(self):
        tls = self.certificates().listener()
        return {"main": {}, "tls": tls, "ws": {"protocol": "ws"}, "wss": {"protocol": "ws", **tls},
                "proxy": {"proxy_protocol": True}}

    def upgraded(self, sock):
        status, _ = WebSocket(sock).request()
        self.assertIn("101", status)
        return sock

    def ends_in_time(self, attack, listener, raw, prepare=lambda sock: sock):
        port = self.server.ports[listener]
        socks = [prepare(self.socket(("127.0.0.1", port))) for _ in range(self.each)]
        slow = [Dribble(sock, raw) for sock in socks]
        dribble(slow, self.timeout_s + 12)
        ends = [one.ended_s for one in slow]
        self.assertNotIn(None, ends, f"{attack}: still open")
        # Handshakes of the twenty before the first byte take their part of the time.
        self.assertGreater(max(ends), self.timeout_s - 1, attack)
        # One that says nothing isn't accepted before the kernel gives up waiting for bytes, 1 s.
        self.assertLess(max(ends), self.timeout_s + 10, attack)
        print(f"    {attack}: the last of {self.each} ended after {max(ends):.2f} s", flush=True)
        return max(ends)

    def test_before_connect(self):
        self.attacked(self.listeners())
        upgrade = (b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                   b"Connection: Upgrade\r\nX: " + b"x" * 400)
        worst = max([
            self.ends_in_time("nothing at all", "main", b""),
            self.ends_in_time("CONNECT", "main", LONG_CONNECT),
            self.ends_in_time("TLS ClientHello", "tls", client_hello()),
            self.ends_in_time("CONNECT inside TLS", "tls", LONG_CONNECT, over_tls),
            self.ends_in_time("WebSocket upgrade", "ws", upgrade),
            self.ends_in_time("CONNECT inside WebSocket", "ws", frame(2, LONG_CONNECT),
                              self.upgraded),
            self.ends_in_time("ClientHello of wss", "wss", client_hello()),
            self.ends_in_time("PROXY header", "proxy",
                              b"PROXY TCP6 " + b"2001:db8:0:0:0:0:0:1 " * 2 + b"40000 50000\r\n"),
            self.ends_in_time("PROXY header v2", "proxy",
                              b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x04\x00" + b"x" * 400)])
        self.until_left()
        self.survived("slow loris before CONNECT, 9 phases of TCP, TLS, WebSocket and PROXY",
                      "time: mqtt.connect_timeout for handshakes, again for CONNECT (2 s here)",
                      f"the last ended after {worst:.2f} s")

    def test_inside_a_publish(self):
        """What the keep alive waits for is a whole packet."""
        self.attacked()
        raw, ends = wire.publish(5, "t", b"x" * 1000), []
        for v in (4, 5):
            slow = []
            for n in range(self.each):
                c = self.client(self.server.port, f"v{v}-{n}", v, keep_alive=1)
                slow.append(Dribble(c.sock, raw))
            dribble(slow, 14)
            ends += [one.ended_s for one in slow]
        self.assertNotIn(None, ends, "still open")
        self.assertLess(max(ends), 1.5 + 10)
        self.assertEqual(self.metric("roost_keep_alive_timeouts_total"), 2 * self.each)
        self.until_left()
        self.survived("slow loris inside PUBLISH", "time: 1.5 keep alives (here 1.5 s); who asks "
                      "for none: mqtt.keep_alive_max", f"the last ended after {max(ends):.2f} s")

    def test_http(self):
        """More than there is room for: MQTT doesn't notice, and probes take their places."""
        self.attacked()
        slow = [Dribble(self.socket(("127.0.0.1", self.http_port)),
                        b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 4000) for _ in range(80)]
        began = time.monotonic()
        until(lambda: self.http(self.http_port, "/livez")[0] == 200, "a probe is let in", 10, 0.1)
        let_in_s = time.monotonic() - began
        self.assertGreater(self.metric("roost_http_evicted_connections_total"), 0)
        dribble(slow, 50, pause_s=0.2)
        ends = [one.ended_s for one in slow]
        self.assertNotIn(None, ends, "still open")
        self.assertLess(max(ends), 30 + 10)
        self.until_left()
        self.survived("slow loris over HTTP, 80 connections", "places: http.max_connections (64), "
                      "then the oldest makes room; time: 30 s a request",
                      f"a probe was answered after {let_in_s:.1f} s, the last ended after "
                      f"{max(ends):.1f} s")


class HalfOpen(AttackCase):
    count = 2000

    def half_open(self, attack, listener, raw, bytes_each, bound):
        port = self.server.ports[listener]
        began, cpu = time.monotonic(), self.server.cpu_seconds()
        with Peak(self.server) as peak:
            socks = open_many(port, self.count)
            for sock in socks:
                sock.send(raw)
            self.assertEqual(wait_for_ends(socks, 20), 0)
        for sock in socks:
            sock.close()
        each = (peak.bytes - self.base) / self.count
        share = (self.server.cpu_seconds() - cpu) / self.count
        self.assertLess(each, bytes_each, f"{each:.0f} bytes each")
        self.until_left()
        self.survived(f"{self.count} {attack}", bound, f"{max(0, each):.0f} B and {share * 1e6:.0f}"
                      f" us CPU each, all gone after {time.monotonic() - began:.1f} s")

    def test_that_say_nothing(self):
        self.attacked(mqtt={"connect_timeout": "3s"})
        self.half_open("connections that say nothing", "main", b"", 4000,
                       "memory: 4 kB each; time: mqtt.connect_timeout; number: "
                       "limits.max_connections, limits.max_connections_per_address")

    def test_over_tls_that_say_nothing(self):
        self.attacked({"main": {}, "tls": self.certificates().listener()},
                      mqtt={"connect_timeout": "3s"})
        self.half_open("TLS connections that say nothing", "tls", b"", 60_000,
                       "memory: 60 kB each; the same")

    def test_in_the_middle_of_the_tls_handshake(self):
        self.attacked({"main": {}, "tls": self.certificates().listener()},
                      mqtt={"connect_timeout": "5s"})
        self.half_open("TLS handshakes that stop after ClientHello", "tls", client_hello(), 100_000,
                       "memory: 100 kB each; the same, and limits.connects_per_second")


class Announced(AttackCase):
    """Lengths that nobody sends: memory is for what has come."""

    def test_the_largest_length_there_is(self):
        self.attacked()
        socks = open_many(self.server.port, 500)
        with Peak(self.server) as peak:
            for sock in socks:
                sock.send(b"\x10" + varint(268_435_455) + b"\0\4MQTT")
            self.assertEqual(wait_for_ends(socks, 10), 0)
        for sock in socks:
            sock.close()
        grown = max(0, peak.bytes - self.base)
        self.assertLess(grown, 20 * MB)
        self.until_left()
        self.survived("500 CONNECTs of 268 435 455 announced bytes", "memory: none for what hasn't "
                      "come (20 MB in all)", f"{grown / MB:.1f} MB")

    def test_the_largest_that_is_let_in(self):
        self.attacked()
        clients = [self.client(self.server.port, f"c{n}", 5) for n in range(500)]
        base = self.server.resident_bytes()
        with Peak(self.server) as peak:
            for c in clients:
                c.send(b"\x30" + varint(10_485_755) + b"\0\1t")
            time.sleep(1)
        grown = max(0, peak.bytes - base)
        self.assertLess(grown, 30 * MB)
        for c in clients:
            c.close()
        self.until_left()
        self.survived("500 PUBLISHes of 10 MiB announced, 3 bytes sent", "memory: pages for what "
                      "has come (30 MB in all)", f"{grown / MB:.1f} MB")

    def test_a_stranger_s_large_connect(self):
        """Nobody has said who he is yet: they send most of a CONNECT and stop."""
        self.attacked()
        with Peak(self.server) as peak:
            for announced, sent in ((10_000_000, 4_000_000), (393_000, 390_000)):
                socks = open_many(self.server.port, 100)
                raw = b"\x10" + varint(announced) + wire.connect(5, "c")[2:] + b"x" * sent
                for sock in socks:
                    sock.settimeout(0.5)
                    try:
                        sock.sendall(raw)
                    except OSError:
                        pass
                self.assertEqual(wait_for_ends(socks, 15), 0)
                for sock in socks:
                    sock.close()
        self.assertGreaterEqual(self.metric("roost_connects_refused_total", cause="too_large"), 100)
        grown = max(0, peak.bytes - self.base)
        self.assertLess(grown, 60 * MB, f"{grown / MB:.0f} MB for who hasn't said who he is")
        self.until_left()
        self.survived("100 strangers with 4 MB of a CONNECT of 10 MB, 100 with 390 of 393 kB",
                      "memory: mqtt.max_connect_size (384 KiB) each", f"{grown / MB:.1f} MB")
