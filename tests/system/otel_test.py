# SPDX-License-Identifier: Apache-2.0
"""OpenTelemetry: messages that bring a traceparent are followed, and a collector hears of it."""

import importlib
import json
import os
import re
import secrets
import stat
import sys

from support.case import NODE_MODULES, SystemCase
from support.cluster_case import ClusterCase
from support.collector import Collector, with_bytes
from support.roost import until

try:
    from google.protobuf import json_format
except ImportError:
    json_format = None

PROTOS = NODE_MODULES / "@opentelemetry/otlp-grpc-exporter-base/build/protos"
SERVER, INTERNAL, PRODUCER = 2, 1, 4


class Trace:
    """What a publisher that is traced brings."""

    def __init__(self, flags="01"):
        self.id, self.span = secrets.token_hex(16), secrets.token_hex(8)
        self.text = f"00-{self.id}-{self.span}-{flags}"
        self.props = {"user": [("a", "1"), ("traceparent", self.text), ("b", "2")]}


class Receiving:
    """Of a TestCase with `collector`."""

    def make_collector(self):
        self.collector = Collector()
        self.addCleanup(self.collector.stop)
        self.addCleanup(lambda: self.assertEqual(self.collector.faults, []))
        return self.collector

    def settings(self, **more):
        return {"endpoint": self.collector.url, "interval": "100ms", **more}

    def spans(self, trace, count):
        """All of a trace, when so many have come."""
        until(lambda: len(self.collector.spans(trace.id)) >= count,
              f"{count} spans of {trace.id}, there are {self.collector.spans(trace.id)}")
        found = self.collector.spans(trace.id)
        self.assertEqual(len(found), count, found)
        return found

    def check(self, trace, spans, topic, kinds):
        """One tree: the client's span, the broker's publish, and the rest below it."""
        by_name = {}
        for span in spans:
            by_name.setdefault(span.name, []).append(span)
            self.assertLessEqual(span.start, span.end, span)
            self.assertEqual(span.attributes["messaging.system"], "mqtt")
            self.assertEqual(span.attributes["messaging.operation.name"], span.name)
            self.assertEqual(span.attributes["messaging.destination.name"], topic)
            self.assertEqual(span.attributes["roost.node"], span.node)
        self.assertEqual(sorted(by_name), sorted(kinds))
        (publish,) = by_name["publish"]
        self.assertEqual((publish.parent, publish.kind, publish.status),
                         (trace.span, SERVER, {}))
        for name, kind in (("commit", INTERNAL), ("deliver", PRODUCER)):
            for span in by_name.get(name, []):
                self.assertEqual((span.parent, span.kind), (publish.id, kind))
        self.assertEqual(len({span.id for span in spans}), len(spans))
        return publish, by_name


class Otel(Receiving, SystemCase):
    def start(self, **more):
        self.make_collector()
        self.http_port = self.free_port()
        more.setdefault("node", {"name": "n1"})
        server = self.roost(otel=self.settings(**more.pop("otel", {})),
                            http={"address": "127.0.0.1", "port": self.http_port}, **more)
        self.wait_until_ready(self.http_port)
        return server

    def outcome(self, name):
        return self.number(f'roost_otel_spans_total{{outcome="{name}"}}')

    def number(self, series):
        status, text = self.http(self.http_port, "/metrics")
        self.assertEqual(status, 200)
        return float(re.search(rf"^{series} ([0-9.e+]+)$", text, re.M).group(1))

    def exchange(self, server, qos):
        """One message of a trace from one client to another; both are clean."""
        trace = Trace()
        sub = self.client(server.port, f"sub{qos}", v=5)
        sub.subscribe(f"t/{qos}", qos)
        pub = self.client(server.port, f"pub{qos}", v=5)
        pub.publish(f"t/{qos}", "hello", qos, props=trace.props)
        sub.expect_message(f"t/{qos}", "hello", qos, props=trace.props)
        return trace

    def test_publish_and_deliver_of_each_qos(self):
        server = self.start()
        for qos in (0, 1, 2):
            trace = self.exchange(server, qos)
            spans = self.spans(trace, 2)
            publish, names = self.check(trace, spans, f"t/{qos}", {"publish", "deliver"})
            self.assertEqual(publish.attributes["messaging.client.id"], f"pub{qos}")
            self.assertEqual(publish.attributes["messaging.message.body.size"], 5)
            self.assertEqual(publish.attributes["mqtt.qos"], qos)
            self.assertEqual(names["deliver"][0].attributes["messaging.client.id"], f"sub{qos}")
            self.assertEqual(publish.resource["service.name"], "roost")
            self.assertEqual(publish.node, "n1")
            self.assertRegex(publish.resource["service.version"], r"^\d+\.\d+")

    def test_commit_of_what_is_stored(self):
        server = self.start(listeners={"main": {"ack": "local"}})
        sub = self.client(server.port, "lamp", v=5, props={"session_expiry": 600})
        for qos in (1, 2):
            sub.subscribe(f"t/{qos}", qos)
        pub = self.client(server.port, "pub", v=5, props={"session_expiry": 600})
        for qos in (1, 2):
            trace = Trace()
            pub.publish(f"t/{qos}", "x", qos, props=trace.props)
            sub.expect_message(f"t/{qos}", "x", qos, props=trace.props)
            spans = self.spans(trace, 3)
            publish, names = self.check(trace, spans, f"t/{qos}", {"publish", "commit", "deliver"})
            (commit,), (deliver,) = names["commit"], names["deliver"]
            self.assertLessEqual(commit.end, publish.end)
            self.assertGreater(commit.end, commit.start, "an fsync takes its time")
            self.assertIn("roost.shard", deliver.attributes)

    def request_of_protobuf(self):
        """ExportTraceServiceRequest as OpenTelemetry's own .proto files have it."""
        self.needs(json_format, "python3-protobuf is not installed")
        self.needs(PROTOS.exists(), "OpenTelemetry's .proto files: npm ci in tests/system")
        folder = self.make_folder()
        files = [f"opentelemetry/proto/{name}.proto" for name in
                 ("common/v1/common", "resource/v1/resource", "trace/v1/trace",
                  "collector/trace/v1/trace_service")]
        done = self.command("protoc", f"--proto_path={PROTOS}", f"--python_out={folder}", *files)
        self.assertEqual(done.returncode, 0, done.stderr)
        sys.path.insert(0, folder)
        self.addCleanup(sys.path.remove, folder)
        module = "opentelemetry.proto.collector.trace.v1.trace_service_pb2"
        return importlib.import_module(module).ExportTraceServiceRequest()

    def test_documents_are_what_opentelemetrys_own_messages_take(self):
        request = self.request_of_protobuf()
        server = self.start(otel={"sample": 1})
        self.exchange(server, 1)
        trace = self.exchange(server, 2)
        pub = self.client(server.port, "p", v=5)
        pub.publish("$SYS/x", "x", 1, props=Trace().props, code=0x87)
        until(lambda: len(self.collector.spans()) >= 5, "all spans")
        names = []
        for body in self.collector.bodies:
            json_format.Parse(json.dumps(with_bytes(json.loads(body))), request)
            for part in request.resource_spans[-1].scope_spans:
                self.assertEqual(part.scope.name, "roost")
                names += [span.name for span in part.spans]
        self.assertEqual(sorted(names), ["deliver"] * 2 + ["publish"] * 3)
        ids = [span.trace_id.hex() for part in request.resource_spans
               for scope in part.scope_spans for span in scope.spans]
        self.assertEqual(ids.count(trace.id), 2)
        bad = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{"trace": "x"}]}]}]})
        self.assertRaises(json_format.ParseError, json_format.Parse, bad, request)

    def test_two_messages_of_one_span_are_two(self):
        server = self.start()
        sub, pub = self.client(server.port, "s", v=5), self.client(server.port, "p", v=5)
        sub.subscribe("t", 1)
        trace = Trace()
        for text in ("1", "2"):
            pub.publish("t", text, 1, props=trace.props)
            sub.expect_message("t", text, 1, props=trace.props)
        spans = self.spans(trace, 4)
        publishes = {span.id for span in spans if span.name == "publish"}
        self.assertEqual(len(publishes), 2)
        self.assertEqual({span.parent for span in spans if span.name == "deliver"}, publishes)

    def test_nothing_of_what_is_not_sampled(self):
        server = self.start()
        sub, pub = self.client(server.port, "s", v=5), self.client(server.port, "p", v=5)
        old = self.client(server.port, "old", v=4)
        sub.subscribe("t", 1)
        off = Trace("00")
        bad = Trace()
        bad.props["user"][1] = ("traceparent", bad.text.upper())
        for props in (off.props, bad.props, {"user": [("a", "b")]}, None):
            pub.publish("t", "x", 1, props=props)
            sub.expect_message("t", "x", 1, props=props or {})
        old.publish("t", "x", 1)
        sub.expect_message("t", "x", 1)
        self.spans(self.exchange(server, 1), 2)  # what came before would have come
        self.assertEqual(len(self.collector.spans()), 2)

    def test_own_traces_of_messages_without_one(self):
        server = self.start(otel={"sample": 1})
        sub, pub = self.client(server.port, "s"), self.client(server.port, "p")
        sub.subscribe("t", 1)
        pub.publish("t", "x", 1)
        sub.expect_message("t", "x", 1)
        until(lambda: len(self.collector.spans()) == 2, "two spans")
        deliver, publish = sorted(self.collector.spans(), key=lambda span: span.name)
        self.assertEqual((publish.name, publish.parent), ("publish", None))
        self.assertEqual((deliver.trace, deliver.parent), (publish.trace, publish.id))

    def test_a_refused_publish_is_an_error(self):
        server = self.start()
        pub, trace = self.client(server.port, "p", v=5), Trace()
        pub.publish("$SYS/x", "x", 1, props=trace.props, code=0x87)
        (span,) = self.spans(trace, 1)
        self.assertEqual((span.name, span.status["code"], span.parent), ("publish", 2, trace.span))
        self.assertEqual(span.attributes["mqtt.reason_code"], 0x87)

    def test_a_retained_message_brings_its_traceparent_along(self):
        server = self.start()
        pub, trace = self.client(server.port, "p", v=5), Trace()
        pub.publish("kept", "x", 1, retain=1, props=trace.props)
        sub = self.client(server.port, "s", v=5)
        sub.subscribe("kept", 1)
        sub.expect_message("kept", "x", 1, retain=1, props=trace.props)
        self.check(trace, self.spans(trace, 3), "kept", {"publish", "commit", "deliver"})

    def test_a_collector_that_was_away_gets_all(self):
        server = self.start()
        port = self.collector.port
        self.collector.stop()
        traces = [self.exchange(server, 1) for _ in range(20)]
        server.wait_for_log(r"otel: spans wait: http://127.0.0.1")
        self.collector = Collector(port)
        self.addCleanup(self.collector.stop)
        for trace in traces:
            self.check(trace, self.spans(trace, 2), "t/1", {"publish", "deliver"})
        until(lambda: self.outcome("exported") == 40, "all are counted")
        self.assertEqual(server.log().count("otel: spans wait"), 1)
        server.wait_for_log(r"takes spans again")

    def test_a_busy_collector_is_asked_again_when_it_says(self):
        server = self.start()
        answers = [(503, {"Retry-After": "3"}, "{}"), (429, {}, "")]
        self.collector.answer = lambda: answers.pop(0) if answers else None
        trace = self.exchange(server, 0)
        until(lambda: len(answers) <= 1, "the first request")
        self.spans(trace, 2)
        self.assertEqual(answers, [])
        self.assertIn(self.collector.requests, (3, 4), "a tick may come between the two spans")

    def test_what_a_collector_refuses_is_counted_and_given_up(self):
        server = self.start()
        self.collector.answer = lambda: (400, {}, "{}")
        self.exchange(server, 0)
        until(lambda: self.outcome("refused") == 2, "two are refused")
        server.wait_for_log(r"otel: \d spans are refused: http://127.0.0.1:\d+ answers 400")
        self.collector.answer = lambda: None
        self.spans(self.exchange(server, 1), 2)

    def test_limits_are_counted(self):
        server = self.start(otel={"rate_max": 20, "max_queued": 512})
        sub, pub = self.client(server.port, "s", v=5), self.client(server.port, "p", v=5)
        sub.subscribe("t", 1)
        for number in range(60):
            props = Trace().props
            pub.publish("t", str(number), 1, props=props)
            sub.expect_message("t", str(number), 1, props=props)
        until(lambda: self.outcome("over_rate") + self.outcome("exported") == 120, "all are counted")
        self.assertGreater(self.outcome("over_rate"), 0)
        self.assertEqual(len(self.collector.spans()), self.outcome("exported"))

    def test_sixteen_deliveries_of_one_message(self):
        server = self.start(threads=1)
        subs = [self.client(server.port, f"s{number}", v=5) for number in range(20)]
        for sub in subs:
            sub.subscribe("t", 0)
        pub, trace = self.client(server.port, "p", v=5), Trace()
        pub.publish("t", "x", 1, props=trace.props)
        for sub in subs:
            sub.expect_message("t", "x", 0, props=trace.props)
        self.spans(trace, 17)
        self.assertEqual(self.outcome("fan_out"), 4)

    def test_headers_are_sent_and_never_shown(self):
        folder = self.make_folder()
        path = os.path.join(folder, "headers")
        with open(path, "w", encoding="utf-8") as file:
            file.write("# for the collector\nApi-Key: very secret\n")
        os.chmod(path, stat.S_IRUSR)
        server = self.start(otel={"headers_file": path})
        self.spans(self.exchange(server, 0), 2)
        self.assertEqual(self.collector.headers[0]["Api-Key"], "very secret")
        self.collector.answer = lambda: (401, {}, "{}")
        self.exchange(server, 1)
        server.wait_for_log(r"answers 401")
        os.chmod(path, stat.S_IRUSR | stat.S_IWUSR)
        with open(path, "w", encoding="utf-8") as file:
            file.write("Api-Key: another secret\n")
        self.collector.answer = lambda: None
        self.spans(self.exchange(server, 0), 2)
        self.assertEqual(self.collector.headers[-1]["Api-Key"], "another secret")
        os.rename(path, path + ".away")
        before = self.number("roost_otel_request_failures_total")
        trace = self.exchange(server, 1)
        until(lambda: self.number("roost_otel_request_failures_total") > before, "none are sent")
        os.rename(path + ".away", path)
        self.spans(trace, 2)
        self.assertNotRegex(server.log(), "(very|another) secret")

    def test_what_is_left_is_sent_when_it_stops(self):
        server = self.start(otel={"interval": "60s"})
        trace = self.exchange(server, 1)
        self.assertEqual(server.stop(), 0)
        self.spans(trace, 2)


class OtelCluster(Receiving, ClusterCase):
    at_once = 2

    def test_from_one_node_by_another_to_a_third(self):
        self.make_collector()
        cluster = self.cluster(config={"otel": self.settings()})
        key = cluster.key_led_by(cluster["n3"], "lamp")
        lamp = self.session(self.at(cluster["n2"]), key, 5)
        lamp.subscribe("home/lamp", 1)
        lamp.disconnect()
        self.eventually(lambda: f'"{key}"' in cluster["n3"].tool(
            "sessions", "--offline", "--json", key).stdout, "it is away")
        trace = Trace()
        pub = self.client(self.at(cluster["n1"]), "pub", v=5)
        pub.publish("home/lamp", "on", 1, props=trace.props)
        publish, names = self.check(trace, self.spans(trace, 2), "home/lamp",
                                    {"publish", "commit"})
        self.assertEqual(publish.node, "n1")
        # The publisher's node is gone when the message is delivered, by way of two others.
        pub.close()
        cluster["n1"].kill()
        (got,) = self.received(cluster["n2"], key, 1, v=5)
        self.assertEqual(got.props["user"], trace.props["user"])
        publish, names = self.check(trace, self.spans(trace, 3), "home/lamp",
                                    {"publish", "commit", "deliver"})
        (deliver,) = names["deliver"]
        self.assertEqual((deliver.node, deliver.attributes["messaging.client.id"]), ("n3", key))
        self.assertGreater(deliver.end, publish.end)
