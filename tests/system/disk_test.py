# SPDX-License-Identifier: Apache-2.0
"""A disk that is full, and a disk that forgets a bit."""

import glob
import os
import subprocess

from harness import wire
from support.durable import DurableCase
from support.roost import connectable, until
from support.small_disk import SmallDisk

NO_SPACE = 0x97
DISK_BYTES = 96 << 20


class Full(DurableCase):
    def test_full_is_said_and_over_when_there_is_room(self):
        disk = SmallDisk(self, self.make_folder(dir=self.folder), DISK_BYTES)
        data = os.path.join(disk.folder, "data")
        server = self.broker(data_dir=data, store={"reserve_bytes": "8MiB"})
        waiting = [f"before {n}".encode() * 10 for n in range(300)]
        self.offline(server.port, "away", "home/#")
        self.offline(server.port, "later", "home/#")
        self.publish_all(self.client(server.port, "first"), [("home/a", p) for p in waiting])
        five, three = self.client(server.port, "five", v=5), self.client(server.port, "three")
        filler = disk.fill()
        self.until_refused(five)
        three.send(wire.publish(4, "home/a", "while it is full", 1, packet_id=77))
        three.expect_nothing()
        three.publish("nobody/home", "qos 1 that nobody stores", 1)
        for number, packet in enumerate(self.collected(server, "away", len(waiting))):
            self.assertEqual(packet.payload, waiting[number])
        back = self.session(server.port, "away", present=1)
        back.expect_nothing()
        self.assertIsNone(server.process.poll(), server.log()[-2000:])
        os.remove(filler)
        self.until_accepted(five)
        payloads = [p.payload for p in self.until_topic(server, "later", "home/room")]
        self.assertEqual(payloads[:len(waiting)], waiting)
        self.crash(server)
        self.client(server.port, "five", v=5).publish("home/a", "after all", 1)
        back = self.session(server.port, "away", present=1)
        self.assertEqual(self.skip_to(back, b"after all"), b"after all")
        self.check_log(server)

    def until_refused(self, client):
        """What was under way may still be stored; then 0x97, and nothing but that."""
        self.answer_of(client, NO_SPACE, 30)
        for _ in range(20):
            client.publish("home/full", b"x" * 1000, 1, code=NO_SPACE)
        client.publish("home/full", "kept?", 1, retain=1, code=NO_SPACE)
        client.publish("home/full", b"x", 2, code=NO_SPACE)

    def until_accepted(self, client):
        self.answer_of(client, 0, 30, "home/room")

    def answer_of(self, client, code, seconds, topic="home/full"):
        def answered():
            packet_id = client.take_id()
            client.send(wire.publish(5, topic, b"x" * 1000, 1, packet_id=packet_id))
            return client.answer("PUBACK", packet_id=packet_id).code == code

        until(answered, f"reason code 0x{code:02x}", seconds, pause_s=0.05)

    def collected(self, server, client_id, count):
        """The first `count` messages of a session, acknowledged, and its clean end."""
        client = self.session(server.port, client_id, present=1)
        packets = []
        while len(packets) < count:
            packets.append(client.expect("PUBLISH"))
            client.acknowledge(packets[-1])
        while client.is_readable(0.2):
            client.acknowledge(client.expect("PUBLISH", topic="home/full"))
        client.send(wire.pingreq())
        client.expect("PINGRESP")
        client.send(wire.disconnect(4))
        return packets

    def until_topic(self, server, client_id, topic):
        client = self.session(server.port, client_id, present=1)
        packets = []
        while not packets or packets[-1].topic != topic:
            packets.append(client.expect("PUBLISH"))
            client.acknowledge(packets[-1])
        client.disconnect()
        return packets

    def skip_to(self, client, payload):
        while (packet := client.expect("PUBLISH")).payload != payload:
            client.acknowledge(packet)
        return packet.payload


class Flipped(DurableCase):
    """One bit, while the broker is stopped: it starts, says so, and only that is missing."""

    messages = [f"message {n:05d} ".encode() + os.urandom(480).hex().encode() for n in range(600)]

    def filled(self):
        server = self.broker()
        self.offline(server.port, "away", "queue/#")
        pub = self.client(server.port, "pub")
        for payload in self.messages:  # one at a time: a record each
            pub.publish("queue/x", payload, 1)
        for number in range(100):
            pub.publish(f"kept/{number}", f"value {number}", 1, retain=1)
        return server

    def flip(self, server, pattern, around):
        """Flips a bit inside the text `around`, in the one file that has it."""
        names = glob.glob(os.path.join(self.data_dir(server), "**", pattern), recursive=True)
        self.assertTrue(names, f"no {pattern} in {self.data_dir(server)}")
        for name in sorted(names):
            with open(name, "r+b") as file:
                data = file.read()
                at = data.find(around)
                if at < 0:
                    continue
                file.seek(at + len(around) // 2)
                file.write(bytes([data[at + len(around) // 2] ^ 0x10]))
                return name
        raise AssertionError(f"no {pattern} with {around[:20]}")

    def check(self, server, victim, missing_max):
        server.wait_for_log(r"(?i)damaged|corrupt|checksum|put aside|missing")
        # It is said before anything is open.
        server.wait_until_open()
        until(lambda: connectable(("127.0.0.1", self.http_port)), "HTTP is open")
        self.assertGreater(self.damage(), 0, "no metric counts it")
        back = self.session(server.port, "away", present=1)
        got = [packet.payload for packet in self.drain(server, back, "queue/end")]
        missing = [p for p in self.messages if p not in set(got)]
        self.assertEqual(got, [p for p in self.messages if p in set(got)], "order, or twice")
        self.assertIn(victim, missing)
        self.assertLessEqual(len(missing), missing_max)
        kept = self.retained(server, "kept")
        wrong = {t: v for t, v in kept.items() if v != f"value {t.split('/')[1]}".encode()}
        self.assertEqual(wrong, {})
        self.assertGreaterEqual(len(kept), 100 - missing_max)
        self.check_log(server)
        return missing

    def damage(self):
        return sum(value for name, value in self.metrics().items() if name.startswith(
            "roost_store_") and any(word in name for word in ("damage", "corrupt", "aside")))

    def test_in_the_log(self):
        server = self.filled()
        server.kill()
        victim = self.messages[300]
        self.flip(server, "*.log", victim)
        server.start()
        # RocksDB's log is read in blocks of 32 KiB: what follows in the same block goes with it.
        self.check(server, victim, 32768 // len(victim) + 2)

    def test_in_a_table(self):
        server = self.filled()
        self.assertEqual(server.stop(), 0)
        victim = self.messages[300]
        # The tables may be compressed; of random digits whole runs stay as they are.
        self.flip(server, "*.sst", victim[200:208])
        server.start()
        self.check(server, victim, 64)

    def test_nothing_is_said_of_a_healthy_one(self):
        server = self.filled()
        self.crash(server)
        self.assertEqual(self.damage(), 0)
        self.assertEqual(len(self.retained(server, "kept")), 100)
