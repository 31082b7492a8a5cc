# SPDX-License-Identifier: Apache-2.0
"""A real etcd of one or three members, on loopback or each on a machine of a Lan."""

import json
import os
import shutil
import signal
import subprocess

from harness.broker import free_port
from support.roost import Server, until

ELECTION_MS = 500  # a lease lives one and a half of it at least


class Etcd:
    def __init__(self, case, members=1, lan=None):
        case.needs(shutil.which("etcd") and shutil.which("etcdctl"), "etcd is not installed")
        self.case = case
        self.lan = lan
        self.names = self.machines(members)
        self.ports = {name: (free_port(), free_port()) for name in self.names}
        folder = case.make_folder(dir=case.folder)
        self.members = {name: self._member(name, folder) for name in self.names}
        case.addCleanup(self.kill)

    @staticmethod
    def machines(members):
        return [f"etcd{number}" for number in range(members)]

    def _host(self, name):
        return self.lan.address(name) if self.lan else "127.0.0.1"

    def _url(self, name, which):
        return f"http://{self._host(name)}:{self.ports[name][which]}"

    def _member(self, name, folder):
        client, peer = self._url(name, 0), self._url(name, 1)
        every = ",".join(f"{other}={self._url(other, 1)}" for other in self.names)
        command = [*(self.lan.prefix(name) if self.lan else []), "etcd", "--name", name,
                   "--data-dir", os.path.join(folder, name), "--listen-client-urls", client,
                   "--advertise-client-urls", client, "--listen-peer-urls", peer,
                   "--initial-advertise-peer-urls", peer, "--initial-cluster", every,
                   "--initial-cluster-state", "new", "--heartbeat-interval", str(ELECTION_MS // 10),
                   "--election-timeout", str(ELECTION_MS), "--logger", "zap"]
        return Server(command, folder, [(self._host(name), self.ports[name][0])], name)

    @property
    def endpoints(self):
        return [f"{self._host(name)}:{self.ports[name][0]}" for name in self.names]

    def start(self):
        for member in self.members.values():
            if member.process is None or member.process.poll() is not None:
                member.start(wait=False)
        until(lambda: self.control("endpoint", "health").returncode == 0, "etcd answers", 30)
        return self

    def kill(self, *names):
        for name in names or self.names:
            self.members[name].kill()

    def send_signal(self, number, *names):
        for name in names or self.names:
            self.members[name].process.send_signal(number)

    def pause(self, *names):
        self.send_signal(signal.SIGSTOP, *names)

    def resume(self, *names):
        self.send_signal(signal.SIGCONT, *names)

    def control(self, *words, endpoints=None):
        """etcdctl against all members, or those named."""
        return subprocess.run(
            ["etcdctl", "--endpoints", ",".join(endpoints or self.endpoints), *words],
            capture_output=True, text=True, timeout=30, check=False,
            env=dict(os.environ, ETCDCTL_API="3"))

    def leader(self):
        """The name of the member that leads; an answer of any living one."""
        def asked():
            for endpoint in self.endpoints:
                done = self.control("endpoint", "status", "-w", "json", endpoints=[endpoint])
                if done.returncode:
                    continue
                status = json.loads(done.stdout)[0]["Status"]
                if status.get("leader") == status["header"]["member_id"]:
                    return self.names[self.endpoints.index(endpoint)]
            return None

        return until(asked, "etcd has a leader", 30)
