# SPDX-License-Identifier: Apache-2.0
"""Roost as a bridge to Debian's mosquitto: in and out, through the deaths of either side."""

import json
import os
import signal
import socket
from collections import Counter

from harness import wire
from support.roost import until
from support.way_out import Receiver, Remote, Sender, WayCase


class OutgoingBridge(WayCase):
    def remote(self, text="", port=None):
        port = port or self.free_port()
        return port, self.mosquitto(f"user root\n{text}", port)

    def local(self, port, topics, start=True, **more):
        bridge = {"name": "cloud", "url": f"mqtt://127.0.0.1:{port}", "topics": topics,
                  "retry_min": "100ms", "retry_max": "500ms", **more}
        return self.broker(start=start, bridges=[bridge])

    def crosses(self, from_port, to_port, topic, there, text, qos="1"):
        """A message crosses, once."""
        sub = self.subscriber("-p", to_port, "-t", there, "-q", "2", "-F", "%p %q")
        self.publish(from_port, topic, text, "-q", qos)
        self.assertEqual(sub.message(20), f"{text} {qos}")
        self.publish(from_port, topic, "end", "-q", qos)
        self.assertEqual(sub.message(20), f"end {qos}")
        sub.stop()

    def test_topics_both_ways_with_prefixes_and_qos(self):
        for version in ("5", "3.1.1"):
            port, _ = self.remote()
            roost = self.local(port, ["home/# out 2 '' site/".replace("'", '"'),
                                      'cmd/# in 2 "" site/', "chat/# both 2",
                                      'x/# both 2 a/ b/', '"" out 2 one/topic other/topic'],
                               version=version)
            self.wait_until_bridged(roost)
            for qos in "012":
                self.crosses(roost.port, port, "home/a", "site/home/a", "out", qos)
                self.crosses(port, roost.port, "site/cmd/a", "cmd/a", "in", qos)
                self.crosses(roost.port, port, "chat/a", "chat/a", "there", qos)
                self.crosses(port, roost.port, "chat/a", "chat/a", "here", qos)
                self.crosses(roost.port, port, "a/x/1", "b/x/1", "there", qos)
                self.crosses(port, roost.port, "b/x/1", "a/x/1", "here", qos)
                self.crosses(roost.port, port, "one/topic", "other/topic", "renamed", qos)

    def test_the_qos_of_a_topic_is_its_most(self):
        port, _ = self.remote()
        roost = self.local(port, ["a/# out 1", "b/# in 0"])
        self.wait_until_bridged(roost)
        there = self.subscriber("-p", port, "-t", "a/#", "-q", "2", "-F", "%p %q")
        self.publish(roost.port, "a/1", "x", "-q", "2")
        self.assertEqual(there.message(20), "x 1")
        here = self.subscriber("-p", roost.port, "-t", "b/#", "-q", "2", "-F", "%p %q")
        self.publish(port, "b/1", "y", "-q", "2")
        self.assertEqual(here.message(20), "y 0")

    def test_tls_and_password(self):
        certificates = self.certificates()
        cert, key = certificates.cert, certificates.key
        users = os.path.join(self.folder, "users")
        self.assertEqual(self.command("mosquitto_passwd", "-b", "-c", users, "home", "secret")
                         .returncode, 0)
        os.chmod(users, 0o644)
        plain, tls = self.free_port(), self.free_port()
        self.mosquitto(f"user root\nlistener {tls} 127.0.0.1\ncertfile {cert}\nkeyfile {key}\n"
                       f"password_file {users}\n", plain)
        password = os.path.join(self.folder, "password")
        with open(password, "w", encoding="utf-8") as out:
            out.write("wrong\n")
        roost = self.broker(bridges=[{
            "name": "cloud", "url": f"mqtts://localhost:{tls}", "topics": ["a/# out 1"],
            "user": "home", "password_file": password, "tls": {"ca": certificates.ca},
            "retry_min": "100ms", "retry_max": "200ms"}])
        roost.wait_for_log("bridge cloud: the remote refuses: .*; again in")
        with open(password, "w", encoding="utf-8") as out:
            out.write("secret\n")
        self.wait_until_bridged(roost)  # without a restart
        self.assertNotIn("secret", roost.log())
        there = self.subscriber("-p", tls, "--cafile", certificates.ca, "-h", "localhost", "-u",
                                "home", "-P", "secret", "-t", "a/#", "-q", "1")
        self.publish(roost.port, "a/1", "x", "-q", "1")
        self.assertEqual(there.message(20), "x")

    def test_a_certificate_of_somebody_else_is_refused(self):
        certificates = self.certificates()
        cert, key = certificates.cert, certificates.key
        plain, tls = self.free_port(), self.free_port()
        self.mosquitto(f"user root\nlistener {tls} 127.0.0.1\ncertfile {cert}\nkeyfile {key}\n",
                       plain)
        roost = self.broker(bridges=[{"name": "cloud", "url": f"mqtts://localhost:{tls}",
                                      "topics": ["a/# out 1"], "retry_min": "100ms"}])
        roost.wait_for_log("bridge cloud: TLS: .*verify failed")

    def test_queue_while_the_remote_is_away_and_over_a_crash(self):
        port, mosquitto = self.remote()
        roost = self.local(port, ["a/# out 1"])
        self.wait_until_bridged(roost)
        mosquitto.kill()
        sender = self.client(roost.port, "sender")
        self.publish_all(sender, [("a/1", str(n).encode()) for n in range(500)])
        self.crash(roost)
        sender = self.client(roost.port, "sender")
        self.publish_all(sender, [("a/1", str(n).encode()) for n in range(500, 600)])
        waits = until(lambda: self.bridges(roost)["cloud"].get("last_error"), "an error is told")
        self.assertIn("refused", waits.lower())
        self.assertEqual(self.metric("roost_bridge_connected", bridge="cloud"), 0)
        said = self.roost_command("bridges", "--data-dir", self.data_dir(roost)).stdout
        self.assertRegex(said, r"cloud +\S+ +(waiting|connecting) +127\.0\.0\.1:\d+ ")
        mosquitto.start()
        receiver = Receiver(self, port, "a/#")
        self.assert_all_there(list(range(0)), receiver)
        # What came while nobody was subscribed there is gone there; the rest is another test's.
        self.wait_until_bridged(roost)
        until(lambda: self.metric("roost_bridge_messages_total", direction="out") >= 600,
              "all handed over", 30)
        self.check_log(roost)

    def saving(self, folder):
        return (f"persistence true\npersistence_location {folder}/\n"
                "max_queued_messages 0\nmax_inflight_messages 0\n")

    def test_nothing_is_lost_when_either_side_is_killed(self):
        """mosquitto's memory dies with it: what it acknowledged has been written to the receiver
        before, who has a session in the file that it starts from."""
        folder = self.make_folder(dir=self.folder)
        port = self.free_port()
        mosquitto = self.mosquitto_saving(port, folder)
        receiver = Receiver(self, port, "site/a/#")
        mosquitto.process.send_signal(signal.SIGUSR1)
        until(lambda: os.path.exists(f"{folder}/mosquitto.db"), "mosquitto's file")
        roost = self.local(port, ['a/# out 1 "" site/'])
        self.wait_until_bridged(roost)
        sender = Sender(self, lambda: self.client(roost.port, "sender"), "a/1")
        sender.go_on(50)
        for _ in range(3):
            mosquitto.kill()
            sender.go_on(50)
            mosquitto.start()
            self.assert_all_there(list(sender.acknowledged), receiver)
            self.crash(roost)
            sender.go_on(50)
            self.assert_all_there(list(sender.acknowledged), receiver)
        sender.stop()
        self.assert_all_there(sender.acknowledged, receiver)
        self.check_log(roost)

    def mosquitto_saving(self, port, folder):
        server = self.mosquitto("", port)
        server.stop()
        path = os.path.join(server.folder, "mosquitto.conf")
        with open(path, "w", encoding="utf-8") as out:
            out.write(f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n"
                      f"log_dest stdout\n{self.saving(folder)}")
        return server.start()

    def test_in_nothing_is_lost_when_this_side_is_killed(self):
        port, _ = self.remote("max_queued_messages 0\n")
        roost = self.local(port, ['cmd/# in 1 "" site/'])
        self.wait_until_bridged(roost)
        self.offline(roost.port, "device", "cmd/#")
        sender = Sender(self, lambda: self.client(port, "sender"), "site/cmd/1")
        for _ in range(4):
            sender.go_on(80)
            self.crash(roost)
        sender.go_on(20)
        sender.stop()
        self.wait_until_bridged(roost)
        until(lambda: self.bridges(roost)["cloud"]["in"]["messages"] > 0, "the last ones")
        receiver = Receiver(self, roost.port, "cmd/#", client_id="device")
        self.assert_all_there(sender.acknowledged, receiver)
        self.check_log(roost)

    def test_qos_2_comes_once_whatever_dies_here(self):
        port, _ = self.remote("max_queued_messages 0\n")
        receiver = Receiver(self, port, "there/#", 2, "there")
        roost = self.local(port, ['a/# out 2 "" there/', 'b/# in 2 "" here/'])
        self.wait_until_bridged(roost)
        self.offline(roost.port, "device", "b/#", 2)
        out = Sender(self, lambda: self.client(roost.port, "out"), "a/1", 2)
        into = Sender(self, lambda: self.client(port, "into"), "here/b/1", 2)
        for _ in range(4):
            out.go_on(40)
            into.go_on(40)
            self.crash(roost)
        out.go_on(20)
        into.go_on(20)
        out.stop()
        into.stop()
        self.assert_all_there(out.acknowledged, receiver)
        # A sender that lost its connection publishes the same number again: one more each time.
        doubled = len(receiver.numbers()) - len(set(receiver.numbers()))
        self.assertLessEqual(doubled, 4)
        device = Receiver(self, roost.port, "b/#", 2, "device")
        self.assert_all_there(into.acknowledged, device)
        self.assertEqual(len(device.numbers()), len(set(device.numbers())))

    def test_retained_crosses_and_stays_retained(self):
        for version in ("5", "3.1.1"):
            port, _ = self.remote()
            roost = self.local(port, ["a/# out 1", "b/# in 1"], version=version)
            self.wait_until_bridged(roost)
            for from_port, to_port, topic in ((roost.port, port, "a/k"), (port, roost.port, "b/k")):
                self.publish(from_port, topic, "kept", "-r", "-q", "1")
                until(lambda p=to_port, t=topic: self.command(
                    "mosquitto_sub", "-p", p, "-t", t, "-C", "1", "-W", "1", "--retained-only")
                    .stdout == "kept\n", f"{topic} is retained", 20)

    def test_says_its_state_there(self):
        port, _ = self.remote()
        roost = self.local(port, ["a/# out 1"], state_topic="bridges/home")
        self.wait_until_bridged(roost)
        there = self.subscriber("-p", port, "-t", "bridges/#", "-q", "1")
        self.assertEqual(there.message(20), "1")
        roost.kill()
        self.assertEqual(there.message(20), "0")
        roost.start()
        self.assertEqual(there.message(20), "1")
        roost.stop()
        self.assertEqual(there.message(20), "0")

    def test_what_goes_round_stops(self):
        """Two Roosts that are bridges to each other, both ways each."""
        ports = [self.free_port(), self.free_port()]
        servers = []
        for own, other in (ports, reversed(ports)):
            name = "ab"[ports.index(own)]
            servers.append(self.roost({"main": {"port": own}}, bridges=[
                {"name": name, "url": f"mqtt://127.0.0.1:{other}", "topics": ["a/# both 1"],
                 "retry_min": "50ms", "retry_max": "100ms"}]))
        self.wait_until_bridged(servers[0], "a")
        self.wait_until_bridged(servers[1], "b")
        subs = [self.subscriber("-p", port, "-t", "a/#", "-q", "1") for port in ports]
        for n in range(20):
            self.publish(ports[n % 2], "a/1", str(n), "-q", "1")
        for sub in subs:
            # Each bridge brings each over, and back what the other one brought; then it ends.
            got = Counter(sub.message(20) for _ in range(10 * 3 + 10 * 2))
            self.assertEqual(set(got), {str(n) for n in range(20)})
            self.assertEqual(max(got.values()), 3)
        for port in ports:
            self.publish(port, "a/1", "end", "-q", "1")
        for sub in subs:
            self.assertEqual([sub.message(20) for _ in range(5)], ["end"] * 5)
        loops = sum(self.bridges(server)[name][way]["dropped"]["loop"]
                    for server, name in zip(servers, "ab") for way in ("in", "out"))
        self.assertGreater(loops, 0)

    def test_waits_longer_each_time_while_nobody_is_there(self):
        roost = self.local(self.free_port(), ["a/# out 1"], retry_min="200ms", retry_max="60s")
        until(lambda: self.bridges(roost)["cloud"]["attempts"] >= 4, "four attempts", 20)
        waits = [int(line.rsplit(" ", 2)[1]) for line in roost.log().splitlines()
                 if "bridge cloud" in line and "again in" in line]
        for n, wait in enumerate(waits[:4]):
            self.assertTrue(100 * 2 ** n <= wait <= 200 * 2 ** n, waits)

    def test_ids_of_its_own_are_refused_to_others(self):
        port, _ = self.remote()
        roost = self.local(port, ["a/# out 1"])
        self.wait_until_bridged(roost)
        for v, code in ((4, 2), (5, 0x85)):
            thief = self.raw(roost.port, v)
            thief.send(wire.connect(v, "$roost/bridge/cloud"))
            thief.expect("CONNACK", code=code)
        self.crosses(roost.port, port, "a/1", "a/1", "still")

    def test_a_message_that_the_remote_refuses_holds_nobody_up(self):
        folder = self.make_folder(dir=self.folder)
        rules = os.path.join(folder, "acl")
        with open(rules, "w", encoding="utf-8") as out:
            out.write("topic readwrite a/good\ntopic read a/#\n")
        os.chmod(rules, 0o644)
        port, _ = self.remote(f"acl_file {rules}\n")
        roost = self.local(port, ["a/# out 1"])
        self.wait_until_bridged(roost)
        there = self.subscriber("-p", port, "-t", "a/#", "-q", "1")
        self.publish(roost.port, "a/bad", "x", "-q", "1")
        self.publish(roost.port, "a/good", "y", "-q", "1")
        self.assertEqual(there.message(20), "y")
        until(lambda: self.metric("roost_bridge_dropped_total", cause="refused") == 1, "counted")

    def test_a_remote_that_freezes_is_left_and_gets_all_when_it_is_back(self):
        port, mosquitto = self.remote("max_queued_messages 0\n")
        roost = self.local(port, ["a/# out 1"], keep_alive="5s")
        receiver = Receiver(self, port, "a/#")
        self.wait_until_bridged(roost)
        sender = self.client(roost.port, "sender")
        self.publish_all(sender, [("a/1", str(n).encode()) for n in range(100)])
        mosquitto.process.send_signal(signal.SIGSTOP)
        self.publish_all(sender, [("a/1", str(n).encode()) for n in range(100, 300)])
        roost.wait_for_log("bridge cloud: the remote is silent", 20)
        mosquitto.process.send_signal(signal.SIGCONT)
        self.assert_all_there(list(range(300)), receiver)

    def test_the_limits_of_the_remote_hold(self):
        """Another Roost that takes three messages at once, of 1 kB."""
        port = self.free_port()
        remote = self.roost({"main": {"port": port}},
                            mqtt={"receive_maximum": 3, "max_packet_size": 1024})
        roost = self.local(port, ["a/# out 2"])
        self.wait_until_bridged(roost)
        receiver = Receiver(self, port, "a/#", 2)
        sender = self.client(roost.port, "sender")
        for qos in (1, 2):
            numbers = range(200 * (qos - 1), 200 * qos)
            self.publish_all(sender, [("a/1", str(n).encode()) for n in numbers], qos)
        self.publish_all(sender, [("a/huge", b"x" * 2000), ("a/1", b"400")], 2)
        self.assert_all_there(list(range(401)), receiver)
        self.assertEqual(len(receiver.numbers()), 401)
        self.assertEqual(self.bridges(roost)["cloud"]["out"]["dropped"]["too_large"], 1)
        self.assertEqual(self.bridges(roost)["cloud"]["failures"], 0)
        self.check_log(remote)

    def test_a_remote_that_sends_more_at_once_than_this_node_takes(self):
        """3.1.1 can't be told how many; mosquitto is set to have no bound."""
        port, _ = self.remote("max_queued_messages 0\nmax_inflight_messages 0\n")
        bridge = {"name": "cloud", "url": f"mqtt://127.0.0.1:{port}", "version": "3.1.1",
                  "topics": ["a/# in 2"], "retry_min": "100ms"}
        roost = self.broker(bridges=[bridge], mqtt={"receive_maximum": 5})
        self.wait_until_bridged(roost)
        self.offline(roost.port, "device", "a/#", 2)
        roost.kill()
        sender = self.client(port, "sender")
        for qos in (1, 2):
            numbers = range(300 * (qos - 1), 300 * qos)
            self.publish_all(sender, [("a/1", str(n).encode()) for n in numbers], qos)
        roost.start()
        device = Receiver(self, roost.port, "a/#", 2, "device")
        self.assert_all_there(list(range(600)), device)
        self.assertEqual(len(device.numbers()), 600)
        self.assertEqual(self.bridges(roost)["cloud"]["failures"], 0)

    def test_a_remote_that_sends_far_too_much_at_once_is_met_again_and_again(self):
        """More than a bridge holds back: it ends the connection, says why, and gets on each time."""
        port, _ = self.remote("max_queued_messages 0\nmax_inflight_messages 0\nmax_queued_bytes 0\n")
        bridge = {"name": "cloud", "url": f"mqtt://127.0.0.1:{port}", "version": "3.1.1",
                  "topics": ["a/# in 2"], "retry_min": "100ms", "retry_max": "200ms"}
        roost = self.broker(bridges=[bridge], mqtt={"receive_maximum": 1})
        self.wait_until_bridged(roost)
        self.offline(roost.port, "device", "a/#", 2)
        roost.kill()
        sender = self.client(port, "sender")
        size, count = 1 << 20, 120
        for n in range(count):
            self.publish_all(sender, [("a/1", b"%06d" % n + bytes(size - 6))], 2)
        roost.start()
        device = self.session(roost.port, "device", present=1)
        for n in range(count):
            packet = device.expect("PUBLISH", timeout=60, qos=2)
            self.assertEqual(int(packet.payload[:6]), n)
            device.acknowledge(packet)
        self.assertIn("sends too much at once", roost.log())
        self.assertGreater(self.bridges(roost)["cloud"]["failures"], 0)

    def test_a_remote_with_a_lower_qos_gets_that(self):
        for most in (0, 1):
            port, _ = self.remote(f"max_qos {most}\n")
            roost = self.local(port, ["a/# out 2"])
            self.wait_until_bridged(roost)
            there = self.subscriber("-V", "5", "-p", port, "-t", "a/#", "-q", most, "-F", "%p %q")
            sender = self.client(roost.port, "sender")
            for qos in (1, 2):
                self.publish_all(sender, [("a/1", b"q%d" % qos)] * 3, qos)
            self.assertEqual([there.message(20) for _ in range(6)],
                             [f"q1 {most}"] * 3 + [f"q2 {most}"] * 3)
            until(lambda: not self.waiting(roost), "nothing is under way")

    def test_what_waited_for_a_remote_that_takes_less_now_goes_at_what_it_takes(self):
        for most in (0, 1):
            port, mosquitto = self.remote("")
            roost = self.local(port, ["a/# out 2"])
            self.wait_until_bridged(roost)
            mosquitto.kill()
            sender = self.client(roost.port, "sender")
            self.publish_all(sender, [("a/1", str(n).encode()) for n in range(50)], 2)
            roost.process.send_signal(signal.SIGSTOP)
            self.mosquitto(f"user root\nmax_queued_messages 0\nmax_qos {most}\n", port)
            there = self.subscriber("-V", "5", "-p", port, "-t", "a/#", "-q", most, "-F", "%p %q")
            roost.process.send_signal(signal.SIGCONT)
            self.assertEqual([there.message(20) for _ in range(50)],
                             [f"{n} {most}" for n in range(50)])
            until(lambda: not self.waiting(roost), "nothing is under way")
            self.assertEqual(self.bridges(roost)["cloud"]["state"], "running")

    def test_a_message_that_the_remote_holds_is_released_there_when_it_takes_less(self):
        """A remote by hand: it has PUBREC'd, and is back with Maximum QoS 1 before the PUBREL."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(30)
            roost = self.local(listener.getsockname()[1], ["a/# out 2"])
            first = Remote.greeted(listener, wire.packet(2, 0, b"\0\0\0"))
            self.wait_until_bridged(roost)
            self.publish_all(self.client(roost.port, "sender"), [("a/1", b"held")], 2)
            held = next(body for kind, body in first if kind == 3)
            self.assertIn(b"held", held)
            packet_id = held[5:7]  # behind the topic a/1
            first.end(wire.packet(5, 0, packet_id))
            second = Remote.greeted(listener, wire.packet(2, 0, b"\1\0\2\x24\1"))
            released = next(body for kind, body in second if kind == 6)
            self.assertEqual(released[:2], packet_id)
            second.connection.sendall(wire.packet(7, 0, packet_id))
            until(lambda: not self.waiting(roost), "nothing is under way")
            second.connection.close()

    def test_it_runs_once_the_remote_has_its_subscriptions(self):
        """A remote by hand: what it sends for older ones crosses meanwhile."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(30)
            roost = self.local(listener.getsockname()[1], ["a/# in 1"])
            here = self.subscriber("-p", roost.port, "-t", "a/#", "-q", "1", "-F", "%p %q")
            remote = Remote.greeted(listener, wire.packet(2, 0, b"\1\0\0"))
            packet_id = next(body for kind, body in remote if kind == 8)[:2]
            remote.connection.sendall(wire.packet(3, 2, b"\0\3a/1\0\7\0older"))
            self.assertEqual(here.message(20), "older 1")
            self.assertEqual(self.bridges(roost)["cloud"]["state"], "joining")
            self.assertEqual(self.metric("roost_bridge_connected"), 0)
            remote.connection.sendall(wire.packet(9, 0, packet_id + b"\0\1"))
            self.wait_until_bridged(roost)
            remote.connection.close()

    def waiting(self, roost):
        _, body = self.api(roost, "/api/v1/sessions/%24roost%2Fbridge%2Fcloud")
        return json.loads(body)["queued"]
