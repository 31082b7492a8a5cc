# SPDX-License-Identifier: Apache-2.0
"""A real cluster: `roost serve` several times and etcd, on loopback or on machines of a Lan.

    cluster = Cluster(self).start()
    cluster.leader_of("lamp").kill()
    cluster.wait_until_well(nodes=2)
"""

import json
import os
import re
import shutil
import signal
import urllib.error
import urllib.request

from harness.broker import free_port
from support.etcd import Etcd
from support.lan import Lan
from support.roost import Roost, until

FORM_S = 60
HEAL_S = 180
METRIC = re.compile(r"^([a-z_]+)(\{[^}]*\})? (\S+)$", re.MULTILINE)


class Node(Roost):
    """One node; its folder, ports and name stay over restarts."""

    def __init__(self, cluster, name, config):
        self.cluster = cluster
        self.name = name
        lan = cluster.lan
        self.host = lan.address(name) if lan else "127.0.0.1"
        self.http_port, self.peer_port = free_port(), free_port()
        self.paused = False
        case = cluster.case
        folder = case.make_folder(dir=case.folder)
        whole = {
            "http": {"address": self.host, "port": self.http_port},
            "cluster": {"name": "test", "nodes": cluster.size},
            "node": {"name": name, "listen": f"{self.host}:{self.peer_port}",
                     "advertise": f"{self.host}:{self.peer_port}"},
            "etcd": {"endpoints": cluster.etcd.endpoints},
            "log": {"max_connection_lines": 10000}}
        for group, settings in config.items():
            both = isinstance(settings, dict) and isinstance(whole.get(group), dict)
            whole[group] = {**whole[group], **settings} if both else settings
        # Ports are free on this machine; as good as any on one of a Lan.
        listeners = {kind: {"address": self.host, "port": free_port(), **settings}
                     for kind, settings in cluster.listeners.items()}
        super().__init__(case.broker_path, folder, listeners, whole, cluster.env(name),
                         lan.prefix(name) if lan else ())
        self.data_dir = os.path.join(folder, "data")

    # The process

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def start(self, wait=False):
        """Doesn't wait unless told to: a node of a new cluster is ready when all are there."""
        self.paused = False
        return super().start(wait)

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)
        self.paused = True

    def resume(self):
        self.process.send_signal(signal.SIGCONT)
        self.paused = False

    def delete_disk(self):
        """Requires: it doesn't run."""
        assert not self.is_running, f"{self.name} runs"
        shutil.rmtree(self.data_dir, ignore_errors=True)

    # What it says

    @property
    def url(self):
        return f"mqtt://{self.host}:{self.port}"

    def is_ready(self):
        try:
            with urllib.request.urlopen(f"http://{self.host}:{self.http_port}/readyz",
                                        timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def wait_until_ready(self, seconds=FORM_S):
        def ready():
            if not self.is_running:
                raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n"
                                     f"{self.log()[-3000:]}")
            return self.is_ready()

        until(ready, f"{self.name} is ready", seconds)
        return self

    def metrics(self):
        """{"name" or 'name{labels}': value}"""
        with urllib.request.urlopen(f"http://{self.host}:{self.http_port}/metrics",
                                    timeout=10) as answer:
            text = answer.read().decode()
        return {name + labels: float(value) for name, labels, value in METRIC.findall(text)}

    def tool(self, *words, seconds=30):
        """`roost ...` about this node, as CompletedProcess."""
        return self.cluster.case.roost_command(*words, "--data-dir", self.data_dir, seconds=seconds)

    def status(self):
        """What it says of the cluster; None where it says nothing."""
        done = self.tool("cluster", "status", "--json")
        return json.loads(done.stdout) if done.returncode == 0 else None


class Cluster:
    """Ends with the test case. Of every node: `config`, groups as in roost.yaml; `listeners`, name
    -> settings, the first one is for whoever doesn't choose; `env`, what environment the node of a
    name has besides."""

    def __init__(self, case, nodes=3, etcd=1, lan=False, config=None, listeners=None,
                 env=lambda name: {}):
        self.case = case
        self.size = nodes
        self.env = env
        self.config = config or {}
        self.listeners = listeners or {"main": {}}
        names = [f"n{number}" for number in range(1, nodes + 1)]
        self.lan = Lan(case, names + Etcd.machines(etcd)) if lan else None
        self.etcd = Etcd(case, etcd, self.lan)
        self.nodes = []
        for name in names:
            self._add(name)

    def _add(self, name):
        node = Node(self, name, self.config)
        self.case.addCleanup(node.kill)
        self.nodes.append(node)
        return node

    def __getitem__(self, name):
        return next(node for node in self.nodes if node.name == name)

    def start(self):
        self.etcd.start()
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            node.wait_until_ready()
        self.wait_until_well(seconds=FORM_S)
        return self

    def join(self, name):
        """One node more, started; loopback only."""
        assert self.lan is None, "machines of a Lan are made at its start"
        return self._add(name).start()

    # What is known

    @property
    def running(self):
        return [node for node in self.nodes if node.is_running and not node.paused]

    @property
    def urls(self):
        """For `roost bench verify`."""
        return [part for node in self.nodes for part in ("--url", node.url)]

    def status(self):
        """Of the first node that answers."""
        for node in self.running:
            status = node.status()
            if status:
                return status
        return None

    def leader_of(self, key):
        """The node that leads the shard of a client id or topic, when there is one."""
        def found():
            for node in self.running:
                done = node.tool("cluster", "status", "--json", "--shard-of", key)
                if done.returncode == 0:
                    name = json.loads(done.stdout)["leader"]
                    return self[name] if name else None
            return None

        return until(found, f"the shard of {key!r} has a leader", HEAL_S)

    def follower_of(self, key):
        """A running node that doesn't lead that shard."""
        leader = self.leader_of(key)
        return next(node for node in self.running if node is not leader)

    def key_led_by(self, node, beginning="key"):
        """A client id or topic whose shard that node leads."""
        return next(key for key in (f"{beginning}{number}" for number in range(1000))
                    if self.leader_of(key) is node)

    def shard_of(self, key):
        """The number of the shard of a client id or topic."""
        done = self.running[0].tool("cluster", "status", "--json", "--shard-of", key)
        return json.loads(done.stdout)["shard"]

    def key_beside(self, other, beginning="key"):
        """A client id or topic in the shard of another."""
        shard = self.shard_of(other)
        return next(key for key in (f"{beginning}{number}" for number in range(10000))
                    if self.shard_of(key) == shard)

    @staticmethod
    def trouble(status, nodes):
        """What is missing to `nodes` linked nodes and all shards well; empty: nothing."""
        if status is None:
            return "no node answers"
        there = [node for node in status["nodes"] if node["alive"] and node["linked"]]
        if len(there) < nodes:
            return f"only {[node['name'] for node in there]} of {nodes} nodes are linked"
        if not status["shards"]:
            return "no shards"
        bad = [(shard["id"], shard["trouble"]) for shard in status["shards"] if not shard["well"]]
        return f"{len(bad)} shards aren't well, like {bad[:3]}" if bad else ""

    def wait_until_well(self, nodes=None, seconds=HEAL_S):
        """All running nodes (or so many) say that all shards are led and in sync."""
        wanted = len(self.running) if nodes is None else nodes
        said = {}

        def well():
            for node in self.running:
                said[node.name] = self.trouble(node.status(), wanted)
            return not any(said[node.name] for node in self.running)

        try:
            until(well, "all shards led and in sync", seconds, pause_s=0.1)
        except AssertionError as error:
            raise AssertionError(f"{error}: {said}\n{self.logs()}") from None

    def logs(self, characters=1500):
        return "\n".join(f"--- {node.name}\n{node.log()[-characters:]}" for node in self.nodes
                         if os.path.exists(node.log_path))

    def check_no_crash(self):
        """No node ended by itself, none wrote what a crash writes."""
        for node in self.nodes:
            log = node.log()
            self.case.assertNotRegex(log, "CHECK|Sanitizer|terminate called|Segmentation",
                                     f"{node.name}: {log[-3000:]}")
