# SPDX-License-Identifier: Apache-2.0
"""What operators see and steer by the API: sessions, queues, retained messages, why; of one node,
and of three from any of them."""

import json
import os
import signal
import subprocess
import time
import urllib.parse

from support.admin import UnixHttp
from support.cluster_case import ClusterCase
from support.durable import DurableCase
from support.roost import until


class Api:
    """Asks a node; `ask` gives (status, object)."""

    def __init__(self, data_dir):
        self.data_dir = data_dir

    def ask(self, method, path, body=None, **query):
        connection = UnixHttp(os.path.join(self.data_dir, "admin.sock"))
        try:
            text = urllib.parse.urlencode(query)
            connection.request(method, "/api/v1/" + path + ("?" + text if text else ""),
                               body=None if body is None else json.dumps(body))
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def get(self, path, **query):
        status, answer = self.ask("GET", path, **query)
        assert status == 200, (status, answer)
        return answer

    def ids(self, path="sessions", **query):
        return [one["client_id"] for one in self.get(path, **query)["sessions"]]

    def causes(self, client_id, **query):
        answer = self.get("explain/session/" + urllib.parse.quote(client_id, safe=""), **query)
        return [one["cause"] for one in answer["causes"]]


class Operate(DurableCase):
    def begin(self, **config):
        self.server = self.broker(**config)
        self.api = Api(self.data_dir(self.server))
        return self.server.port

    def cli(self, *words, code=0):
        done = self.roost_command(*words, "--data-dir", self.data_dir(self.server))
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def test_sessions_in_pages_by_queue(self):
        port = self.begin()
        publisher = self.client(port, "publisher")
        for i in range(5):
            self.offline(port, f"lamp-{i}", f"to/{i}")
            self.publish_all(publisher, [(f"to/{i}", b"x")] * i)
        first = self.api.get("sessions", sort="queued", limit=2)
        self.assertEqual([(one["client_id"], one["queued"]) for one in first["sessions"]],
                         [("lamp-4", 4), ("lamp-3", 3)])
        self.assertEqual(first["matched"], 6)
        rest = self.api.ids(sort="queued", limit=10, cursor=first["next"])
        self.assertEqual(rest, ["lamp-2", "lamp-1", "lamp-0", "publisher"])
        self.assertEqual(self.api.ids("clients"), ["publisher"])
        self.assertEqual(self.api.ids(client="lamp-*", connected="false", sort="queued",
                                      order="asc", limit=1), ["lamp-0"])
        for bad in ({"sort": "x"}, {"limit": 0}, {"limit": 1001}, {"cursor": "x"}, {"colour": 1}):
            status, answer = self.api.ask("GET", "sessions", **bad)
            self.assertEqual(status, 400, bad)
            self.assertRegex(answer["error"], "allowed|take the")
        table = self.cli("sessions", "lamp-*", "--sort", "queued", "--limit", "2")
        self.assertIn("lamp-4", table)
        self.assertIn("2 of 5; more with --cursor '3:lamp-3'", table)
        self.assertIn("publisher", self.cli("clients"))
        self.assertIn("lamp-4", self.cli("top"))
        longest = json.loads(self.cli("top", "offline", "--json"))["sessions"][0]
        self.assertFalse(longest["connected"])
        self.cli("top", "nonsense", code=1)

    def test_one_session_is_shown_kicked_and_removed(self):
        port = self.begin()
        strange = "a/b c?ü"
        client = self.session(port, strange)
        client.subscribe("home/#", 1)
        path = "sessions/" + urllib.parse.quote(strange, safe="")
        shown = self.api.get(path, topic="home/x")
        self.assertEqual((shown["connected"], shown["durable"], shown["listener"]),
                         (True, True, "main"))
        self.assertEqual(shown["matching"], ["home/#"])
        self.assertEqual([one["filter"] for one in shown["filters"]], ["home/#"])
        self.assertIn("home/#", self.cli("session", strange))
        self.assertIn("sent off", self.cli("kick", strange))
        client.expect_end()
        until(lambda: not self.api.get(path)["connected"], "it is offline")
        self.cli("kick", strange, code=1)
        self.assertIn("is gone", self.cli("session", strange, "--remove"))
        self.assertEqual(self.api.ask("GET", path)[0], 404)
        self.assertEqual(self.api.ask("DELETE", path)[0], 404)

    def test_a_queue_is_listed_peeked_and_purged(self):
        port = self.begin()
        self.offline(port, "lamp", "to/#")
        publisher = self.client(port, "publisher")
        self.publish_all(publisher, [("to/text", "ä".encode()), ("to/bytes", b"\xff\x00"),
                                     ("to/3", b"3"), ("to/4", b"4")])
        queue = self.api.get("sessions/lamp/queue", payload="true")
        self.assertEqual(queue["total"], 4)
        messages = queue["messages"]
        self.assertEqual([one["topic"] for one in messages],
                         ["to/text", "to/bytes", "to/3", "to/4"])
        self.assertEqual(messages[0]["payload"], "ä")
        self.assertEqual(messages[1]["payload_base64"], "/wA=")
        first = self.api.get("sessions/lamp/queue", limit=1)
        self.assertEqual(first["next"], messages[1]["sequence"])
        self.assertNotIn("payload", first["messages"][0])
        peeked = self.api.get(f"sessions/lamp/queue/{messages[2]['sequence']}")
        self.assertEqual((peeked["topic"], peeked["payload"]), ("to/3", "3"))
        self.assertIn("to/bytes", self.cli("queue", "lamp"))
        self.assertIn("ä", self.cli("queue", "lamp", "peek", str(messages[0]["sequence"])))
        self.cli("queue", "lamp", "peek", "9999", code=1)
        self.cli("queue", "lamp", "eat", code=2)
        self.assertIn("2 messages are dropped",
                      self.cli("queue", "lamp", "purge", "--to", str(messages[2]["sequence"])))
        self.crash(self.server)
        client = self.session(port, "lamp", present=1)
        for topic in ("to/3", "to/4"):
            client.expect_publish(topic, topic[-1].encode(), qos=1)
        status, answer = self.api.ask("DELETE", "sessions/lamp/queue")
        self.assertEqual(status, 409, answer)
        self.assertEqual(self.api.ask("GET", "sessions/nobody/queue")[0], 404)

    def test_a_queue_is_published_again(self):
        port = self.begin()
        self.offline(port, "lamp", "to/#", v=5)
        publisher = self.client(port, "publisher", v=5)
        props = {"user": [("a", "1")], "content_type": "text/plain"}
        publisher.publish("to/1", b"\xff1", 1, props=props)
        self.publish_all(publisher, [(f"to/{i}", b"x") for i in range(2, 451)])
        again = self.client(port, "again", v=5)
        again.subscribe("again/#", 1)
        before = self.api.get("sessions/lamp/queue")["messages"]
        self.assertIn("450 messages are published again",
                      self.cli("queue", "lamp", "replay", "--prefix", "again/"))
        got = {packet.topic: packet for packet in (again.expect("PUBLISH") for _ in range(450))}
        self.assertEqual(set(got), {f"again/to/{i}" for i in range(1, 451)})
        first = got["again/to/1"]
        self.assertEqual((first.payload, first.qos, first.retain, first.props),
                         (b"\xff1", 1, 0, props))
        bounds = {"from": before[1]["sequence"], "to": before[3]["sequence"]}
        status, answer = self.api.ask("POST", "sessions/lamp/queue/replay", prefix="part/",
                                      **bounds)
        self.assertEqual((status, answer), (200, {"replayed": 2, "refused": 0}))
        self.assertEqual(self.api.get("sessions/lamp/queue")["total"], 450)
        # Its own copies come into it, and aren't published once more.
        self.assertIn("450 messages are published again", self.cli("queue", "lamp", "replay"))
        self.assertEqual(self.api.get("sessions/lamp/queue")["total"], 900)
        self.assertEqual(self.api.ask("POST", "sessions/lamp/queue/replay", prefix="a/#/")[0], 400)

    def test_a_large_subtree_is_deleted_request_by_request(self):
        port = self.begin(threads=1)
        publisher = self.client(port, "publisher")
        self.publish_all(publisher, [(f"many/{i}", b"x") for i in range(25_000)], 1, retain=1,
                         window=1000)
        self.assertEqual(self.api.ask("DELETE", "retained", below="many", dry_run="true")[1],
                         {"matched": 25_000})
        self.assertIn("25000 messages are deleted",
                      self.cli("retained", "many", "--delete", "--subtree"))
        self.assertEqual(self.api.get("retained", below="many")["levels"], [])

    def test_what_makes_no_sense_is_refused_and_does_nothing(self):
        port = self.begin()
        client = self.client(port, "lamp")
        for method, path in (("GET", "sessions/%FF"), ("GET", "sessions?client=%FF*"),
                             ("GET", "explain/session/%FF"), ("GET", "sessions/%zz"),
                             ("POST", "sessions/lamp/kick?dry_run=true"),
                             ("DELETE", "sessions/lamp?from=1")):
            status, said = self.api.ask(method, path)
            self.assertEqual((status, list(said)), (400, ["error"]), path)
        client.publish("a", b"x", 1)  # still there

    def test_retained_messages_level_by_level(self):
        port = self.begin()
        publisher = self.client(port, "publisher")
        topics = [f"home/room{i}/lamp" for i in range(12)] + ["home", "home/room1", "/odd//"]
        self.publish_all(publisher, [(topic, b"on") for topic in topics], retain=1)

        def levels(**query):
            return {one["topic"]: (one["has_message"], one["has_more"])
                    for one in self.api.get("retained", **query)["levels"]}

        first = levels()
        self.assertEqual(first["home"], (True, True))
        self.assertEqual(first[""], (False, True))
        rooms = levels(below="home", limit=1000)
        self.assertEqual(len(rooms), 12)
        self.assertEqual(rooms["home/room1"], (True, True))
        page = self.api.get("retained", below="home", limit=5)
        rest = self.api.get("retained", below="home", limit=1000, after=page["next"])
        self.assertEqual(len(page["levels"]) + len(rest["levels"]), 12)
        self.assertEqual(levels(below="home/room1"), {"home/room1/lamp": (True, False)})
        self.assertEqual(levels(below="nowhere"), {})
        self.assertEqual(self.api.get("retained/home/room3/lamp")["payload"], "on")
        self.assertIn("home/room11", self.cli("retained", "home"))
        self.assertIn("on", self.cli("retained", "home/room1", "--get"))
        self.assertIn("1 messages", self.cli("retained", "home/room1", "--delete"))
        self.cli("retained", "home/room1", "--get", code=1)
        self.assertEqual(self.api.ask("DELETE", "retained", below="home/room3")[1]["deleted"], 1)
        self.assertIn("12 messages", self.cli("retained", "home", "--delete", "--subtree"))
        self.assertEqual(levels(below="home"), {})
        self.assertEqual(levels(below=""), {"/odd": (False, True)})
        self.crash(self.server)
        self.assertEqual(levels(below="home"), {})
        for bad in ("DELETE", "retained"), ("GET", "retained/home/%2B"), ("GET", "retained/%ZZ"):
            self.assertEqual(self.api.ask(*bad)[0], 400, bad)

    def test_why_a_client_has_not_got_its_messages(self):
        rules = os.path.join(self.folder, "rules.yaml")
        with open(rules, "w", encoding="ascii") as file:
            file.write("rules:\n  - {allow: publish, topics: ['#']}\n"
                       "  - {deny: receive, topics: ['secret/#']}\n"
                       "  - {allow: [subscribe, receive], topics: ['#']}\n")
        port = self.begin(acl={"file": rules},
                          mqtt={"max_queued_messages": 5, "max_inflight": 2})
        publisher = self.client(port, "publisher")
        self.assertEqual(self.api.causes("lamp-17"), ["unknown"])
        self.offline(port, "lamp-17", "lamp/17/#")
        self.assertEqual(self.api.causes("lamp-17"), ["offline"])
        self.assertEqual(self.api.causes("lamp-17", topic="lamp/18/set"),
                         ["offline", "not_subscribed"])
        self.publish_all(publisher, [("lamp/17/set", b"on")] * 7)
        self.assertEqual(self.api.causes("lamp-17"), ["offline", "dropped"])
        client = self.session(port, "lamp-17", present=1)
        client.subscribe("#", 1)
        until(lambda: "window_full" in self.api.causes("lamp-17"), "its window is full")
        self.assertIn("acl", self.api.causes("lamp-17", topic="secret/x"))
        said = self.cli("explain", "session", "lamp-17", "secret/x", code=1)
        self.assertIn("window_full", said)
        self.assertIn("secret/#", said)
        well = self.client(port, "well")
        well.subscribe("t")
        self.assertEqual(self.api.causes("well", topic="t"), ["none"])
        self.cli("explain", "session", "well")

    def test_an_expired_message_is_the_reason(self):
        port = self.begin()
        self.offline(port, "lamp", "to", v=5)
        publisher = self.client(port, "publisher", v=5)
        publisher.publish("to", "x", 1, props={"message_expiry": 1})
        until(lambda: self.api.get("sessions/lamp/queue")["messages"][0]["expires_in_s"] == 0,
              "it is over")
        self.session(port, "lamp", v=5, present=1)
        until(lambda: "dropped" in self.api.causes("lamp"), "it was dropped")
        self.assertIn("expired", self.cli("explain", "session", "lamp", code=1))

    def test_who_would_get_a_message(self):
        port = self.begin()
        self.offline(port, "lamp", "home/+")
        viewer = self.client(port, "viewer")
        viewer.subscribe("home/#")
        worker = self.client(port, "worker")
        worker.subscribe("$share/g/home/x", 1)
        route = self.api.get("explain/route", topic="home/x")
        self.assertEqual(route["receivers"], 2)
        node = route["nodes"][0]
        self.assertEqual({one["client_id"]: one["connected"] for one in node["receivers"]},
                         {"lamp": False, "viewer": True})
        self.assertEqual([(one["group"], one["members"]) for one in node["groups"]], [("g", 1)])
        said = self.cli("explain", "route", "home/x")
        self.assertIn("2 sessions would get home/x", said)
        self.assertIn("one of 1 in group g", said)
        self.assertEqual(self.api.ask("GET", "explain/route", topic="a/#")[0], 400)

    def test_nodes_shards_listeners_and_the_logs_level(self):
        self.begin()
        node = self.api.get("nodes")["nodes"][0]
        self.assertEqual(node["status"]["pid"], self.server.process.pid)
        self.assertEqual(len(self.api.get("shards")["shards"]), 64)
        listeners = self.api.get("listeners")["nodes"][0]["listeners"]
        self.assertEqual([one["name"] for one in listeners], ["main"])
        self.assertIn(node["node"], self.cli("nodes"))
        self.assertEqual(self.api.get("log-level")["level"], "info")
        self.assertEqual(self.api.ask("PUT", "log-level", {"level": "debug"})[1]["level"], "debug")
        self.assertEqual(self.api.ask("PUT", "log-level", {"level": "loud"})[0], 400)

    def test_all_of_many_are_listed_while_they_come(self):
        """Each once, though they are looked at piece by piece."""
        port = self.begin()
        bench = subprocess.Popen(
            [self.broker_path, "bench", "connect", "-p", str(port), "--count", "5000",
             "--idle-seconds", "600"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(bench.kill)
        until(lambda: self.api.get("clients", limit=1)["matched"] > 100, "they come")
        deadline = time.monotonic() + 300
        while self.api.get("clients", limit=1)["matched"] < 5000:
            self.assertIsNone(bench.poll(), "the bench ended")
            self.assertLess(time.monotonic(), deadline, "all have come")
            ids = self.api.ids("clients", limit=1000)
            self.assertEqual(len(ids), len(set(ids)))
        found, query = [], {}
        for _ in range(6):
            page = self.api.get("clients", limit=1000, **query)
            found += [one["client_id"] for one in page["sessions"]]
            if "next" not in page:
                break
            query = {"cursor": page["next"]}
        self.assertEqual((len(found), len(set(found))), (5000, 5000))

    def trace(self, *words):
        process = subprocess.Popen(
            [self.broker_path, "trace", *words, "--data-dir", self.data_dir(self.server)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        return process

    def test_a_client_is_followed(self):
        port = self.begin()
        path = os.path.join(self.folder, "trace")
        process = self.trace("lamp-*", "--for", "60s", "--file", path)
        publisher = self.client(port, "publisher")

        def is_on():
            publisher.publish("t", "x", 1)
            self.client(port, f"lamp-{time.monotonic_ns()}").disconnect()
            return os.path.getsize(path) > 0 if os.path.exists(path) else False

        until(is_on, "the trace has begun")
        lamp = self.client(port, "lamp-17")
        lamp.subscribe("home/#", 1)
        publisher.publish("home/1", "hello", 1)
        lamp.expect_publish("home/1", b"hello", qos=1)
        lamp.publish("home/2", "back", 0)
        until(lambda: "<- PUBLISH home/2" in open(path, encoding="utf-8").read(), "all is told")
        process.send_signal(signal.SIGINT)
        out, trouble = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 0, trouble)
        lines = [line.split(" ", 3)[2:] for line in out.splitlines() if " lamp-17 " in line]
        texts = [text for _, text in lines]
        for part in ("-- connects", "-> CONNACK, new session", "<- SUBSCRIBE home/#", "-> SUBACK",
                     "-> PUBLISH home/1, QoS 1, 5 bytes, id 1",
                     "<- PUBLISH home/2, QoS 0, 4 bytes"):
            self.assertTrue(any(text.startswith(part) for text in texts), (part, texts))
        self.assertNotIn("publisher", out)
        self.assertEqual(self.roost_command("trace", "x", "--file", path, "--data-dir",
                                            self.data_dir(self.server)).returncode, 2)

    def test_a_topic_is_followed_within_bounds(self):
        port = self.begin()
        status, begun = self.api.ask("POST", "traces", {"topic": "home/#", "for_s": 60})
        self.assertEqual(status, 201, begun)
        client = self.client(port, "c")

        def lines():
            client.publish("home/x", "x", 1)
            client.publish("other", "x", 1)
            return self.api.get(f"traces/{begun['id']}")["lines"]

        found = until(lines, "a line came")
        self.assertEqual({line["client_id"] for line in found}, {"c"})
        self.assertTrue(all("home/x" in line["text"] for line in found), found)
        self.publish_all(client, [("home/many", b"x")] * 10_100, qos=1)
        answer = self.api.get(f"traces/{begun['id']}")
        self.assertEqual(len(answer["lines"]), 2000)
        self.assertGreater(answer["lost"], 0)
        for _ in range(7):
            self.assertEqual(self.api.ask("POST", "traces", {"client": "x"})[0], 201)
        self.assertEqual(self.api.ask("POST", "traces", {"client": "x"})[0], 507)
        self.assertEqual(self.api.ask("DELETE", f"traces/{begun['id']}")[0], 200)
        self.assertEqual(self.api.get(f"traces/{begun['id']}")["over"], True)
        for bad in ({}, {"topic": "a/#/b"}, {"client": "x", "for_s": 0},
                    {"client": "x", "for_s": 3601}):
            self.assertEqual(self.api.ask("POST", "traces", bad)[0], 400, bad)

    def test_who_stands_out(self):
        port = self.begin()
        self.offline(port, "first", "a")
        self.offline(port, "second", "b")
        stuck = self.session(port, "stuck")
        stuck.subscribe("s", 1)
        publisher = self.client(port, "publisher")
        publisher.publish("s", "x", 1)
        publisher.publish("b", "x" * 1000, 1)
        self.assertEqual(self.api.ids("top", by="bytes", limit=1), ["second"])
        until(lambda: self.api.get("top", by="ack")["sessions"][0]["oldest_unacked_ms"] > 0,
              "a message isn't acknowledged")
        self.assertEqual(self.api.ids("top", by="ack", limit=1), ["stuck"])
        self.assertEqual(set(self.api.ids("top", by="offline")), {"first", "second"})
        self.assertEqual(self.api.ids("top", by="inflight", limit=1), ["stuck"])
        for _ in range(3):
            self.client(port, "flapper").abort()
        flaps = until(lambda: [one for one in self.api.get("top", by="flapping")["clients"]
                               if one["losses"] == 3], "three losses are known")
        self.assertEqual(flaps[0]["client_id"], "flapper")
        self.assertIn("flapper", self.cli("top", "flapping"))
        self.assertEqual(self.api.ask("GET", "top", by="nonsense")[0], 400)

    def test_completion_names_all_commands(self):
        done = self.roost_command("completion", "bash")
        helped = self.roost_command("--help").stdout
        names = [line.split()[0] for line in helped.split("Commands:\n")[1].split("\n\n")[0]
                 .splitlines()]
        self.assertGreater(len(names), 20)
        for name in names:
            self.assertIn(name, done.stdout)
        checked = self.command("bash", "-n", stdin=done.stdout)
        self.assertEqual(checked.returncode, 0, checked.stderr)
        self.assertEqual(self.roost_command("completion", "fish").returncode, 2)


class OfThreeNodes(ClusterCase):
    """Each verb asked of a node that hasn't what it is about."""

    at_once = 2

    def test_any_node_tells_of_all(self):
        cluster = self.cluster()
        apis = {node.name: Api(node.data_dir) for node in cluster.nodes}
        publisher = self.client(self.at(cluster["n1"]), "publisher")
        for i in range(12):
            self.offline(self.at(cluster["n1"]), f"lamp-{i}", f"to/{i}")
            publisher.publish(f"to/{i}", "x", 1, retain=1)
        viewer = self.client(self.at(cluster["n2"]), "viewer")
        viewer.subscribe("to/#")
        for _ in range(12):
            viewer.expect("PUBLISH")
        led = {name: api.get("sessions/lamp-3")["node"] for name, api in apis.items()}
        self.assertEqual(set(led.values()), {cluster.leader_of("lamp-3").name})
        for name, api in apis.items():
            self.assertEqual(len(api.ids(client="lamp-*")), 12, name)
            self.assertEqual(api.ids("clients", listener="main"), ["publisher", "viewer"],
                             name)
            self.assertEqual(len(api.get("sessions/lamp-5/queue")["messages"]), 1)
            self.assertEqual(len(api.get("retained", below="to")["levels"]), 12)
            self.assertEqual(api.get("retained/to/7")["payload"], "x")
            self.assertEqual(api.get("explain/route", topic="to/4")["receivers"], 2)
            self.assertEqual(api.causes("lamp-1"), ["offline"])
            for verb in "nodes", "listeners":
                self.assertEqual(sorted(one["node"] for one in api.get(verb)["nodes"]),
                                 ["n1", "n2", "n3"])
            self.assertEqual(len(api.get("shards")["shards"]), 64)
            self.assertEqual(len(api.ids("top", by="queue", limit=12)), 12)
            sequence = api.get("sessions/lamp-9/queue")["messages"][0]["sequence"]
            self.assertEqual(api.get(f"sessions/lamp-9/queue/{sequence}")["payload"], "x")
            self.assertEqual(api.ask("POST", "sessions/lamp-9/queue/replay",
                                     prefix=f"again/{name}/")[1], {"replayed": 1, "refused": 0})
        for name, api in apis.items():
            i = int(name[1])
            self.assertEqual(api.ask("DELETE", f"sessions/lamp-{i}/queue")[1], {"purged": 1})
            self.assertEqual(api.ask("DELETE", f"sessions/lamp-{i}")[1], {"removed": True})
        self.assertEqual(apis["n3"].ask("DELETE", "retained", below="to")[1], {"deleted": 12})
        self.assertEqual(apis["n1"].ask("POST", "sessions/viewer/kick")[1], {"kicked": True})
        viewer.expect_end()
        self.assertEqual(len(apis["n2"].ids(client="lamp-*")), 9)
        self.assertEqual(apis["n2"].get("retained", below="to")["levels"], [])

    def test_a_ban_that_a_node_cannot_keep_is_told(self):
        cluster = self.cluster()
        path = os.path.join(cluster["n2"].data_dir, "bans.json")
        os.mkdir(path)
        client = self.client(self.at(cluster["n2"]), "bad")
        status, said = Api(cluster["n1"].data_dir).ask(
            "POST", "bans", {"kind": "client", "what": "bad"})
        self.assertEqual(status, 200)
        self.assertEqual([one["node"] for one in said["missing"]], ["n2"])
        client.expect_end()  # it holds there all the same, until that node's next start
        os.rmdir(path)

    def test_a_ban_is_of_all_nodes(self):
        cluster = self.cluster()
        client = self.client(self.at(cluster["n2"]), "bad")
        self.assertEqual(Api(cluster["n1"].data_dir).ask(
            "POST", "bans", {"kind": "client", "what": "bad"})[0], 200)
        client.expect_end()
        for node in cluster.nodes:
            api = Api(node.data_dir)
            self.assertEqual([one["what"] for one in api.get("bans")["bans"]], ["bad"])
        self.assertEqual(Api(cluster["n3"].data_dir).ask(
            "POST", "bans/remove", {"kind": "client", "what": "bad"})[0], 200)
        for node in cluster.nodes:
            self.assertEqual(Api(node.data_dir).get("bans")["bans"], [])

    def test_a_trace_is_of_all_nodes(self):
        cluster = self.cluster()
        api = Api(cluster["n1"].data_dir)
        begun = api.ask("POST", "traces", {"topic": "home/#"})[1]
        clients = {node.name: self.client(self.at(node), "c-" + node.name)
                   for node in cluster.nodes}
        seen = set()

        def all_seen():
            for client in clients.values():
                client.publish("home/x", "x", 1)
            lines = api.get(f"traces/{begun['id']}")["lines"]
            self.assertEqual(sorted(lines, key=lambda line: line["at_ms"]), lines)
            seen.update((line["node"], line["client_id"]) for line in lines)
            return {("n1", "c-n1"), ("n2", "c-n2"), ("n3", "c-n3")} <= seen

        until(all_seen, "each node tells of its client")
        api.ask("DELETE", f"traces/{begun['id']}")

    def test_who_does_not_answer_is_named(self):
        cluster = self.cluster()
        for i in range(12):
            self.offline(self.at(cluster["n1"]), f"lamp-{i}", f"to/{i}")
        cluster["n3"].pause()
        done = cluster["n1"].tool("sessions", seconds=60)
        self.assertIn("without what node n3 has", done.stderr)
        api = Api(cluster["n1"].data_dir)
        cluster["n3"].resume()
        cluster.wait_until_well(3)
        until(lambda: len(api.ids(client="lamp-*")) == 12, "all are listed again")
