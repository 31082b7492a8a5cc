# SPDX-License-Identifier: Apache-2.0
"""Bridges and remotes that were never there, forget, or send what this node can't take."""

import socket

from harness import wire
from support.roost import until
from support.way_out import Receiver, Remote, WayCase

DEEP = "/".join("a" * 150)  # mosquitto takes 200 levels, this node 128


class BridgeFaults(WayCase):
    def local(self, port, topics, bridge=None, **config):
        one = {"name": "cloud", "url": f"mqtt://127.0.0.1:{port}", "topics": topics,
               "retry_min": "100ms", "retry_max": "500ms", **(bridge or {})}
        return self.broker(bridges=[one], **config)

    def by_hand(self):
        """A listener whose other end is this test."""
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(30)
        self.addCleanup(listener.close)
        return listener, listener.getsockname()[1]

    def test_what_was_published_before_the_remote_was_ever_there_is_not_lost(self):
        port = self.free_port()
        roost = self.local(port, ["a/# out 1"])
        roost.wait_for_log("bridge cloud: .*refused; again in")
        self.publish(roost.port, "a/now", "retained", "-r")  # QoS 0: no queue has it
        sender = self.client(roost.port, "sender")
        self.publish_all(sender, [("a/1", str(n).encode()) for n in range(200)])
        self.mosquitto("user root\n", port)
        receiver = Receiver(self, port, "a/1")
        self.wait_until_bridged(roost)
        self.assert_all_there(range(200), receiver)
        there = self.subscriber("-p", port, "-t", "a/now", "-F", "%p %r")
        self.assertEqual(there.message(20), "retained 1")

    def test_a_topic_that_its_rule_makes_none_holds_nobody_up(self):
        port = self.free_port()
        self.mosquitto("user root\n", port)
        roost = self.local(port, ['# in 1 "" remote/', '# out 1 local/ ""'])
        self.wait_until_bridged(roost)
        here = self.subscriber("-p", roost.port, "-t", "#", "-q", "1", "-F", "%t %p")
        for topic in ("remote/", f"remote/{DEEP}", "remote/x"):
            self.publish(port, topic, "in", "-q", "1")
        self.assertEqual(here.message(20), "x in")
        there = self.subscriber("-p", port, "-t", "y", "-q", "1", "-F", "%p")
        for topic in ("local/", "local/y"):
            self.publish(roost.port, topic, "out", "-q", "1")
        self.assertEqual(there.message(20), "out")
        cloud = self.bridges(roost)["cloud"]
        self.assertEqual((cloud["in"]["dropped"]["refused"], cloud["out"]["dropped"]["refused"],
                          cloud["failures"]), (2, 1, 0))

    def test_a_retained_message_that_is_too_large_here_holds_nobody_up(self):
        port = self.free_port()
        self.mosquitto("user root\n", port)
        roost = self.local(port, ["a/# in 1"], mqtt={"max_retained_payload": 10})
        self.wait_until_bridged(roost)
        here = self.subscriber("-p", roost.port, "-t", "a/#", "-q", "1", "-F", "%p")
        for text in ("x" * 11, "y"):
            self.publish(port, "a/1", text, "-q", "1", "-r")
        self.assertEqual(here.message(20), "y")
        cloud = self.bridges(roost)["cloud"]
        self.assertEqual((cloud["in"]["dropped"]["too_large"], cloud["failures"]), (1, 0))

    def test_new_messages_under_the_ids_of_a_session_that_the_remote_forgot(self):
        listener, port = self.by_hand()
        roost = self.local(port, ["a/# in 2"])
        here = self.subscriber("-p", roost.port, "-t", "a/#", "-q", "2", "-F", "%p")
        for text, connack in ((b"one", b"\0\0\0"), (b"two", b"\0\0\0"), (b"two", b"\1\0\0")):
            remote = Remote.greeted(listener, wire.packet(2, 0, connack))
            remote.connection.sendall(wire.packet(3, 4, b"\0\3a/1\0\5\0" + text))
            self.assertEqual(next(body for kind, body in remote if kind == 5)[:2], b"\0\5")
            # It dies before PUBREL, and comes back without, without, and with its session.
            remote.close()
        self.assertEqual([here.message(20) for _ in range(2)], ["one", "two"])
        self.publish(roost.port, "a/1", "end", "-q", "2")
        self.assertEqual(here.message(20), "end")  # and "two" was not taken twice

    def test_a_session_that_was_lost_here_leaves_nothing_in_the_remotes(self):
        listener, port = self.by_hand()
        roost = self.local(port, ["a/# out 2"])
        remote = Remote.greeted(listener, wire.packet(2, 0, b"\1\0\0"))
        for number in range(1, 65536):
            kind, body = next(remote)
            self.assertEqual((kind, body[:2]), (6, number.to_bytes(2, "big")))
        self.publish(roost.port, "a/1", "waits", "-q", "1")
        for number in range(1, 65536):
            remote.connection.sendall(wire.packet(7, 0, number.to_bytes(2, "big") + b"\x92"))
        self.assertIn(b"waits", next(body for kind, body in remote if kind == 3))
        self.assertEqual(self.bridges(roost)["cloud"]["state"], "running")
        remote.close()

    def test_a_remote_that_does_not_watch_is_watched(self):
        listener, port = self.by_hand()
        self.local(port, ["a/# in 1"], {"keep_alive": "5s"})
        remote = Remote.greeted(listener, wire.packet(2, 0, b"\0\0\3\x13\0\0"))
        self.assertTrue(any(kind == 12 for kind, _ in remote))
        again = Remote.greeted(listener, wire.packet(2, 0, b"\0\0\0"))  # for it was silent
        self.assertEqual(next(again)[0], 8)
        again.close()

    def test_the_will_is_what_the_remote_takes(self):
        listener, port = self.by_hand()
        self.local(port, ["a/# out 1"], {"state_topic": "state/cloud"})
        flags = []
        for reason in (b"\x9b", b"\x9a", b"\0"):
            remote = Remote(listener.accept()[0])
            kind, body = next(remote)
            self.assertEqual(kind, 1)
            flags.append(body[7] & 0x3C)
            remote.connection.sendall(wire.packet(2, 0, b"\0" + reason + b"\0"))
        self.assertEqual(flags, [0x2C, 0x24, 0x04])  # QoS 1 retained, QoS 0 retained, QoS 0
        self.assertIn(b"state/cloud", next(body for kind, body in remote if kind == 3))
        remote.close()

    def test_a_remote_that_never_acknowledges_subscriptions_is_told_of(self):
        listener, port = self.by_hand()
        roost = self.local(port, ["a/# in 1"])
        remote = Remote.greeted(listener, wire.packet(2, 0, b"\0\0\0"))

        def told():
            cloud = self.bridges(roost)["cloud"]
            return cloud["state"] == "joining" and "the remote hasn't" in cloud.get("last_error", "")

        until(told, "it says what it waits for", 30)
        remote.close()
