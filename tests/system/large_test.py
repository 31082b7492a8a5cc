# SPDX-License-Identifier: Apache-2.0
"""Large messages and many retained ones, over a restart: every byte, each once, bounded memory."""

import filecmp
import hashlib
import os
import subprocess
import time

from harness import wire
from harness.properties import varint
from support.durable import FULL, DurableCase

MIB = 1 << 20
LISTENER = {"max_packet_size": "80MiB"}
RETAINED = 100_000 if FULL else 20_000


class Large(DurableCase):
    at_once = 1

    def sizes(self, sizes, qos):
        server = self.broker({"main": LISTENER}, mqtt={"max_queued_bytes": "1GiB",
                                                      "max_queued_bytes_total": "1GiB"})
        self.offline(server.port, "away", "big/#", qos)
        pub = self.client(server.port, "pub")
        wanted = {}
        for size in sizes:
            payload = os.urandom(MIB // 2) * (size // (MIB // 2) + 1)
            wanted[f"big/{size}"] = payload[:size]
            pub.publish(f"big/{size}", payload[:size], qos, retain=1)
        for _ in range(2):
            self.crash(server)
            look = self.client(server.port, "look")
            look.subscribe("big/#", qos)
            found = [look.expect("PUBLISH", timeout=30, retain=1) for _ in wanted]
            self.same({packet.topic: packet.payload for packet in found}, wanted)
            look.disconnect()
        back = self.session(server.port, "away", present=1)
        for topic, payload in wanted.items():
            packet = back.expect("PUBLISH", timeout=30, topic=topic, qos=qos)
            back.acknowledge(packet)
            self.same({topic: packet.payload}, {topic: payload})
        back.expect_nothing()
        self.check_log(server)

    def same(self, found, wanted):
        def digest(values):
            return {t: (len(p), hashlib.sha256(p).hexdigest()) for t, p in values.items()}

        self.assertEqual(digest(found), digest(wanted))

    def test_around_one_megabyte(self):
        for qos in (1, 2):
            self.sizes([MIB - 1, MIB, MIB + 1, 1_000_000], qos)

    def test_sixty_four_megabytes(self):
        self.sizes([64 * MIB], 1)

    def test_sixty_four_megabytes_through_websocket_and_tls(self):
        certificates = self.certificates()
        server = self.broker({"ws": {**LISTENER, "protocol": "ws"},
                              "tls": {**LISTENER, **certificates.listener()}})
        ways = {"ws": ["--ws"], "tls": ["--cafile", certificates.ca]}
        payload = os.path.join(self.folder, "payload")
        with open(payload, "wb") as out:
            out.write(os.urandom(MIB) * 64)
        for name, way in ways.items():
            way += ["-h", "127.0.0.1", "-p", server.ports[name], "-q", 1, "-t", f"big/{name}"]
            done = self.roost_command("pub", *way, "-r", "-f", payload, seconds=60)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.crash(server)
        for way in ways.values():
            received = os.path.join(self.folder, "received")
            with open(received, "wb") as out:
                command = [self.broker_path, "sub", *way, "-C", 1, "-N"]
                subprocess.run([str(word) for word in command], stdout=out, timeout=60, check=True)
            self.assertTrue(filecmp.cmp(payload, received, shallow=False))

    def test_a_crash_in_the_middle_of_one(self):
        """Half of a large message is none: no message, no harm."""
        server = self.broker({"main": LISTENER})
        self.offline(server.port, "away", "big/#")
        pub = self.client(server.port, "pub")
        whole = wire.publish(4, "big/x", os.urandom(8 * MIB), 1, packet_id=1)
        self.assertEqual(whole[1:5], varint(len(whole) - 5))
        pub.send(whole[:5 * MIB])
        self.client(server.port, "other").publish("big/small", "s", 1)
        self.crash(server)
        back = self.session(server.port, "away", present=1)
        back.expect_message("big/small", "s", 1)
        back.expect_nothing()


class Retained(DurableCase):
    at_once = 1

    def test_a_subscriber_to_everything_gets_each_once(self):
        server = self.broker()
        pub = self.client(server.port, "pub")
        payload = b"r" * 200
        self.publish_all(pub, [(f"kept/{n % 97}/{n}", payload) for n in range(RETAINED)],
                         retain=1, window=1000)
        self.crash(server)
        before = server.resident_bytes()
        peak, started = before, time.monotonic()
        sub = self.client(server.port, "all")
        sub.subscribe("#", 1)
        seen = set()
        while len(seen) < RETAINED:
            packet = sub.expect("PUBLISH", retain=1, payload=payload)
            self.assertNotIn(packet.topic, seen)
            seen.add(packet.topic)
            sub.send(wire.puback(4, packet.packet_id))
            if len(seen) % 1000 == 0:
                peak = max(peak, server.resident_bytes())
        sub.publish("end", "", 0)
        sub.expect("PUBLISH", topic="end")
        grown = peak - before
        self.assertLess(grown, 64 * MIB, f"{grown / 1e6:.0f} MB for one subscriber to "
                        f"{RETAINED} topics ({time.monotonic() - started:.1f} s)")
