# SPDX-License-Identifier: Apache-2.0
"""What tests of a cluster share: clients on named nodes, and load that is accounted for."""

import json
import random
import re
import signal
import time
from types import SimpleNamespace

from harness import wire
from support.cluster import Cluster
from support.durable import DurableCase, seed
from support.roost import until

PATIENCE_S = 60
DELIVERY_S = 120
UNAVAILABLE = (3, 0x88)
# What a run of `roost bench verify` must not have, whatever was done to the nodes.
FAULTS = ("lost", "repeats_qos2", "reordered", "foreign", "refused", "sessions_gone",
          "recovery_missing")


class Load:
    """`roost bench verify` over all nodes, until end()."""

    def __init__(self, case, cluster, *options, nodes=None, qos="mix", rate=600):
        urls = [part for node in nodes or cluster.nodes for part in ("--url", node.url)]
        self.case = case
        self.clients = 9
        self.run = case.tool(
            case.broker_path, "bench", "verify", *urls, "--publishers", "6", "--subscribers", "3",
            "--topics", "4", "--size", "128", "--rate", str(rate), "--seconds", "3600", "--drain",
            "20", "--silence", "2", "-q", qos, "--json", *options)
        self.wait_until_delivering()

    def wait_until_delivering(self, ready=None):
        """A whole second in which messages came and so many clients were there."""
        wanted = rf"measuring .*delivered +[1-9]\d*/s  ready {ready or self.clients}$"
        deadline = time.monotonic() + DELIVERY_S
        while not re.search(wanted, self.run.wait_for("measuring ", PATIENCE_S).decode()):
            if time.monotonic() > deadline:
                last = self.run.seen[-1].decode()
                raise AssertionError(f"no delivery to all within {DELIVERY_S} s: {last}")

    def go_on(self, seconds):
        """Some seconds of load more, by its own lines."""
        for _ in range(seconds):
            self.run.wait_for("measuring ", PATIENCE_S)

    def mark(self):
        """The time until every subscriber has a newer message counts from here."""
        self.run.process.send_signal(signal.SIGUSR1)

    def end(self):
        """The figures; everything that was acknowledged was received."""
        self.run.process.send_signal(signal.SIGINT)
        figures = json.loads(self.run.wait_for("^{", 120))
        code = self.run.finish()
        for name in FAULTS:
            self.case.assertEqual(figures.get(name, 0), 0, (name, figures))
        self.case.assertEqual(code, 0, figures)
        self.case.assertEqual(figures["acknowledged"], figures["sent"], figures)
        self.case.assertGreater(figures["acknowledged"], 0, figures)
        return figures


class ClusterCase(DurableCase):
    # Three nodes and etcd are load enough, and leases are short. Who measures no time, nor kills
    # leaders for one, says 2.
    at_once = 1

    def setUp(self):
        super().setUp()
        self.needs(not self.broker_path.endswith("mosquitto"), "only Roost has this")

    def cluster(self, **more):
        return Cluster(self, **more).start()

    # Clients of a cluster

    def client(self, address, client_id, v=4, present=0, **more):
        """Asks again where it is refused for want of a leader, as a client must."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            client = self.raw(address, v, client_id)
            client.send(wire.connect(v, client_id, **more))
            packet = client.receive(timeout=PATIENCE_S)
            if packet is None or packet.code not in UNAVAILABLE or time.monotonic() > deadline:
                break
            client.close()
        client.early.insert(0, packet)
        client.expect("CONNACK", code=0, session_present=present)
        return client

    def received(self, node, client_id, count, v=4):
        """The first `count` messages of a session that is there, acknowledged. Who is sent off as
        its leader moves connects again."""
        found, client = [], None
        while len(found) < count:
            client = client or self.session(self.at(node), client_id, v, present=1)
            packet = client.receive(timeout=PATIENCE_S)
            if packet is None or packet.kind == "DISCONNECT":
                client.close()
                client = None
                continue
            client.acknowledge(packet)
            if not (packet.dup and packet.payload in [one.payload for one in found]):
                found.append(packet)
        client.close()
        return found

    @staticmethod
    def at(node):
        """Where a client connects."""
        return (node.host, node.port)

    def load(self, cluster, *options, **more):
        return Load(self, cluster, *options, **more)

    def on_each(self, cluster, folder):
        """What is retained below a folder, by node."""
        return {node.name: self.retained(SimpleNamespace(port=self.at(node)), folder)
                for node in cluster.running}

    def check_retained(self, cluster, folder, wanted):
        for name, found in self.on_each(cluster, folder).items():
            self.assertEqual(found, wanted, f"retained on {name}")

    def random(self):
        """By ROOST_SEED; a failure says which."""
        self.seed = seed()
        return random.Random(self.seed)

    def eventually(self, condition, what, seconds=PATIENCE_S):
        return until(condition, what, seconds, pause_s=0.1)
