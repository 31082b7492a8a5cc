# SPDX-License-Identifier: Apache-2.0
"""Webhooks: batches of events and messages to a service, through the deaths of either side."""

import base64
import hashlib
import hmac
import json
import os
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import wire
from support.roost import until
from support.way_out import Sender, WayCase

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()


class Service:
    """Takes batches while `status` is 200; checks each one's signature."""

    def __init__(self, case, port=0):
        self.batches, self.faults, self.status, self.delay_s = [], [], 200, 0
        self.refused, self.retry_after_s, self.asked_s = 0, 0, []
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                time.sleep(service.delay_s)
                status = service.status(body) if callable(service.status) else service.status
                if status == 200:
                    service.take(self.headers, body)
                else:
                    service.refused += 1
                self.send_response(status)
                self.send_header("Content-Length", "0")
                if service.retry_after_s and status != 200:
                    self.send_header("Retry-After", str(service.retry_after_s))
                service.asked_s.append(time.monotonic())
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            def process_request(self, request, client_address):
                service.connections.append(request)
                super().process_request(request, client_address)

            def handle_error(self, request, client_address):
                """A broker that was killed reads no answer."""
                if not isinstance(sys.exc_info()[1], (BrokenPipeError, ConnectionResetError)):
                    super().handle_error(request, client_address)

        self.connections = []
        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        case.addCleanup(self.stop)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/hook"

    def take(self, headers, body):
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        key = base64.b64decode(SECRET.removeprefix("whsec_"))
        right = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        if headers["webhook-signature"] != right:
            self.faults.append(("signature", headers["webhook-signature"]))
        if abs(int(headers["webhook-timestamp"]) - time.time()) > 60:
            self.faults.append(("timestamp", headers["webhook-timestamp"]))
        batch = json.loads(body)
        if batch["id"] != headers["webhook-id"]:
            self.faults.append(("id", batch["id"]))
        self.batches.append((batch, dict(headers)))

    @property
    def events(self):
        return [event for batch, _ in list(self.batches) for event in batch["events"]]

    def numbers(self):
        return [int(event["payload"]) for event in self.events if event["type"] == "message"]

    def told(self, kind, client=None):
        return [event for event in self.events
                if event["type"] == kind and client in (None, event["client"])]

    def stop(self):
        """As if it were killed: whatever is under way is cut off."""
        self.server.shutdown()
        self.server.server_close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class HookCase(WayCase):
    def hook(self, service, **more):
        secret = os.path.join(self.folder, "secret")
        with open(secret, "w", encoding="utf-8") as out:
            out.write(SECRET + "\n")
        return {"name": "orders", "url": service.url, "secret_file": secret, "retry_min": "50ms",
                "retry_max": "200ms", "batch_wait": "20ms", **more}

    def hooked(self, service, **more):
        return self.broker(webhooks=[self.hook(service, **more)])

    def webhooks(self, server):
        _, body = self.api(server, "/api/v1/webhooks")
        return {one["node"]: one["webhooks"][0] for one in json.loads(body)["nodes"]}

    def wait_until_hooked(self, server, seconds=30):
        def runs():
            try:
                return any(one["state"] == "running" for one in self.webhooks(server).values())
            except (ValueError, KeyError):
                return False

        until(runs, "the webhook runs", seconds)


class Webhook(HookCase):
    def test_messages_of_its_filters(self):
        service = Service(self)
        roost = self.hooked(service, filters=["orders/#", "alarm/+"])
        self.wait_until_hooked(roost)
        self.publish(roost.port, "orders/1", "one", "-q", "1")
        self.publish(roost.port, "other/1", "no", "-q", "1")
        self.publish(roost.port, "alarm/2", "two", "-q", "0", "-r")
        client = self.client(roost.port, "five", 5)
        client.send(wire.publish(5, "orders/3", b"\xff\x00", 2, 0, 0, 1,
                                 {"content_type": "x/y", "user": [("a", "b")]}))
        until(lambda: len(service.events) >= 3, "three events")
        one, two, three = sorted(service.events, key=lambda event: event["topic"][-1])
        self.assertEqual((one["type"], one["topic"], one["payload"], one["qos"]),
                         ("message", "orders/1", "one", 1))
        self.assertEqual((two["topic"], two["payload"], two["retain"]), ("alarm/2", "two", True))
        self.assertEqual(base64.b64decode(three["payload_base64"]), b"\xff\x00")
        self.assertEqual(three["properties"]["content_type"], "x/y")
        self.assertEqual(service.faults, [])
        self.assertEqual(service.batches[0][0]["webhook"], "orders")

    def test_clients_that_come_and_go(self):
        service = Service(self)
        roost = self.hooked(service, events=["client.connected", "client.disconnected"])
        self.wait_until_hooked(roost)
        for v in (4, 5):
            clean = self.client(roost.port, f"clean{v}", v, username=f"ann{v}")
            lasting = self.session(roost.port, f"lasting{v}", v)
            clean.disconnect()
            lasting.sock.close()
        ids = [f"{name}{v}" for v in (4, 5) for name in ("clean", "lasting")]
        for name in ids:
            for kind in ("client.connected", "client.disconnected"):
                until(lambda k=kind, n=name: service.told(k, n), f"{kind} {name}")
        here = service.told("client.connected", "clean4")[0]
        self.assertEqual((here["version"], here["session_lasts"], here["listener"]),
                         ("3.1.1", False, "main"))
        self.assertNotIn("user", here)  # nobody has checked the name
        self.assertTrue(here["address"].startswith("127.0.0.1:"))
        self.assertEqual(service.told("client.disconnected", "clean4")[0]["reason"],
                         "client disconnected")
        self.assertIn("closed", service.told("client.disconnected", "lasting5")[0]["reason"])
        self.assertTrue(service.told("client.connected", "lasting5")[0]["session_lasts"])
        self.assertEqual(len({event["id"] for event in service.events}), len(service.events))
        self.assertEqual({event["client"] for event in service.events}, set(ids))  # not its own
        self.assertEqual(len(service.events), 8)

    def test_sessions_that_expire(self):
        service = Service(self)
        roost = self.hooked(service, events=["session.expired"])
        self.wait_until_hooked(roost)
        self.offline(roost.port, "brief", "a", v=5, expiry_s=1)
        self.offline(roost.port, "long", "a", v=5, expiry_s=3600)
        until(lambda: service.told("session.expired", "brief"), "it is told")
        self.assertEqual(len(service.events), 1)

    def test_a_crash_tells_of_who_was_there(self):
        service = Service(self)
        roost = self.hooked(service, events=["client.connected", "client.disconnected"])
        self.wait_until_hooked(roost)
        clients = [self.session(roost.port, f"lamp{n}") for n in range(20)]
        # Without waiting: who has his CONNACK has been told of.
        self.crash(roost)
        for n in range(20):
            for kind in ("client.connected", "client.disconnected"):
                until(lambda k=kind, c=f"lamp{n}": service.told(k, c), f"{kind} lamp{n}", 30)
        self.assertEqual(len(clients), 20)

    def test_batches(self):
        service = Service(self)
        roost = self.hooked(service, filters=["a"], batch_max=10, batch_wait="200ms")
        self.wait_until_hooked(roost)
        client = self.client(roost.port, "sender")
        self.publish_all(client, [("a", str(n).encode()) for n in range(200)])
        until(lambda: len(service.events) >= 200, "all of them")
        self.assertEqual(service.numbers(), list(range(200)))
        sizes = [len(batch["events"]) for batch, _ in service.batches]
        self.assertLessEqual(max(sizes), 10)
        self.assertLess(len(sizes), 60)

    def test_headers_of_a_file(self):
        service = Service(self)
        path = os.path.join(self.folder, "headers")
        with open(path, "w", encoding="utf-8") as out:
            out.write("Authorization: Bearer t0ps3cret\nX-Shop: one\n")
        roost = self.hooked(service, filters=["a"], headers_file=path)
        self.wait_until_hooked(roost)
        self.publish(roost.port, "a", "1", "-q", "1")
        until(lambda: service.batches, "a batch")
        headers = service.batches[0][1]
        self.assertEqual((headers["Authorization"], headers["X-Shop"]), ("Bearer t0ps3cret", "one"))
        self.assertNotIn("t0ps3cret", roost.log())

    def test_a_filter_that_was_taken_out_sends_nothing_more(self):
        service = Service(self)
        roost = self.hooked(service, filters=["a", "b"])
        self.wait_until_hooked(roost)
        roost.stop()
        with open(roost.config, encoding="utf-8") as file:
            lines = file.readlines()
        with open(roost.config, "w", encoding="utf-8") as file:
            file.writelines(line for line in lines if line.strip() != '- "b"')
        roost.start()
        self.wait_until_hooked(roost)
        for topic in ("b", "a"):
            self.publish(roost.port, topic, topic, "-q", "1")
        until(lambda: service.events, "an event")
        until(lambda: self.metric("roost_webhook_no_rule_total") == 1, "counted")
        self.assertEqual([event["topic"] for event in service.events], ["a"])

    def test_what_is_refused_comes_again_and_in_order(self):
        service = Service(self)
        service.status = 503
        roost = self.hooked(service, filters=["a"], batch_max=5)
        self.wait_until_hooked(roost)
        client = self.client(roost.port, "sender")
        self.publish_all(client, [("a", str(n).encode()) for n in range(100)])
        until(lambda: service.refused >= 3, "some refusals")
        self.assertIn("503", next(iter(self.webhooks(roost).values()))["last_error"])
        self.assertGreaterEqual(self.metric("roost_webhook_failures_total"), 3)
        said = self.roost_command("webhooks", "--data-dir", self.data_dir(roost)).stdout
        self.assertRegex(said, r"orders +\S+ +running +0 +0 +\d+ +the service answers 503")
        service.status = 200
        until(lambda: len(service.events) >= 100, "all of them")
        self.assertEqual(service.numbers(), list(range(100)))
        until(lambda: self.metric("roost_webhook_events_total") == 100, "counted")

    def test_a_service_that_asks_for_a_pause_gets_it(self):
        service = Service(self)
        service.status, service.retry_after_s = 429, 3
        roost = self.hooked(service, filters=["a"], retry_min="10ms", retry_max="20ms")
        self.wait_until_hooked(roost)
        self.publish_all(self.client(roost.port, "sender"), [("a", b"1")])
        until(lambda: len(service.asked_s) == 2, "asked again", 20)
        self.assertGreater(service.asked_s[1] - service.asked_s[0], 2.9)
        service.status = 200
        until(lambda: service.numbers() == [1], "taken", 20)
        service.status, service.retry_after_s = 503, 1_000_000
        self.publish_all(self.client(roost.port, "another"), [("a", b"2")])
        roost.wait_for_log("the service answers 503; again in 3600000 ms")

    def test_a_body_that_is_too_large_is_halved_and_one_alone_given_up(self):
        service = Service(self)
        service.status = lambda body: 413 if len(body) > 2000 else 200
        roost = self.hooked(service, filters=["a/#"], batch_max=100)
        self.wait_until_hooked(roost)
        client = self.client(roost.port, "sender")
        messages = [("a/x", b"%d" % n) for n in range(50)]
        messages[20] = ("a/huge", b"x" * 4000)
        self.publish_all(client, messages)
        until(lambda: len(service.events) >= 49, "all but the huge one")
        self.assertEqual(service.numbers(), [n for n in range(50) if n != 20])
        self.assertEqual(self.metric("roost_webhook_too_large_total"), 1)

    def test_nothing_is_lost_when_either_side_dies(self):
        service = Service(self)
        roost = self.hooked(service, filters=["a"], batch_max=20)
        self.wait_until_hooked(roost)
        sender = Sender(self, lambda: self.client(roost.port, "sender"), "a")
        services = [service]
        for _ in range(4):
            sender.go_on(60)
            self.crash(roost)
            sender.go_on(60)
            services[-1].stop()
            sender.go_on(60)
            services.append(Service(self, service.port))
        sender.stop()
        wanted = set(sender.acknowledged)

        def numbers():
            return [number for one in services for number in one.numbers()]

        until(lambda: wanted <= set(numbers()), "all there", 60)
        first = list(dict.fromkeys(numbers()))
        self.assertEqual(first, sorted(first))
        self.assertEqual([one.faults for one in services], [[]] * len(services))
        self.check_log(roost)

    def test_a_stop_tells_of_all_who_were_there(self):
        service = Service(self)
        roost = self.hooked(service, events=["client.disconnected"])
        self.wait_until_hooked(roost)
        clients = [self.client(roost.port, f"clean{n}") for n in range(20)]
        clients += [self.session(roost.port, f"lasting{n}") for n in range(20)]
        self.assertEqual(roost.stop(), 0)
        roost.start()
        until(lambda: len({event["client"] for event in service.events}) == len(clients),
              "all are told of", 30)

    def test_its_topics_and_ids_are_the_brokers_own(self):
        service = Service(self)
        roost = self.hooked(service, events=["client.connected"], filters=["a"])
        self.wait_until_hooked(roost)
        client = self.client(roost.port, "nosy", 5)
        for topic_filter in ("$roost/#", "$roost/events/client.connected",
                             "$share/g/$roost/events/#"):
            client.send(wire.subscribe(5, 7, [(topic_filter, 1)]))
            client.expect("SUBACK", codes=[0x87])
        client.send(wire.publish(5, "$roost/events/client.connected", b"{}", 1, 0, 0, 8))
        client.expect("PUBACK", code=0x87)
        thief = self.raw(roost.port, 5, "thief")
        thief.send(wire.connect(5, "$roost/webhook/orders"))
        thief.expect("CONNACK", code=0x85)
