# SPDX-License-Identifier: Apache-2.0
"""Seen from outside: metrics, health, $SYS, log lines."""

import json
import re
import signal
import time

from harness import wire
from support.case import SystemCase
from support.roost import until


class Metrics(SystemCase):
    def server(self, **config):
        self.http_port = self.free_port()
        server = self.roost(http={"address": "127.0.0.1", "port": self.http_port}, **config)
        self.wait_until_ready(self.http_port)
        return server

    def scrape(self):
        status, text = self.http(self.http_port, "/metrics")
        self.assertEqual(status, 200)
        return text

    def value(self, name):
        """The sum over the labels of one metric."""
        lines = re.findall(rf"^{name}(?:\{{[^}}]*\}})? ([0-9.e+-]+)$", self.scrape(), re.M)
        self.assertTrue(lines, f"no {name} in /metrics")
        return sum(float(v) for v in lines)

    def reaches(self, name, wanted):
        until(lambda: self.value(name) == wanted, f"{name} = {wanted} (is {self.value(name)})")

    def test_health(self):
        self.server()
        until(lambda: self.http(self.http_port, "/readyz")[0] == 200, "it is ready")
        self.assertEqual(self.http(self.http_port, "/livez")[0], 200)
        self.assertEqual(self.http(self.http_port, "/nowhere")[0], 404)

    def test_metrics_are_prometheus_text(self):
        self.server()
        text = self.scrape()
        for line in text.splitlines():
            self.assertRegex(line, r'^(# (HELP|TYPE) \w+ .+|\w+(\{.*\})? [-+0-9.eNaIinf]+)$')
        names = re.findall(r"^# TYPE (\w+) (\w+)$", text, re.M)
        self.assertGreater(len(names), 20)
        for name, kind in names:
            self.assertRegex(name, r"^(roost|process)_")
            self.assertEqual(name.endswith("_total"), kind == "counter", name)

    def test_they_count(self):
        server = self.server(mqtt={"sys_interval": 0})
        sub, pub = self.client(server.port, "s"), self.client(server.port, "p")
        self.reaches("roost_clients_connected", 2)
        sub.subscribe("t/#", 1)
        self.reaches("roost_subscriptions", 1)
        before = self.value("roost_publish_received_total")
        for n in range(10):
            pub.publish(f"t/{n}", "12345", 1, retain=1)
            sub.expect_message(f"t/{n}", "12345", 1)
        self.reaches("roost_publish_received_total", before + 10)
        self.reaches("roost_retained_messages", 10)
        sub.disconnect()
        pub.disconnect()
        self.reaches("roost_clients_connected", 0)

    def test_what_is_dropped_is_counted_by_cause(self):
        server = self.server()
        small = self.client(server.port, "small", v=5, props={"maximum_packet_size": 100})
        small.subscribe("t", 1)
        pub = self.client(server.port, "p")
        pub.publish("t", "L" * 200, 1)
        dropped = r'roost_messages_dropped_total\{[^}]*too_large[^}]*\} 1\b'
        until(lambda: re.search(dropped, self.scrape()), "the drop in /metrics")

    def test_every_cause_of_a_drop_is_there_from_the_start(self):
        self.server()
        causes = set(re.findall(r'^roost_messages_dropped_total\{[^}]*="(\w+)"\} 0$',
                                self.scrape(), re.M))
        self.assertEqual(causes, {"slow_reader", "queue_full", "expired", "too_large",
                                  "offline_qos0", "session_end", "rejected_by_subscriber",
                                  "not_authorized", "queue_overflow_oldest", "keep_last",
                                  "queued_too_long", "damaged", "not_receivable", "purged",
                                  "max_retained"})

    def test_no_client_id_or_topic_in_labels(self):
        server = self.server()
        c = self.client(server.port, "very-special-id")
        c.subscribe("very/special/topic")
        text = self.scrape()
        self.assertNotIn("very-special-id", text)
        self.assertNotIn("very/special", text)

    def test_queued_messages_are_seen(self):
        server = self.server()
        c = self.client(server.port, "away", clean=False)
        c.subscribe("t", 1)
        c.disconnect()
        pub = self.client(server.port, "p")
        for n in range(5):
            pub.publish("t", "x", 1)
        self.reaches("roost_queued_messages", 5)


class SysTopics(SystemCase):
    def test_mosquitto_s_names(self):
        port = self.roost(mqtt={"sys_interval": "1s"}).port
        names = ["version", "uptime", "clients/connected", "clients/total", "clients/maximum",
                 "messages/received", "messages/sent", "publish/messages/received",
                 "publish/messages/sent", "publish/messages/dropped", "bytes/received",
                 "bytes/sent", "subscriptions/count", "retained messages/count",
                 "load/messages/received/1min",
                 "load/connections/15min", "store/messages/count"]
        for name in names:
            done = self.command("mosquitto_sub", "-p", port, "-t", f"$SYS/broker/{name}", "-C", "1",
                                "-W", "10", "-F", "%r %p")
            self.assertRegex(done.stdout, r"^1 \S", name)

    def test_they_are_kept_up_to_date(self):
        port = self.roost(mqtt={"sys_interval": "1s"}).port
        sub = self.subscriber("-p", port, "-t", "$SYS/broker/clients/connected")
        others = [self.client(port, f"c{n}") for n in range(3)]
        until(lambda: sub.message() == "4", "four connected clients")
        for c in others:
            c.disconnect()
        until(lambda: sub.message() == "1", "one connected client")

    def test_hash_does_not_see_them(self):
        port = self.roost(mqtt={"sys_interval": "1s"}).port
        self.publish(port, "plain", "x", "-r")
        done = self.command("mosquitto_sub", "-p", port, "-t", "#", "-W", "10", "-F", "%t")
        self.assertEqual(done.stdout, "plain\n")

    def test_clients_can_not_write_them(self):
        port = self.roost(mqtt={"sys_interval": "1h"}).port
        c = self.client(port, "liar")
        c.send(wire.publish(4, "$SYS/broker/version", b"lie", 0, 1))
        c.send(wire.pingreq())
        c.receive()
        done = self.command("mosquitto_sub", "-p", port, "-t", "$SYS/broker/version", "-C", "1",
                            "-W", "10")
        self.assertNotIn("lie", done.stdout)


class Log(SystemCase):
    def test_a_line_for_each_connect_and_disconnect(self):
        server = self.roost()
        c = self.client(server.port, "kitchen-lamp", v=5, keep_alive=33, username="esp")
        line = server.wait_for_log(r"[^\n]*connected[^\n]*kitchen-lamp[^\n]*|"
                                   r"[^\n]*kitchen-lamp[^\n]*connected[^\n]*").group()
        whole = (r" client=kitchen-lamp address=127\.0\.0\.1:\d+ listener=main version=5\.0 "
                 r"clean=1 keep_alive=33 user=esp")
        self.assertRegex(line, " connected" + whole)
        c.disconnect()
        server.wait_for_log(" disconnected" + whole + ' reason="[^"]+"')

    def test_why_a_connection_ended(self):
        server = self.roost()
        self.client(server.port, "silent", keep_alive=1).expect_end()
        server.wait_for_log(r"silent[^\n]*(keep.alive|timeout)")
        bad = self.client(server.port, "broken", v=5)
        bad.send(b"\x36\x00")
        bad.expect_end()
        server.wait_for_log(r"[^\n]*broken[^\n]*(?i:malformed|0x81|QoS 3)")
        self.client(server.port, "twin")
        self.client(server.port, "twin")
        server.wait_for_log(r"[^\n]*twin[^\n]*(?i:taken over|takeover|0x8e)")

    def test_a_line_for_a_refusal(self):
        server = self.roost(auth={"allow_anonymous": False})
        c = self.raw(server.port, 4, "stranger")
        c.send(wire.connect(4, "stranger"))
        c.expect("CONNACK", code=5)
        server.wait_for_log(r" refused client=stranger address=127\.0\.0\.1:\d+ listener=main "
                            r'version=3\.1\.1 clean=1 keep_alive=\d+ reason="[^"]+"')

    def test_hostile_ids_stay_in_their_line(self):
        """A client id or user name with line ends or control characters forges no line."""
        server = self.roost()
        hostile = "a\nINFO forged \x1b[31m"
        for more in ({"client_id": hostile}, {"client_id": "b", "username": hostile}):
            c = self.raw(server.port)
            c.send(wire.connect(4, **more), wire.disconnect())
            while c.receive() is not None:
                pass
        self.client(server.port, "after").disconnect()
        server.wait_for_log("after")
        self.assertNotIn("\nINFO forged", server.log())
        self.assertNotIn("\x1b[31m", server.log())

    def test_json(self):
        server = self.roost(log={"format": "json"})
        self.client(server.port, 'quo"ted\\id').disconnect()
        self.client(server.port, "last").disconnect()
        server.wait_for_log("last")
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(15)
        lines = [line for line in server.log().splitlines() if line.startswith("{")]
        self.assertGreater(len(lines), 2)
        records = [json.loads(line) for line in lines]
        self.assertTrue(any('quo"ted\\id' in json.dumps(r, ensure_ascii=False) or
                            'quo"ted' in " ".join(map(str, r.values())) for r in records))

    def test_lines_are_bounded(self):
        """A thousand connects a second don't write a thousand lines."""
        server = self.roost(log={"max_connection_lines": 20})
        began = time.monotonic()
        for n in range(300):
            self.client(server.port, f"storm{n}").abort()
        self.publish(server.port, "t", "x", "-q", "1")
        lines = [line for line in server.log().splitlines() if "storm" in line]
        self.assertLess(len(lines), 20 * (time.monotonic() - began + 3))

    def test_level(self):
        server = self.roost(log={"level": "warn"})
        self.client(server.port, "quiet-client").disconnect()
        self.client(server.port, "next").disconnect()
        self.assertEqual(server.stop(), 0)
        self.assertNotIn("quiet-client", server.log())
