# SPDX-License-Identifier: Apache-2.0
"""A node that drains: not ready, leads nothing, sends clients off at its rate, ends."""

import select
import signal
import threading
import time

from support.cluster_case import ClusterCase

CLIENTS = 30
RATE = 10  # a second


class Drain(ClusterCase):
    def arrivals(self, clients):
        """When something came for each of them; noted as it comes."""
        noted, poller = [], select.poll()
        for client in clients:
            poller.register(client.sock, select.POLLIN)

        def note():
            while len(noted) < len(clients):
                for descriptor, _ in poller.poll(1000):
                    noted.append(time.monotonic())
                    poller.unregister(descriptor)

        threading.Thread(target=note, daemon=True).start()
        return noted

    def drained(self, begin, code, **settings):
        cluster = self.cluster(config={"drain": {"rate": RATE, **settings}})
        node, other = cluster["n1"], cluster["n2"]
        clients = [self.client(self.at(node), f"c{number}", v=5) for number in range(CLIENTS)]
        old = self.client(self.at(node), "old")
        arrivals = self.arrivals(clients)
        begin(node)
        self.eventually(lambda: arrivals, "the first goes")
        self.assertFalse(node.is_ready())
        told = [client.expect("DISCONNECT", code=code, timeout=60) for client in clients]
        self.eventually(lambda: len(arrivals) == CLIENTS, "all arrivals are noted")
        # At most the rate; how much slower says nothing.
        self.assertGreater(arrivals[-1] - arrivals[0], (CLIENTS / RATE) / 2)
        self.assertIsNone(old.receive(timeout=60), "the end of a client that can't be told")
        self.assertEqual(node.process.wait(60), 0)
        self.eventually(lambda: not [shard["id"] for shard in other.status()["shards"]
                                     if shard["leader"] in ("", "n1") or shard["stalled"]],
                        "others lead")
        self.client(self.at(other), "new").publish("t", b"goes on", 1)
        return told

    def test_by_sigterm_to_another_server(self):
        told = self.drained(lambda node: node.process.send_signal(signal.SIGTERM), 0x9C,
                            server_reference="other.example:4002")
        self.assertEqual({packet.props.get("server_reference") for packet in told},
                         {"other.example:4002"})

    def test_who_is_left_when_the_time_is_over_is_cut_off(self):
        cluster = self.cluster(config={"drain": {"rate": 1, "timeout": "2s"}})
        node = cluster["n1"]
        clients = [self.client(self.at(node), f"c{number}", v=5) for number in range(CLIENTS)]
        node.process.send_signal(signal.SIGTERM)
        self.assertEqual(node.process.wait(40), 0, "30 clients at 1 a second would take longer")
        for client in clients:
            while client.receive(timeout=10) is not None:
                pass

    def test_by_command(self):
        told = self.drained(lambda node: node.tool("drain", "--wait", "0"), 0x8B)
        self.assertEqual({packet.props.get("server_reference") for packet in told}, {None})
