# SPDX-License-Identifier: Apache-2.0
"""Debian's mosquitto as a bridge to Roost, in and out, through restarts of either side."""

from support.case import SystemCase
from support.roost import until


class Bridge(SystemCase):
    def bridge(self, roost_port, version="mqttv311", more=""):
        port = self.free_port()
        server = self.mosquitto(
            f"connection home\naddress 127.0.0.1:{roost_port}\nbridge_protocol_version {version}\n"
            "topic out/# out 1\ntopic in/# in 1\ntopic both/# both 1\ncleansession false\n"
            f"restart_timeout 1 1\nnotification_topic bridge/state\n{more}", port)
        return port, server

    def connected(self, roost_port):
        """mosquitto announces its bridge with a retained 1."""
        until(lambda: self.kept(roost_port, "bridge/state") == "1\n", "the bridge", 30)

    def kept(self, port, topic):
        return self.command("mosquitto_sub", "-p", port, "-t", topic, "-C", "1", "-W", "1").stdout

    def passes(self, from_port, to_port, topic, text):
        """A message crosses, once, within the patience of a reconnecting bridge."""
        sub = self.subscriber("-p", to_port, "-t", topic, "-q", "1")
        self.publish(from_port, topic, text, "-q", "1")
        self.assertEqual(sub.message(30), text)
        self.publish(from_port, topic, "end", "-q", "1")
        self.assertEqual(sub.message(30), "end")
        sub.stop()

    def both_ways(self, roost_port, port):
        self.passes(port, roost_port, "out/a", "to roost")
        self.passes(roost_port, port, "in/a", "from roost")
        self.passes(port, roost_port, "both/a", "to roost")
        self.passes(roost_port, port, "both/a", "from roost")

    def test_in_and_out(self):
        for version in ("mqttv31", "mqttv311"):
            roost = self.roost()
            port, _ = self.bridge(roost.port, version)
            self.connected(roost.port)
            self.both_ways(roost.port, port)

    def test_restart_of_the_bridge(self):
        """Roost keeps what comes while the bridge is away; a device behind it gets it."""
        roost = self.roost()
        store = self.make_folder(dir=self.folder)
        port, server = self.bridge(roost.port, "mqttv311", f"persistence true\n"
                                   f"persistence_location {store}/\nuser root\n")
        self.connected(roost.port)
        device = ("-p", port, "-c", "-i", "device", "-t", "in/queued", "-q", "1")
        self.assertEqual(self.command("mosquitto_sub", *device, "-E").returncode, 0)
        self.both_ways(roost.port, port)
        server.stop()
        self.publish(roost.port, "in/queued", "while away", "-q", "1")
        server.start()
        done = self.command("mosquitto_sub", *device, "-C", "1", "-W", "20")
        self.assertEqual(done.stdout, "while away\n")
        self.both_ways(roost.port, port)

    def test_restart_of_roost(self):
        roost = self.roost()
        port, _ = self.bridge(roost.port)
        self.connected(roost.port)
        roost.stop()
        self.publish(port, "out/queued", "while away", "-q", "1")
        roost.start()
        sub = self.subscriber("-p", roost.port, "-t", "out/#", "-q", "1")
        self.assertEqual(sub.message(30), "while away")
        sub.stop()
        self.connected(roost.port)
        self.both_ways(roost.port, port)

    def test_retain_flag_crosses(self):
        roost = self.roost()
        port, _ = self.bridge(roost.port)
        self.connected(roost.port)
        self.publish(roost.port, "in/kept", "21.5", "-r", "-q", "1")
        def kept():
            return self.command("mosquitto_sub", "-p", port, "-t", "in/kept", "-C", "1", "-W", "1",
                                "--retained-only", "-F", "%r %p").stdout
        self.assertEqual(until(kept, "the retained message", 20), "1 21.5\n")

    def test_its_state_under_sys(self):
        """By default a bridge says its state below $SYS: mosquitto lets it, and its will too."""
        roost, port = self.roost(), self.free_port()
        server = self.mosquitto(f"connection home\naddress 127.0.0.1:{roost.port}\n"
                                "remote_clientid home\ntopic # out\n", port)
        topic = "$SYS/broker/connection/home/state"
        until(lambda: self.kept(roost.port, topic) == "1\n", topic, 20)
        server.kill()
        until(lambda: self.kept(roost.port, topic) == "0\n", topic, 20)

    def test_no_loop(self):
        """A topic bridged both ways comes back once: not echoed to where it came from."""
        roost = self.roost()
        port, _ = self.bridge(roost.port)
        self.connected(roost.port)
        here = self.subscriber("-p", port, "-t", "both/#", "-q", "1")
        there = self.subscriber("-p", roost.port, "-t", "both/#", "-q", "1")
        for n in range(5):
            self.publish(port, "both/x", f"m{n}", "-q", "1")
            self.publish(roost.port, "both/x", f"r{n}", "-q", "1")
        wanted = sorted([f"m{n}" for n in range(5)] + [f"r{n}" for n in range(5)])
        for sub in (here, there):
            self.assertEqual(sorted(sub.message(30) for _ in wanted), wanted)
        for p in (port, roost.port):
            self.publish(p, "both/end", "end", "-q", "1")
        for sub in (here, there):
            self.assertEqual([sub.message(30), sub.message(30)], ["end", "end"])

    def test_roost_as_a_bridge_s_remote_with_a_prefix(self):
        roost = self.roost()
        port = self.free_port()
        self.mosquitto(f"connection home\naddress 127.0.0.1:{roost.port}\n"
                       "topic # out 2 local/ remote/\nrestart_timeout 1 1\n"
                       "notification_topic bridge/state\n", port)
        self.connected(roost.port)
        sub = self.subscriber("-p", roost.port, "-t", "remote/#", "-v", "-q", "2")
        self.publish(port, "local/x", "y", "-q", "2")
        self.assertEqual(sub.message(30), "remote/x y")
