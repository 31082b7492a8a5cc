# SPDX-License-Identifier: Apache-2.0
"""What tests of attacks share: somebody who has to be served meanwhile, memory, CPU, and a line
"attack | bound | measured" that README.md's table is made of."""

import json
import os
import select
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

from support.durable import DurableCase
from support.roost import until

HERE = Path(__file__).resolve().parent
# Generous: two cores that the attacker and a compiler may share with the broker.
WORST_MS = 5000
P99_MS = 1000
P99_ROUNDS = 200  # of fewer, it is the worst one or the one before
MB = 1e6


class Steady:
    def __init__(self, port):
        paths = os.pathsep.join([str(HERE.parent), str(HERE.parent.parent / "conformance")])
        self.process = subprocess.Popen(
            [sys.executable, HERE / "steady.py", "127.0.0.1", str(port)], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=dict(os.environ, PYTHONPATH=paths))
        if self.process.stdout.readline() != "ready\n":
            raise AssertionError("the steady client didn't come in")

    def stop(self):
        said = self.process.communicate("\n", timeout=30)[0]
        return json.loads(said)

    def kill(self):
        self.process.kill()
        self.process.communicate()


class Peak:
    """The most memory that a server had inside the `with`, looked at every 20 ms."""

    def __init__(self, server):
        self.server = server
        self.bytes = 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self):
        while not self.over.wait(0.02):
            self.bytes = max(self.bytes, self.server.resident_bytes())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        self.bytes = max(self.bytes, self.server.resident_bytes())


class AttackCase(DurableCase):
    at_once = 1
    slow = False

    def attacked(self, listeners=None, **config):
        """A broker with a steady client on its first listener; `base` is what it takes then."""
        config["mqtt"] = {"connect_timeout": "2s", **config.get("mqtt", {})}
        self.server = self.broker(listeners, **config)
        self.begin(self.server.port)
        return self.server

    def begin(self, port):
        self.steady = Steady(port)
        self.addCleanup(self.steady.kill)
        self.base = self.server.resident_bytes()
        self.cpu, self.began = self.server.cpu_seconds(), time.monotonic()

    def grown(self):
        return self.server.resident_bytes() - self.base

    def cpu_share(self):
        """Of one core, since the attack began."""
        return (self.server.cpu_seconds() - self.cpu) / (time.monotonic() - self.began)

    def until_left(self, connections=1, subscriptions=1, seconds=15):
        """Nobody but the steady client is there any more."""
        until(lambda: self.metric("roost_connections_open") == connections
              and self.metric("roost_subscriptions") == subscriptions,
              "only the steady client is left", seconds, 0.1)

    def survived(self, attack, bound, measured):
        """The attack is over: what it did to the steady client, and a line for the table."""
        told = self.steady.stop()
        self.assertGreater(told["rounds"], 10)
        self.assertLess(told["worst_ms"], WORST_MS, f"{attack}: {told}")
        if told["rounds"] >= P99_ROUNDS:
            self.assertLess(told["p99_ms"], P99_MS, f"{attack}: {told}")
        self.assertIsNone(self.server.process.poll())
        self.check_log(self.server)
        print(f"attack | {attack} | {bound} | {measured}; others: p99 {told['p99_ms']:.1f}, "
              f"worst {told['worst_ms']:.0f} ms", flush=True)


def client_hello():
    """The first bytes that a TLS client sends."""
    sent = ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), sent, server_hostname="localhost")
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return sent.read()


def over_tls(sock):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(sock)


def is_over(sock):
    """Whether the broker has ended this connection; what it says is thrown away."""
    sock.setblocking(False)
    try:
        while sock.recv(65536):
            pass
        return True
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True


class Dribble:
    """A connection that gets its bytes one by one; `ended_s` after its begin, or None."""

    def __init__(self, sock, raw):
        self.sock = sock
        self.rest = raw
        self.began = time.monotonic()
        self.ended_s = None

    def step(self):
        if self.ended_s is None and is_over(self.sock):
            self.ended_s = time.monotonic() - self.began
        if self.ended_s is not None or not self.rest:
            return
        try:
            self.sock.send(self.rest[:1])
            self.rest = self.rest[1:]
        except OSError:
            pass


def dribble(all_of_them, seconds, pause_s=0.05):
    """Until the broker has ended all of them."""
    deadline = time.monotonic() + seconds
    while any(one.ended_s is None for one in all_of_them) and time.monotonic() < deadline:
        for one in all_of_them:
            one.step()
        time.sleep(pause_s)


def wait_for_ends(socks, seconds):
    """How many are still open after that time."""
    deadline = time.monotonic() + seconds
    still = list(socks)
    while still and time.monotonic() < deadline:
        still = [sock for sock in still if not is_over(sock)]
        time.sleep(0.05)
    return len(still)


def open_many(port, count):
    socks = []
    for _ in range(count):
        sock = socket.socket()
        sock.settimeout(15)
        sock.connect(("127.0.0.1", port))
        socks.append(sock)
    return socks


def readable(sock, seconds):
    poller = select.poll()
    poller.register(sock, select.POLLIN)
    return bool(poller.poll(seconds * 1000))
