# SPDX-License-Identifier: Apache-2.0
"""The real binary: started with a config of its own, watched, stopped."""

import os
import re
import signal
import socket
import subprocess
import time

from harness.broker import free_port, yaml
from support import reference

PATIENCE_S = 15
START_S = 30


def connectable(address):
    """Whether something accepts at ("host", port) or at a Unix path."""
    family = socket.AF_UNIX if isinstance(address, str) else (
        socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
    with socket.socket(family) as sock:
        sock.settimeout(2)
        try:
            sock.connect(address)
            return True
        except OSError:
            return False


def until(condition, what, seconds=PATIENCE_S, pause_s=0.02):
    """Waits until condition() is true; its value. AssertionError names `what` otherwise."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(pause_s)


class Server:
    """A server process with a log file. The first of `addresses` is the main one."""

    def __init__(self, command, folder, addresses, name="server", env=None):
        self.command = command
        self.folder = folder
        self.addresses = addresses
        self.log_path = os.path.join(folder, f"{name}.log")
        self.env = env
        self.start_s = START_S
        self.process = None

    def start(self, wait=True):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                env=dict(os.environ, **(self.env or {})))
        if wait:
            self.wait_until_open()
        return self

    def wait_until_open(self):
        for address in self.addresses:
            deadline = time.monotonic() + self.start_s
            while not connectable(address):
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"{self.command} doesn't open {address}:\n{self.log()}")
                time.sleep(0.02)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait_for_log(self, pattern, seconds=PATIENCE_S):
        """The first match of a regular expression in the log, which may still have to come."""
        try:
            return until(lambda: re.search(pattern, self.log()), f"log line /{pattern}/", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; the log:\n{self.log()[-3000:]}") from None

    def stop(self, number=signal.SIGTERM, seconds=20):
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"still there {seconds} s after signal {number}") from None
        return self.process.returncode

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def restart(self):
        self.stop()
        return self.start()

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Roost(Server):
    """`roost serve` with named listeners on free ports.

    `listeners`: name -> settings; address and port are chosen when missing. `config`: the rest.
    """

    def __init__(self, path, folder, listeners=None, config=None, env=None, prefix=()):
        self.ports = {}
        listeners = listeners or {"main": {}}
        entries = [self._listener(name, settings) for name, settings in listeners.items()]
        whole = {"listeners": entries, "auth": {"allow_anonymous": True}, "http": {"port": 0},
                 "data_dir": os.path.join(folder, "data")}
        whole.update(config or {})
        self.config = os.path.join(folder, "roost.yaml")
        with open(self.config, "w", encoding="utf-8") as out:
            out.write(reference.config(entries) if reference.is_it(path) else yaml(whole))
        addresses = [e["unix"] if "unix" in e else (e["address"], e["port"]) for e in entries]
        http = whole["http"]
        if http.get("port") and not reference.is_it(path):
            addresses.append((http.get("address", "127.0.0.1"), http["port"]))
        serve = ["-c"] if reference.is_it(path) else ["serve", "--config"]
        command = [*prefix, path, *serve, self.config]
        super().__init__(command, folder, addresses, "roost", env)

    def _listener(self, name, settings):
        entry = {"name": name, **settings}
        if "unix" not in entry:
            entry.setdefault("address", "127.0.0.1")
            if "port" not in entry:
                entry["port"] = free_port(entry["address"])
            self.ports[name] = entry["port"]
        return entry

    @property
    def port(self):
        return next(iter(self.ports.values()))
