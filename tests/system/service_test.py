# SPDX-License-Identifier: Apache-2.0
"""What systemd hears of a service of Type=notify: the real binary, and the test in systemd's place."""

import ctypes
import os
import signal
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path

from support.case import SystemCase
from support.roost import until

PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
WAIT_ALL = 0x40000000  # __WALL: threads, too
WATCHDOG_S = 0.4


class Systemd:
    """The other end of NOTIFY_SOCKET: each message as a dictionary of its lines."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path.replace("@", "\0"))
        self.environment = {"NOTIFY_SOCKET": path}

    def next(self, seconds=15):
        self.socket.settimeout(seconds)
        return dict(line.split("=", 1) for line in self.socket.recv(4096).decode().splitlines())

    def wait_for(self, name, seconds=15):
        """The first message with that name; those before it are passed over."""
        deadline = time.monotonic() + seconds
        while True:
            message = self.next(max(0.01, deadline - time.monotonic()))
            if name in message:
                return message

    def is_silent_of(self, name, seconds):
        try:
            self.wait_for(name, seconds)
            return False
        except TimeoutError:
            return True


class StoppedThread:
    """One thread of a process stands still, the others don't."""

    def __init__(self, pid, name):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.thread = next(int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()
                           if (task / "comm").read_text().strip() == name)

    def _ask(self, what):
        if self.libc.ptrace(what, self.thread, None, None) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def __enter__(self):
        self._ask(PTRACE_SEIZE)
        self._ask(PTRACE_INTERRUPT)
        os.waitpid(self.thread, WAIT_ALL)

    def __exit__(self, *_):
        self._ask(PTRACE_DETACH)


class Service(SystemCase):
    def setUp(self):
        super().setUp()
        self.needs(not self.broker_path.endswith("mosquitto"), "only Roost has this")
        self.systemd = Systemd(os.path.join(self.folder, "notify"))

    def start(self, systemd=None, watchdog=True, **config):
        env = dict((systemd or self.systemd).environment)
        if watchdog:
            env["WATCHDOG_USEC"] = str(int(WATCHDOG_S * 1e6))
        server = self.roost(start=False, env=env, **config)
        server.start(wait=False)
        return server

    def until_unfed(self):
        """Those that were on their way have come, and no more do."""
        until(lambda: self.systemd.is_silent_of("WATCHDOG", 1), "the watchdog isn't fed", 20)

    def test_it_is_ready_when_it_serves_and_says_that_it_stops(self):
        server = self.start(watchdog=False)
        ready = self.systemd.next()
        self.assertEqual(ready["READY"], "1")
        self.assertEqual(ready["STATUS"], "Serves; connections: 0")
        self.client(server.port, "lamp")  # at once, without waiting for the port
        server.process.send_signal(signal.SIGTERM)
        stopping = self.systemd.wait_for("STOPPING")
        self.assertEqual(stopping["STATUS"], "Stops; connections left: 1")
        self.assertEqual(server.process.wait(20), 0)

    def test_an_abstract_socket_hears_it_too(self):
        systemd = Systemd(f"@roost-{os.getpid()}-{id(self)}")
        server = self.start(systemd, watchdog=False)
        self.assertEqual(systemd.next()["READY"], "1")
        self.assertEqual(server.stop(), 0)

    def test_a_reload_is_announced_and_ended(self):
        server = self.start(watchdog=False)
        self.systemd.wait_for("READY")
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        server.process.send_signal(signal.SIGHUP)
        reloading = self.systemd.wait_for("RELOADING")
        self.assertEqual(reloading["RELOADING"], "1")
        self.assertGreaterEqual(int(reloading["MONOTONIC_USEC"]), before)
        self.assertLessEqual(int(reloading["MONOTONIC_USEC"]),
                             time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)
        self.assertEqual(self.systemd.next()["READY"], "1")
        self.assertEqual(server.stop(), 0)

    def test_the_watchdog_is_fed_until_a_core_is_stuck(self):
        server = self.start(threads=2)
        for _ in range(3):
            self.systemd.wait_for("WATCHDOG", 20)
        with StoppedThread(server.process.pid, "core 0"):
            self.until_unfed()
            self.assertTrue(self.systemd.is_silent_of("WATCHDOG", 5 * WATCHDOG_S))
        self.systemd.wait_for("WATCHDOG")
        self.assertEqual(server.stop(), 0)

    def test_a_stop_is_given_more_time_while_the_cores_turn(self):
        server = self.start()
        self.systemd.wait_for("WATCHDOG")
        server.process.send_signal(signal.SIGTERM)
        extended = self.systemd.wait_for("EXTEND_TIMEOUT_USEC")
        self.assertEqual(int(extended["EXTEND_TIMEOUT_USEC"]), 30_000_000)
        self.assertEqual(server.process.wait(20), 0)

    def test_a_stop_that_hangs_isnt(self):
        server = self.start()
        self.systemd.wait_for("WATCHDOG")
        with StoppedThread(server.process.pid, "core 0"):
            self.until_unfed()
            server.process.send_signal(signal.SIGTERM)
            self.systemd.wait_for("STOPPING")
            self.assertTrue(self.systemd.is_silent_of("EXTEND_TIMEOUT_USEC", 3 * WATCHDOG_S))
        self.assertEqual(server.process.wait(20), 0)

    def test_a_node_that_waits_for_its_cluster_is_no_start_that_failed(self):
        http_port, peer_port, nobody = self.free_port(), self.free_port(), self.free_port()
        server = self.start(
            cluster={"name": "waits"}, etcd={"endpoints": f"127.0.0.1:{nobody}"},
            node={"name": "n1", "listen": f"127.0.0.1:{peer_port}",
                  "advertise": f"127.0.0.1:{peer_port}"},
            http={"port": http_port})
        ready = self.systemd.wait_for("READY")
        self.assertEqual(ready["STATUS"], "Waits for etcd and the other nodes")
        self.systemd.wait_for("WATCHDOG")

        def answers():
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{http_port}/readyz", timeout=5)
            except urllib.error.HTTPError as error:
                return error.code
            except OSError:
                return 0
            return 200

        self.assertEqual(until(answers, "HTTP answers"), 503)
        self.assertEqual(server.stop(), 0)
