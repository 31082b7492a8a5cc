# SPDX-License-Identifier: Apache-2.0
"""kill -9 keeps the page cache: so here system calls are looked at, and fsync is made to lie."""

import os
import re
import shutil

from harness import wire
from support import strace
from support.durable import DurableCase
from support.roost import until
from support.sync_shim import SyncShim

_TOKEN = re.compile(rb"proof-[0-9a-f]{12}-")


def token_of(payload):
    found = _TOKEN.search(payload)
    return found and found[0]


class SyncCase(DurableCase):
    def setUp(self):
        super().setUp()
        self.count = 0

    def payload(self):
        """Its token twice: a record that goes over a block's end splits one of them at most."""
        self.count += 1
        token = b"proof-%012x-" % self.count
        return token + b"." * 40 + token


class Traced(SyncCase):
    def traced(self, listener=None, env=None):
        self.needs(shutil.which("strace"), "strace is not installed")
        probe = self.command("strace", "-f", "-D", "-o", "/dev/null", "true")
        self.needs(probe.returncode == 0, f"strace may not trace here: {probe.stderr.strip()}")
        self.out = os.path.join(self.folder, "trace")
        self.server = self.broker({"main": listener or {}}, env=env,
                                  prefix=("strace", "-D", *strace.OPTIONS, "-o", self.out))
        self.offline(self.server.port, "keeper", "proof/#", qos=2)

    def faults(self, acks_min):
        """Ends the broker; what its trace says against the acknowledgements."""
        pid = self.server.process.pid
        self.assertEqual(self.server.stop(), 0, self.server.log()[-3000:])

        def text():
            with open(self.out, encoding="ascii", errors="replace") as file:
                return file.read()

        until(lambda: re.search(rf"^{pid} +\+\+\+ exited", text()[-4000:], re.MULTILINE),
              "the end of the trace", pause_s=0.2)
        trace = strace.Trace(text().split("\n"), self.data_dir(self.server))
        self.assertGreaterEqual(len(trace.acks), acks_min, "acknowledgements in the trace")
        return trace.faults(token_of)

    def one_at_a_time(self, count=60):
        clients = [self.client(self.server.port, f"pub{v}", v) for v in (4, 5)]
        for number in range(count):
            clients[number % 2].publish("proof/one", self.payload(), 1 + number // 2 % 2)
        for number in range(count // 4):
            clients[number % 2].publish(f"kept/{number % 3}", self.payload(), 1, retain=1)
        return count + count // 4

    def pipelined(self, count=120):
        clients = [self.client(self.server.port, f"many{n}") for n in range(2)]
        ids = range(1, count // 4 + 1)
        for qos in (1, 2):
            for packet_id in ids:
                for client in clients:
                    client.send(wire.publish(4, "proof/many", self.payload(), qos,
                                             packet_id=packet_id))
            for client in clients:
                self.await_acks(client, ids)
        return count

    def test_no_acknowledgement_before_its_fdatasync(self):
        self.traced()
        faults = self.faults(self.one_at_a_time() + self.pipelined())
        self.assertEqual(faults[:5], [], f"{len(faults)} faults")

    def test_it_sees_a_broker_that_does_not_sync(self):
        """The same with an fsync that does nothing: every acknowledgement is a fault."""
        shim = SyncShim(self)
        shim.say("skip")
        self.traced(env=shim.env())
        acks = self.one_at_a_time(20) + self.pipelined(40)
        self.assertEqual(len(self.faults(acks)), acks)

    def test_it_sees_acknowledgements_from_memory(self):
        self.traced({"ack": "memory"})
        acks = self.one_at_a_time(40)
        self.assertGreater(len(self.faults(acks)), acks // 4)


class Failing(SyncCase):
    def test_a_failed_fsync_ends_the_process_and_acknowledges_nothing(self):
        shim = SyncShim(self)
        server = self.broker(env=shim.env())
        self.offline(server.port, "keeper", "proof/#")
        pub = self.client(server.port, "pub")
        stored = [self.payload() for _ in range(20)]
        self.publish_all(pub, [("proof/x", payload) for payload in stored])
        shim.say("fail")
        pub.send(wire.publish(4, "proof/x", self.payload(), 1, packet_id=999))
        answer = pub.receive()
        self.assertTrue(answer is None or answer.kind != "PUBACK", answer)
        self.assertNotEqual(server.process.wait(15), 0)
        self.assertRegex(server.log(), r"(?i)sync|I/O|input/output")
        shim.say("")
        server.start()
        back = self.session(server.port, "keeper", present=1)
        for payload in stored:
            back.expect_message("proof/x", payload, 1)


LINES = """
10 recvfrom(7<socket:[1]>, "{publish}", 65536, 0, NULL, NULL) = {size}
11 write(9<{log}>, "{payload}", 99 <unfinished ...>
10 write(3<anon_inode:[eventfd]>, "\\x01", 1) = 1
11 <... write resumed>) = 99
{first}
{second}
11 <... fdatasync resumed>) = {result}
"""
SYNC = "11 fdatasync(9<{log}> <unfinished ...>"
ACK = '10 sendto(7<socket:[1]>, "\\x40\\x02\\x00\\x05", 4, MSG_NOSIGNAL, NULL, 0) = 4'


class Judge(SyncCase):
    """The judge itself, on traces that were written by hand."""

    def judge(self, text, **more):
        payload = self.payload()
        publish = wire.publish(4, "t", payload, 1, packet_id=5)

        def escape(data):
            return "".join(f"\\x{byte:02x}" for byte in data)

        path = "/data/log"
        fields = dict(publish=escape(publish), size=len(publish), payload=escape(payload),
                      log=escape(path.encode()), result=0, first="", second="")
        fields.update(more)
        fields = {k: v.replace("{log}", fields["log"]) if isinstance(v, str) else v
                  for k, v in fields.items()}
        trace = strace.Trace(text.format(**fields).split("\n"), "/data")
        self.assertEqual(len(trace.acks), 1)
        return trace.faults(token_of)

    def test_in_order(self):
        self.assertEqual(self.judge(LINES.replace("{second}\n", "") + ACK, first=SYNC), [])

    def test_acknowledged_while_it_syncs(self):
        self.assertEqual(len(self.judge(LINES, first=SYNC, second=ACK)), 1)

    def test_acknowledged_before_it_syncs(self):
        self.assertEqual(len(self.judge(LINES, first=ACK, second=SYNC)), 1)

    def test_a_sync_that_fails(self):
        text = LINES.replace("{second}\n", "") + ACK
        self.assertEqual(len(self.judge(text, first=SYNC, result="-1 EIO (Input/output error)")), 1)

    def test_a_sync_that_began_before_the_write_ended(self):
        lines = LINES.split("\n")
        lines.insert(3, "12 fdatasync(9<{log}>) = 0")
        text = "\n".join(lines).replace("{second}\n", "").replace("11 <... fdata", "13 <... fdata")
        self.assertEqual(len(self.judge(text + ACK)), 1)

    def test_a_sync_of_another_file(self):
        text = LINES.replace("{second}\n", "") + ACK
        self.assertEqual(len(self.judge(text, first=SYNC.replace("{log}", "/data/other"))), 1)
