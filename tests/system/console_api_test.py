# SPDX-License-Identifier: Apache-2.0
"""The API that the console stands on, on three nodes: history, drops, alarms, kicking by filter, how
many a deletion would take. Each answer is held against the API's document."""

import os
from urllib.parse import quote

from harness import wire
from support.cluster_case import ClusterCase
from support.web import TOKEN, Web


class ConsoleApi(ClusterCase):
    at_once = 2

    def setUp(self):
        super().setUp()
        path = os.path.join(self.folder, "tokens")
        with open(path, "w", encoding="ascii") as file:
            file.write(TOKEN + "\n")
        self.nodes = self.cluster(config={"http": {"token_file": path}})
        self.web = self.web_of("n1")
        self.addCleanup(lambda: self.assertGreater(self.web.document.checked, 0))

    def web_of(self, name):
        node = self.nodes[name]
        web = Web(node.host, node.http_port).know()
        self.addCleanup(web.close)
        return web

    def connected(self, *names):
        """A client each, spread over the nodes."""
        return [self.client(self.at(self.nodes.nodes[i % 3]), name, 5)
                for i, name in enumerate(names)]

    def kick(self, query, code=200):
        status, said, _ = self.web.ask("POST", f"/api/v1/clients/kick?{query}")
        self.assertEqual(status, code, said)
        return said

    def test_kicks_all_that_match_and_no_other(self):
        lamps = self.connected(*[f"lamp-{i}" for i in range(7)])
        doors = self.connected("door-0", "door-1")
        self.assertEqual(self.kick("client=lamp-*&dry_run=true"), {"matched": 7, "kicked": 0})
        for client in lamps + doors:
            self.ping(client)
        # In pieces of two.
        self.assertEqual(self.kick("client=lamp-*&limit=2"), {"matched": 7, "kicked": 7})
        for lamp in lamps:
            self.assertEqual(lamp.expect("DISCONNECT").code, 0x98)
        for door in doors:
            self.ping(door)
        self.assertEqual(self.kick("client=lamp-*"), {"matched": 0, "kicked": 0})
        self.assertIn("client=*", self.kick("", 400)["error"])
        self.assertIn("sort", self.kick("client=*&sort=queued", 400)["error"])

    def test_kicking_goes_on_behind_a_cursor(self):
        lamps = self.connected(*[f"lamp-{i}" for i in range(5)])
        said = self.web.ask("GET", "/api/v1/clients?client=lamp-*&limit=2")[1]
        self.assertEqual([one["client_id"] for one in said["sessions"]], ["lamp-0", "lamp-1"])
        rest = self.kick(f"client=lamp-*&limit=2&cursor={quote(said['next'], safe='')}")
        self.assertEqual(rest["kicked"], 3)
        for lamp in lamps[2:]:
            self.assertEqual(lamp.expect("DISCONNECT").code, 0x98)
        for lamp in lamps[:2]:
            self.ping(lamp)

    def ping(self, client):
        client.send(wire.pingreq())
        client.expect("PINGRESP")

    def test_history_of_all_nodes(self):
        client = self.connected("talker")[0]
        names = {"messages_in", "messages_out", "bytes_in", "bytes_out", "connects", "dropped",
                 "connected", "queued", "retained"}

        def sampled():
            self.ping(client)
            said = self.web.ask("GET", "/api/v1/history")[1]
            self.assertEqual([one["node"] for one in said["nodes"]], ["n1", "n2", "n3"])
            self.assertEqual(said["every_s"], 10)
            for node in said["nodes"]:
                self.assertEqual(set(node["series"]), names)
            connected = [node["series"]["connected"] for node in said["nodes"]]
            return (all(len(one) >= 2 for one in connected)
                    and sum(one[-1] for one in connected) == 1 and said)

        said = self.eventually(sampled, "two samples, the last one of one client")
        self.assertEqual(sum(node["now"]["connected"] for node in said["nodes"]), 1)
        # The same of any node, but for the moment.
        others = self.web_of("n3").ask("GET", "/api/v1/history")[1]
        self.assertEqual({one["node"] for one in others["nodes"]}, {"n1", "n2", "n3"})

    def test_drops_are_summed_by_cause(self):
        before = self.web.ask("GET", "/api/v1/drops")[1]
        for name in ("asleep-1", "asleep-2"):
            self.offline(self.at(self.nodes["n2"]), name, "lost/#")
        self.eventually(lambda: self.web.ask(
            "GET", "/api/v1/sessions?connected=false")[1]["matched"] == 2, "both are away")
        for i in range(5):
            self.assertEqual(self.web.publish("lost/it", str(i), qos=0)[0], 200)

        def counted():
            said = self.web.ask("GET", "/api/v1/drops")[1]
            self.assertEqual([one["node"] for one in said["nodes"]], ["n1", "n2", "n3"])
            for cause, number in said["causes"].items():
                self.assertEqual(number, sum(one["causes"][cause] for one in said["nodes"]), cause)
            return said["causes"]["offline_qos0"] - before["causes"]["offline_qos0"] == 10

        self.eventually(counted, "each message was lost for both")

    def test_alarms_are_seen_at_any_node(self):
        self.assertEqual(self.web.ask("GET", "/api/v1/alarms")[1], {"alarms": []})
        self.nodes["n3"].kill()

        def raised():
            texts = [[one["text"] for one in web.ask("GET", "/api/v1/alarms")[1]["alarms"]]
                     for web in (self.web, second)]
            return all("node n3 is away" in some for some in texts)

        second = self.web_of("n2")
        self.eventually(raised, "both say so")

    def test_a_deletion_is_counted_first(self):
        for topic in ("tree/a", "tree/b/c", "trees/d"):
            self.assertEqual(self.web.publish(topic, "x", retain=True, qos=1)[0], 200)
        ask = lambda query: self.web.ask("DELETE", f"/api/v1/retained?below=tree{query}")[1]
        self.assertEqual(ask("&dry_run=true"), {"matched": 2})
        self.assertEqual(ask("&dry_run=true"), {"matched": 2}, "nothing went")
        self.assertEqual(ask(""), {"deleted": 2})
        self.assertEqual(ask("&dry_run=true"), {"matched": 0})
        self.assertEqual(self.web.ask("GET", "/api/v1/retained/trees/d")[0], 200)
