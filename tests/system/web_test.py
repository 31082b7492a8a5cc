# SPDX-License-Identifier: Apache-2.0
"""Messages from the web and to it. Every answer is also held against the API's document."""

import base64
import json
import re
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

from harness import wire
from support.admin import UnixHttp
from support.cluster_case import ClusterCase
from support.durable import DurableCase
from support.roost import until
from support.web import TOKEN, Web


class WebCase(DurableCase):
    slow = False

    def setUp(self):
        super().setUp()
        self.needs(not self.broker_path.endswith("mosquitto"), "only Roost has this")
        try:
            import jsonschema  # noqa: F401 pylint: disable=import-outside-toplevel,unused-import
        except ImportError:
            self.needs(False, "python3-jsonschema is not installed")

    def served(self, http=None, **config):
        self.http_port = self.free_port()
        self.server = self.broker(http={"address": "127.0.0.1", "port": self.http_port,
                                        "token": TOKEN, **(http or {})}, **config)
        return self.server

    def broker(self, listeners=None, start=True, prefix=(), env=None, **config):
        server = self.roost(listeners, False, prefix, env, **config)
        server.addresses.append(("127.0.0.1", self.http_port))
        return self.begin(server) if start else server

    def begin(self, server):
        server.start()
        until(lambda: self.http(self.http_port, "/readyz")[0] == 200, "it is ready")
        return server

    def web(self, context=None):
        web = Web("127.0.0.1", self.http_port, context=context)
        self.addCleanup(web.close)
        return web.know()

    def events(self, web, *filters, **more):
        words = [f"filter={quote(one, safe='')}" for one in filters]
        words += [f"{name}={value}" for name, value in more.items()]
        events = web.events("&".join(words))
        self.addCleanup(events.close)
        self.assertEqual(events.status, 200, events.status)
        event, self.subscribed, _ = events.next()
        self.assertEqual(event, "subscribed")
        return events

    def subscriber_of(self, topic_filter, qos=2, v=5):
        client = self.client(self.server.port, f"c-{time.monotonic_ns()}", v)
        client.subscribe(topic_filter, qos)
        return client


class Publishing(WebCase):
    def test_at_each_qos(self):
        self.served()
        web, client = self.web(), self.subscriber_of("a/#")
        for qos in (0, 1, 2):
            status, said, _ = web.publish(f"a/{qos}", f"at {qos}", qos=qos)
            self.assertEqual((status, said), (200, {"reason_code": 0, "reason": "success"}))
            packet = client.expect("PUBLISH", topic=f"a/{qos}", payload=f"at {qos}".encode(),
                                   qos=qos)
            client.acknowledge(packet)
        self.assertEqual(self.metric("roost_api_publishes_total", outcome="accepted"), 3)

    def test_says_that_nobody_wanted_it(self):
        self.served()
        status, said, _ = self.web().publish("nobody/home", "x", qos=1)
        self.assertEqual((status, said),
                         (200, {"reason_code": 16, "reason": "no_matching_subscribers"}))

    def test_retained(self):
        self.served()
        web = self.web()
        self.assertEqual(web.publish("r/1", "kept", qos=1, retain=True)[0], 200)
        self.assertEqual(self.retained(self.server, "r"), {"r/1": b"kept"})
        self.assertEqual(web.publish("r/1", None, qos=1, retain=True)[0], 200)
        self.assertEqual(self.retained(self.server, "r"), {})

    def test_properties_and_bytes(self):
        self.served()
        client = self.subscriber_of("p")
        data = bytes(range(256))
        status, _, _ = self.web().publish(
            "p", None, qos=1, payload_base64=base64.b64encode(data).decode(), properties={
                "message_expiry_interval": 60, "content_type": "x/y", "response_topic": "answer",
                "correlation_data": "AAE=", "payload_format_indicator": 0,
                "user_properties": [["k", "1"], ["k", "2"]]})
        self.assertEqual(status, 200)
        packet = client.expect("PUBLISH", payload=data)
        self.assertEqual(packet.props["content_type"], "x/y")
        self.assertEqual(packet.props["response_topic"], "answer")
        self.assertEqual(packet.props["correlation_data"], b"\0\1")
        self.assertEqual(packet.props["message_expiry"], 60)
        self.assertEqual(packet.props["user"], [("k", "1"), ("k", "2")])

    def test_without_json(self):
        self.served()
        web, client = self.web(), self.subscriber_of("home/#")
        for path, topic in (("home/lamp", "home/lamp"), ("home%2Flamp%20two", "home/lamp two")):
            status, said, _ = web.ask("POST", f"/api/v1/publish/{path}?qos=1", b"\xff\0on",
                                      Content_Type="application/x-lamp")
            self.assertEqual((status, said["reason_code"]), (200, 0))
            packet = client.expect("PUBLISH", topic=topic, payload=b"\xff\0on")
            self.assertEqual(packet.props["content_type"], "application/x-lamp")
            client.acknowledge(packet)

    def test_says_what_is_wrong(self):
        server = self.served(mqtt={"max_packet_size": "1KiB", "max_retained_payload": "100B",
                                   "max_topic_length": 100}, http={"max_body": "64KiB"})
        web = self.web()
        for body, what in ((b"{", "no JSON"), (b"[]", "must be an object"),
                           ({"topic": "a/#"}, "topic name"), ({"topic": "a", "qos": 9}, "qos"),
                           ({"messages": []}, "1 to 1000"),
                           ({"messages": [{"topic": "a"}, {"topic": "+"}]}, "messages[1]"),
                           ({"topic": "a", "timeout_s": 0}, "timeout_s"),
                           ({"topic": "a", "timeout_s": 301}, "timeout_s")):
            status, said, _ = web.ask("POST", "/api/v1/publish", body)
            self.assertEqual(status, 400, body)
            self.assertIn(what, said["error"])
        for more, status, code in (
                ({"topic": "$SYS/broker/version", "qos": 1}, 403, 0x87),
                ({"topic": "$SYS/broker/version"}, 403, 0x87),
                ({"topic": "a" * 101, "qos": 1}, 400, 0x90),
                ({"topic": "a", "payload": "x" * 2000, "qos": 1}, 413, 0x95),
                ({"topic": "a", "payload": "x" * 200, "qos": 1, "retain": True}, 507, 0x97)):
            found, said, _ = web.ask("POST", "/api/v1/publish", more)
            self.assertEqual((found, said["reason_code"]), (status, code), said)
        self.assertEqual(web.publish("a", "x" * (1 << 17))[0], 413)
        web = self.web()
        self.assertEqual(web.ask("GET", "/api/v1/publish")[0], 405)
        self.assertEqual(web.publish("a", "fine", qos=1)[0], 200, "its connection goes on")
        self.assertEqual(Web("127.0.0.1", self.http_port, "a-token-of-nobody").publish("a", "")[0],
                         401)
        self.check_log(server)

    def test_many_at_once(self):
        self.served()
        web, client = self.web(), self.subscriber_of("many/#", qos=1)
        for begin in (0, 1000):
            messages = [{"topic": f"many/{i % 7}", "payload": str(i), "qos": 1}
                        for i in range(begin, begin + 1000)]
            status, said, _ = web.ask("POST", "/api/v1/publish", {"messages": messages})
            self.assertEqual(status, 200)
            self.assertEqual((said["published"], said["failed"]), (1000, 0))
        came = {}
        for _ in range(2000):
            packet = client.expect("PUBLISH", timeout=30)
            client.acknowledge(packet)
            came.setdefault(packet.topic, []).append(int(packet.payload))
        self.assertEqual(sorted(sum(came.values(), [])), list(range(2000)))
        for numbers in came.values():
            self.assertEqual(numbers, sorted(numbers), "in the order of its topic")

    def test_more_at_once_than_the_receive_maximum(self):
        self.served(mqtt={"receive_maximum": 3})
        web, client = self.web(), self.subscriber_of("few", qos=2)
        messages = [{"topic": "few", "payload": str(i), "qos": 1 + i % 2} for i in range(200)]
        status, said, _ = web.ask("POST", "/api/v1/publish", {"messages": messages})
        self.assertEqual((status, said["failed"]), (200, 0))
        for i in range(200):
            client.acknowledge(client.expect("PUBLISH", payload=str(i).encode()))
        self.assertEqual(self.metric("roost_clients_refused_total", cause="receive_maximum"), 0)

    def test_of_several_each_has_its_own_answer(self):
        self.served()
        status, said, _ = self.web().ask("POST", "/api/v1/publish", {"messages": [
            {"topic": "a", "qos": 1}, {"topic": "$SYS/x", "qos": 1}, {"topic": "b"}]})
        self.assertEqual(status, 207)
        self.assertEqual([one["status"] for one in said["results"]], [200, 403, 200])
        self.assertEqual((said["published"], said["failed"]), (2, 1))

    def test_a_retry_under_its_key_publishes_nothing(self):
        self.served()
        web, client = self.web(), self.subscriber_of("k", qos=1)
        first = web.publish("k", "one", qos=1, key="order-7")
        again = web.publish("k", "one", qos=1, key="order-7")
        self.assertEqual(first[:2], again[:2])
        self.assertEqual((first[2]["Idempotent-Replayed"], again[2]["Idempotent-Replayed"]),
                         (None, "true"))
        self.assertEqual(web.publish("k", "two", qos=1, key="order-7")[0], 422)
        self.assertEqual(web.publish("k", "last", qos=1, key="order-8")[0], 200)
        for payload in (b"one", b"last"):
            client.acknowledge(client.expect("PUBLISH", payload=payload))
        self.assertEqual(self.metric("roost_api_idempotent_replays_total"), 1)
        self.assertEqual(self.metric("roost_api_idempotency_conflicts_total"), 1)
        self.assertEqual(self.metric("roost_api_idempotency_keys"), 2)

    def test_many_callers_under_one_key_publish_once(self):
        self.served()
        client = self.subscriber_of("k", qos=1)
        webs = [self.web() for _ in range(8)]
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda web: web.publish("k", "x", qos=1, key="one")[:2], webs))
        self.assertEqual(answers, [(200, {"reason_code": 0, "reason": "success"})] * 8)
        self.assertEqual(webs[0].publish("k", "end", qos=1)[0], 200)
        for payload in (b"x", b"end"):
            client.acknowledge(client.expect("PUBLISH", payload=payload))

    def test_rules_and_limits_of_clients_are_not_the_webs(self):
        rules = self.folder + "/acl.yaml"
        with open(rules, "w", encoding="utf-8") as file:
            file.write("rules: []\n")
        self.served(acl={"file": rules},
                    limits={"max_connections": 1, "messages_per_second": 1,
                            "too_fast": "disconnect"})
        web = self.web()
        client = self.until_in(self.server.port, "the only one", 4)
        for i in range(5):
            self.assertEqual(web.publish("t", str(i), qos=1)[0], 200)
        client.send(wire.pingreq())
        client.expect("PINGRESP")
        self.assertEqual(self.metric("roost_api_publish_connections"), 1)

    def test_a_lost_connection_inside_is_made_again(self):
        server = self.served()
        web, client = self.web(), self.subscriber_of("t", qos=1)
        self.assertEqual(web.publish("t", "1", qos=1)[0], 200)
        inside = server.wait_for_log(r"connected client=(roost-\S+) address=api listener=api")[1]
        self.assertEqual(web.ask("POST", "/api/v1/bans", {"kind": "client", "what": inside})[0],
                         200)
        server.wait_for_log(f"disconnected client={inside} .*banned")
        until(lambda: self.metric("roost_api_publish_connections") == 0, "it is gone")
        self.assertEqual(web.publish("t", "2", qos=1)[0], 200)
        self.assertEqual(self.metric("roost_api_publish_connections"), 1)
        for payload in (b"1", b"2"):
            client.acknowledge(client.expect("PUBLISH", payload=payload))

    def test_a_node_that_stops_says_so(self):
        server = self.served()
        web = self.web()
        self.assertEqual(web.publish("t", "1", qos=1)[0], 200)
        server.stop()
        self.begin(server)
        self.assertEqual(self.web().publish("t", "2", qos=1)[0], 200)
        self.check_log(server)

    def test_metrics_are_served_while_many_publish(self):
        self.served()
        over = threading.Event()

        def publish():
            web = self.web()
            while not over.is_set():
                web.publish("busy", "x" * 1000, qos=1)

        workers = [threading.Thread(target=publish) for _ in range(8)]
        for worker in workers:
            worker.start()
        slowest = 0
        try:
            for _ in range(50):
                began = time.monotonic()
                self.assertEqual(self.http(self.http_port, "/livez")[0], 200)
                slowest = max(slowest, time.monotonic() - began)
        finally:
            over.set()
            for worker in workers:
                worker.join()
        self.assertLess(slowest, 15)


class Subscribing(WebCase):
    def test_messages_come_as_events(self):
        self.served()
        web = self.web()
        events = self.events(web, "a/+", "b", qos=2)
        self.assertEqual(self.subscribed, {"filters": [{"filter": "a/+", "qos": 2},
                                                       {"filter": "b", "qos": 2}]})
        for qos in (0, 1, 2):
            web.publish(f"a/{qos}", f"line {qos}\nnext", qos=qos,
                        properties={"user_properties": {"k": "v"}})
        web.publish("c", "not wanted", qos=1)
        web.publish("b", None, payload_base64="/w==", qos=1)
        for number, qos in enumerate((0, 1, 2), 1):
            event, data, found = events.next()
            self.assertEqual((event, found), ("message", number))
            self.assertEqual(data, {"topic": f"a/{qos}", "payload": f"line {qos}\nnext",
                                    "qos": qos, "retain": False,
                                    "properties": {"user_properties": [["k", "v"]]}})
        self.assertEqual(events.message()["payload_base64"], "/w==")
        self.assertEqual(self.metric("roost_http_streams_open"), 1)
        events.close()
        until(lambda: self.metric("roost_http_streams_open") == 0, "the stream is over")
        until(lambda: self.metric("roost_subscriptions") == 0, "its subscriptions are gone")

    def test_retained_ones_come_first(self):
        self.served()
        web = self.web()
        for i in range(3):
            web.publish(f"r/{i}", "old", qos=1, retain=True)
        events = self.events(web, "r/#", qos=1)
        web.publish("r/new", "new", qos=1)
        found = [events.message() for _ in range(4)]
        self.assertEqual({one["topic"] for one in found[:3]}, {"r/0", "r/1", "r/2"})
        self.assertEqual([one["retain"] for one in found], [True] * 3 + [False])

    def test_hears_what_clients_publish(self):
        self.served()
        events = self.events(self.web(), "#", qos=1)
        client = self.client(self.server.port, "device", 5)
        client.publish("from/device", b"hello", 1)
        self.assertEqual(events.message()["payload"], "hello")

    def test_refusals_come_before_the_stream(self):
        self.served(mqtt={"max_subscriptions_per_client": 2}, http={"max_streams": 1})
        web = self.web()
        for query, status, what in (
                ("", 400, "needs 1 to 100 filters"), ("filter=a%23", 400, "no topic filter"),
                ("filter=a&qos=3", 400, "qos must be"), ("filter=a&x=1", 400, "there is no"),
                ("filter=a&filter=b&filter=c", 507, "refused the filter")):
            found, said, _ = web.ask("GET", f"/api/v1/subscribe?{query}")
            self.assertEqual(found, status, (query, said))
            self.assertIn(what, said["error"])
        self.events(web, "a")
        status, said, headers = web.ask("GET", "/api/v1/subscribe?filter=b")
        self.assertEqual((status, headers["Retry-After"]), (503, "10"))
        self.assertIn("too many streams", said["error"])
        self.assertEqual(self.metric("roost_http_refused_streams_total"), 1)
        self.assertEqual(web.ask("HEAD", "/api/v1/subscribe?filter=b")[0], 200)
        until(lambda: self.metric("roost_subscriptions") == 1, "of the one stream")

    def test_survives_silence(self):
        """Longer than the 15 s until a heartbeat."""
        self.served()
        web = self.web()
        events = self.events(web, "t")
        timer = threading.Timer(17, lambda: self.web().publish("t", "after a while"))
        timer.start()
        self.assertEqual(events.message()["payload"], "after a while")
        timer.join()
        self.assertGreaterEqual(events.comments, 1)

    def test_a_slow_reader_holds_its_own_session_back(self):
        """QoS 1 waits in its queue, and comes when it reads."""
        self.served(http={"max_body": "4MiB"})
        web = self.web()
        events = self.events(web, "big", qos=1)
        payload = "x" * 100_000
        for i in range(0, 400, 20):
            batch = [{"topic": "big", "payload": f"{n} {payload}", "qos": 1}
                     for n in range(i, i + 20)]
            self.assertEqual(web.ask("POST", "/api/v1/publish", {"messages": batch})[0], 200)
        self.assertGreater(self.metric("roost_queued_messages"), 0)
        for i in range(400):
            self.assertEqual(events.message()["payload"].split()[0], str(i))

    def test_ends_when_the_node_stops(self):
        server = self.served()
        web = self.web()
        events = self.events(web, "t")
        server.process.terminate()
        event, said, _ = events.next()
        self.assertEqual((event, said["reason_code"]), ("end", 0x8B))
        self.assertIsNone(events.next())
        self.assertEqual(server.process.wait(30), 0)
        self.check_log(server)


class OtherWays(WebCase):
    def begin(self, server):
        return server.start()

    def test_over_tls(self):
        made = self.certificates()
        context = ssl.create_default_context(cafile=made.ca)
        server = self.served(http={"tls": {"cert": made.cert, "key": made.key}})
        until(lambda: Web("127.0.0.1", self.http_port, context=context).publish("t", "")[0] == 200,
              "it is ready")
        web = self.web(context)
        first, second = self.events(web, "t/#", qos=1), self.events(web, "t/#", qos=1)
        large = "x" * 300_000
        for payload in ("small", large):
            self.assertEqual(web.publish("t/1", payload, qos=1)[0], 200)
            self.assertEqual(first.message()["payload"], payload)
            self.assertEqual(second.message()["payload"], payload)
        first.close()
        server.wait_for_log("disconnected client=roost-.* listener=api")
        self.assertEqual(web.publish("t/1", "goes on", qos=1)[0], 200)
        self.assertEqual(second.message()["payload"], "goes on")
        server.process.terminate()
        self.assertEqual(second.next()[0], "end")
        self.assertIsNone(second.next())
        self.assertEqual(server.process.wait(30), 0)
        self.check_log(server)

    def test_by_the_admin_socket_without_a_token(self):
        server = self.served()
        connection = UnixHttp(self.data_dir(server) + "/admin.sock")
        self.addCleanup(connection.close)

        def published():
            connection.request("POST", "/api/v1/publish/a?qos=1", b"x")
            answer = connection.getresponse()
            return answer.read() if answer.status == 200 else answer.read() and None

        self.assertIn(b"no_matching_subscribers", until(published, "it is ready"))


class Answers(WebCase):
    """Of verbs that other tests are about: they are as the document says."""

    def test_are_as_the_document_says(self):
        self.served()
        web = self.web()
        asked = [("GET", "/api/v1/status", None, 200), ("GET", "/api/v1/backup", None, 200),
                 ("POST", "/api/v1/backup", {"directory": self.folder + "/backup"}, 202),
                 ("POST", "/api/v1/backup", {}, 400), ("GET", "/api/v1/cluster", None, 400),
                 ("GET", "/api/v1/bans", None, 200),
                 ("POST", "/api/v1/bans", {"kind": "client", "what": "x", "for_s": 60}, 200),
                 ("POST", "/api/v1/bans/remove", {"kind": "client", "what": "x"}, 200),
                 ("POST", "/api/v1/bans/remove", {"kind": "client", "what": "x"}, 404),
                 ("POST", "/api/v1/explain/acl",
                  {"client": "x", "action": "publish", "topic": "t"}, 200)]
        for method, path, body, wanted in asked:
            before = web.document.checked
            self.assertEqual(web.ask(method, path, body)[0], wanted, (method, path))
            self.assertEqual(web.document.checked, before + 1, path)

    def test_the_document_itself_is_for_who_may_use_the_api(self):
        self.served()
        status, said, _ = Web("127.0.0.1", self.http_port, "a-token-of-nobody").ask(
            "GET", "/api/v1/openapi.json")
        self.assertEqual(status, 401, said)
        self.assertEqual(self.web().document.document["openapi"], "3.1.0")


class InACluster(ClusterCase):
    at_once = 2

    def setUp(self):
        super().setUp()
        try:
            import jsonschema  # noqa: F401 pylint: disable=import-outside-toplevel,unused-import
        except ImportError:
            self.needs(False, "python3-jsonschema is not installed")

    def web_of(self, node):
        web = Web(node.host, node.http_port)
        self.addCleanup(web.close)
        return web.know()

    def until_published(self, web, topic, payload, **more):
        """As a caller does it: again under the same key."""
        def published():
            status, said, _ = web.publish(topic, payload, qos=1, key=f"{topic} {payload}", **more)
            self.assertIn(status, (200, 409, 503, 504), said)
            return said if status == 200 else None

        return self.eventually(published, f"{topic} is published")

    def test_reaches_all_nodes_and_who_sleeps(self):
        cluster = self.cluster(config={"http": {"token": TOKEN}})
        cluster.wait_until_well(3)
        sleeper = cluster.key_led_by(cluster["n3"], "sleeper")
        client = self.session(self.at(cluster["n3"]), sleeper)
        client.subscribe("order/#", 1)
        client.disconnect()
        first, second = self.web_of(cluster["n1"]), self.web_of(cluster["n2"])
        events = second.events("filter=order/%23&qos=1")
        self.addCleanup(events.close)
        self.assertEqual(events.next()[0], "subscribed")
        said = self.until_published(first, "order/1", "wake up")
        self.assertEqual(said["reason_code"], 0)
        self.assertEqual(events.message()["payload"], "wake up")
        # From another node than the one that leads it.
        found = self.received(cluster["n2"], sleeper, 1)
        self.assertEqual((found[0].topic, found[0].payload), ("order/1", b"wake up"))
        self.assertEqual(first.ask("GET", "/api/v1/cluster")[0], 200)

    def test_no_quorum_is_a_504_and_then_a_word(self):
        """What isn't stored isn't said to be; under its key the outcome is asked for later. The same
        topic takes the same connection inside, which is there already."""
        cluster = self.cluster(config={"http": {"token": TOKEN}})
        cluster.wait_until_well(3)
        sleeper = cluster.key_led_by(cluster["n1"], "sleeper")
        self.offline(self.at(cluster["n1"]), sleeper, "order/#")
        web = self.web_of(cluster["n1"])
        self.until_published(web, "order/x", "one")
        for name in ("n2", "n3"):
            cluster[name].pause()
        status, said, _ = web.publish("order/x", "two", qos=1, key="two", timeout_s=1)
        self.assertEqual(status, 504, said)
        self.assertIn("isn't known", said["error"])
        self.assertEqual(web.publish("order/x", "two", qos=1, key="two", timeout_s=1)[0], 409)
        for name in ("n2", "n3"):
            cluster[name].resume()

        def known():
            status, said, _ = web.publish("order/x", "two", qos=1, key="two", timeout_s=1)
            return status == 200

        self.eventually(known, "the outcome", 120)
        payloads = [one.payload for one in self.received(cluster["n1"], sleeper, 2)]
        self.assertEqual(payloads, [b"one", b"two"])

    def test_probes_find_a_place_beside_callers_that_wait(self):
        """More callers than http.max_connections, whose messages no quorum stores."""
        cluster = self.cluster(config={"http": {"token": TOKEN}})
        cluster.wait_until_well(3)
        node = cluster["n1"]
        self.offline(self.at(node), cluster.key_led_by(node, "sleeper"), "order/#")
        self.until_published(self.web_of(node), "order/x", "one")
        for name in ("n2", "n3"):
            cluster[name].pause()
        message = json.dumps({"topic": "order/x", "payload": "two", "qos": 1})
        for _ in range(80):
            web = Web(node.host, node.http_port)
            self.addCleanup(web.close)
            web.connection.request("POST", "/api/v1/publish", message, web.headers({}))
        self.eventually(node.is_ready, "a probe is answered", 20)

        def refused():
            # A place is made by who has waited a second.
            status, text = self.http(node.http_port, "/metrics")
            found = re.search("^roost_http_refused_slow_requests_total (\\d+)$", text, re.M)
            return status == 200 and int(found[1])

        self.eventually(refused, "callers were refused", 20)
        for name in ("n2", "n3"):
            cluster[name].resume()

    def test_a_node_that_drains_ends_its_streams(self):
        cluster = self.cluster(config={"http": {"token": TOKEN}})
        web = self.web_of(cluster["n1"])
        events = web.events("filter=t")
        self.addCleanup(events.close)
        self.assertEqual(events.next()[0], "subscribed")
        self.assertEqual(web.ask("POST", "/api/v1/drain")[0], 202)
        event, said, _ = events.next()
        self.assertEqual((event, said["reason_code"]), ("end", 0x8B))
        self.assertEqual(cluster["n1"].process.wait(60), 0)
