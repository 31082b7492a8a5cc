# SPDX-License-Identifier: Apache-2.0
"""Starts the broker under test with a config of its own, and stops it."""

import errno
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

START_S = 30


_given = set()  # whoever asked for one may not listen on it yet, or not at the moment


def free_port(host="127.0.0.1"):
    """Below the range that outgoing connections take theirs from: one of those can't come between.
    None twice."""
    return free_base((0,), host)


def free_base(offsets, host="127.0.0.1"):
    """The number that all of these ports are counted from; each of them as of free_port()."""
    while True:
        base = random.randrange(12000, 32000 - max(offsets))
        ports = {base + offset for offset in offsets}
        if not ports & _given and all(_can_be_bound(host, port) for port in ports):
            _given.update(ports)
            return base


def _can_be_bound(host, port):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as sock:
        try:
            sock.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return False
    return True


def yaml(value, indent=0):
    """Enough YAML for a config: maps, lists and scalars."""
    pad = "  " * indent
    if isinstance(value, dict) and value:
        return "".join(_entry(pad, k, v, indent) for k, v in value.items())
    if isinstance(value, list) and value:
        return "".join(f"{pad}-\n{yaml(item, indent + 1)}" if isinstance(item, (dict, list))
                       else f"{pad}- {_scalar(item)}\n" for item in value)
    return f"{pad}{_scalar(value)}\n"


def _entry(pad, key, value, indent):
    if isinstance(value, (dict, list)) and value:
        return f"{pad}{key}:\n{yaml(value, indent + 1)}"
    return f"{pad}{key}: {_scalar(value)}\n"


def _scalar(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, (dict, list)):
        return "{}" if isinstance(value, dict) else "[]"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def wait_until_listening(host, port, process=None, seconds=START_S):
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection((host, port), timeout=1).close()
            return
        except OSError:
            if process is not None and process.poll() is not None:
                raise RuntimeError(f"it ended with {process.returncode} at start") from None
            if time.monotonic() > deadline:
                raise RuntimeError(f"nothing listens on {host}:{port} after {seconds} s") from None
            time.sleep(0.02)


class Remote:
    """A broker that somebody else started."""

    def __init__(self, host, port):
        self.host = host
        self.port = port


class Broker:
    """A process of ours, its folder and its log."""

    def __init__(self, path, config=None, host="127.0.0.1", port=None):
        self.path = os.path.abspath(path)
        self.host = host
        self.port = port or free_port(host)
        self.folder = tempfile.mkdtemp(prefix="roost-test-")
        self.config = os.path.join(self.folder, "config")
        self.log_path = os.path.join(self.folder, "log")
        with open(self.config, "w", encoding="utf-8") as out:
            out.write(self._text(config or {}))
        self.process = None

    def is_mosquitto(self):
        return os.path.basename(self.path) == "mosquitto"

    def _text(self, config):
        if self.is_mosquitto():
            return config.pop("mosquitto", "") + mosquitto_config(self.host, self.port)
        config.pop("mosquitto", None)
        listener = {"protocol": "mqtt", "address": self.host, "port": self.port}
        whole = {"listeners": [listener], "auth": {"allow_anonymous": True},
                 "http": {"port": 0}, "data_dir": os.path.join(self.folder, "data")}
        whole.update(config)
        return yaml(whole)

    def command(self):
        if self.is_mosquitto():
            return [self.path, "-c", self.config]
        return [self.path, "serve", "--config", self.config]

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, cwd=self.folder)
        try:
            wait_until_listening(self.host, self.port, self.process)
        except RuntimeError as error:
            raise RuntimeError(f"{self.path}: {error}\n{self.log()}") from None
        return self

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def stop(self, number=signal.SIGTERM, seconds=20):
        """Ends the process; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode

    def remove(self):
        if self.process is not None:
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def mosquitto_config(host, port):
    """The reference's settings, as near to ours as it gets."""
    return (f"listener {port} {host}\nallow_anonymous true\nmax_queued_messages 0\n"
            "max_inflight_messages 1000\nmax_topic_alias 10\nset_tcp_nodelay true\n"
            "persistence false\nlog_dest stdout\n")
