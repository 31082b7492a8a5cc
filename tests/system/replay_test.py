# SPDX-License-Identifier: Apache-2.0
"""Replay of a queue beside a disk that stands still."""

import shutil
import subprocess
from pathlib import Path

from support.durable import DurableCase
from support.roost import until

# Longer than a piece of a replay waits.
SLOW = ("-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:delay_enter=8000000")


class Replay(DurableCase):
    def setUp(self):
        super().setUp()
        self.needs(shutil.which("strace"), "strace is not installed")
        probe = self.command("strace", "-f", "-o", "/dev/null", "true")
        self.needs(probe.returncode == 0, f"strace may not trace here: {probe.stderr.strip()}")

    def replay(self, server, *bounds):
        return self.roost_command("queue", "lamp", "replay", "--prefix", "again/", *bounds,
                                  "--data-dir", self.data_dir(server))

    def test_it_stops_where_a_message_is_not_acknowledged_and_goes_on_there(self):
        server = self.broker()
        self.offline(server.port, "lamp", "to/#")
        self.offline(server.port, "keeper", "again/#")
        self.publish_all(self.client(server.port, "publisher"),
                         [(f"to/{n}", b"x") for n in range(5)])
        with open(f"{self.folder}/strace", "wb") as said:
            tracer = subprocess.Popen(
                ["strace", "-f", "-p", str(server.process.pid), "-o", "/dev/null", *SLOW],
                stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        try:
            until(self.is_traced(server), "strace is attached")
            done = self.replay(server)
        finally:
            tracer.terminate()
            tracer.wait()
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("0 messages are published again", done.stdout)
        self.assertRegex(done.stderr, r"isn't acknowledged in time; go on with --from \d+ --to \d+")
        words = done.stderr.split()
        again = self.replay(server, *words[words.index("--from"):])
        self.assertEqual((again.returncode, again.stderr), (0, ""))
        self.assertIn("5 messages are published again", again.stdout)

    @staticmethod
    def is_traced(server):
        def look():
            threads = Path(f"/proc/{server.process.pid}/task").iterdir()
            return all("TracerPid:\t0\n" not in (one / "status").read_text() for one in threads)
        return look
