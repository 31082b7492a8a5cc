# SPDX-License-Identifier: Apache-2.0
"""What a home relies on."""

import threading
import time

from harness import wire
from harness.wire import Will
from support.case import SystemCase


class Retained(SystemCase):
    def test_empty_payload_clears_and_live_subscribers_get_it_with_retain_0(self):
        port = self.roost().port
        self.publish(port, "lamp", "on", "-r", "-q", "1")
        sub = self.subscriber("-p", port, "-t", "lamp", "-F", "%r [%p]")
        self.assertEqual(sub.message(), "1 [on]")
        self.publish(port, "lamp", None, "-r", "-q", "1")
        self.assertEqual(sub.message(), "0 []")
        late = self.command("mosquitto_sub", "-p", port, "-t", "lamp", "-W", "1")
        self.assertEqual((late.returncode, late.stdout), (27, ""))

    def test_five_thousand_discovery_topics(self):
        """Home Assistant subscribes to everything at its start: nothing is cut, nothing twice."""
        port = self.roost().port
        pub = self.client(port, "discovery")
        topics = [f"homeassistant/sensor/device{n}/config" for n in range(5000)]
        for at in range(0, 5000, 500):
            pub.send(*(wire.publish(4, t, b'{"name":"x"}' * 40, 0, 1) for t in topics[at:at + 500]))
        pub.publish("homeassistant/flush", "", 1)
        wanted = sorted(f"{t} 1 480" for t in topics)
        for version, pattern in (("mqttv311", "#"), ("mqttv5", "+/+/config")):
            done = self.command("mosquitto_sub", "-p", port, "-V", version, "-q", "1",
                                "-t", f"homeassistant/{pattern}", "-C", "5000", "-W", "20",
                                "-F", "%t %r %l", seconds=40)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(sorted(done.stdout.split("\n")[:-1]), wanted)


class Sessions(SystemCase):
    def test_clean_session_0_lasts(self):
        port = self.roost().port
        away = self.client(port, "sleeper", clean=False)
        away.subscribe("night", 1)
        away.disconnect()
        pub = self.client(port, "pub")
        for n in range(1000):
            pub.publish("night", str(n), 1)
        back = self.client(port, "sleeper", present=1, clean=False)
        for n in range(1000):
            back.expect_message("night", str(n), 1)

    def test_one_id_flapping_costs_nobody_else(self):
        """Two devices with one client id throw each other out 20 times a second."""
        port = self.roost().port
        stop = threading.Event()
        failures = []

        def flap():
            while not stop.is_set():
                try:
                    c = self.raw(port, 4, "twin")
                    c.send(wire.connect(4, "twin", clean=False), wire.subscribe(4, 1, [("t/#", 1)]))
                    c.expect("CONNACK")
                except Exception as error:
                    failures.append(error)
                stop.wait(0.05)
        thread = threading.Thread(target=flap)
        sub, pub = self.client(port, "steady"), self.client(port, "source")
        sub.subscribe("t/steady", 1)
        thread.start()
        slowest = 0
        for n in range(150):
            started = time.monotonic()
            pub.publish("t/steady", str(n), 1)
            sub.expect_message("t/steady", str(n), 1)
            slowest = max(slowest, time.monotonic() - started)
            stop.wait(0.01)
        stop.set()
        thread.join()
        self.assertEqual(failures, [])
        self.assertLess(slowest, 5)


class Wills(SystemCase):
    def test_will_of_a_link_that_vanished_without_fin(self):
        """The device's power is cut: nothing comes any more, not even a FIN."""
        port = self.roost().port
        sub = self.subscriber("-p", port, "-t", "state", "-F", "%p %r")
        started = time.monotonic()
        self.client(port, "device", keep_alive=2, will=Will("state", b"offline", 1, 1))
        self.assertEqual(sub.message(30), "offline 0")
        took = time.monotonic() - started
        self.assertTrue(2.8 <= took <= 20, f"will after {took:.1f} s of 3")
        late = self.command("mosquitto_sub", "-p", port, "-t", "state", "-C", "1", "-W", "5")
        self.assertEqual(late.stdout, "offline\n")

    def test_zigbee2mqtt_birth_and_will(self):
        """Retained state: the will says offline, the birth online; the birth must win."""
        port = self.roost().port
        watcher = self.subscriber("-p", port, "-t", "zigbee2mqtt/bridge/state")
        agent = self.mqttjs()
        will = {"topic": "zigbee2mqtt/bridge/state", "payload": "offline", "qos": 1, "retain": True}
        options = {"clientId": "z2m", "clean": True, "keepalive": 60, "will": will}

        def start(name):
            agent.tell(do="connect", name=name, url=f"mqtt://127.0.0.1:{port}", options=options)
            while agent.event() != {"event": "connect", "name": name, "present": False}:
                pass
            agent.tell(do="publish", name=name, topic="zigbee2mqtt/bridge/state", payload="online",
                       options={"qos": 1, "retain": True})
            while agent.event() != {"event": "publish", "name": name}:
                pass

        start("first")
        self.assertEqual(watcher.message(), "online")
        agent.tell(do="drop", name="first")
        self.assertEqual(watcher.message(), "offline")
        start("second")
        self.assertEqual(watcher.message(), "online")
        # It restarts faster than the broker sees the old connection die: a takeover.
        start("third")
        self.assertEqual([watcher.message(), watcher.message()], ["offline", "online"])
        late = self.command("mosquitto_sub", "-p", port, "-t", "zigbee2mqtt/bridge/state",
                            "-C", "1", "-W", "5")
        self.assertEqual(late.stdout, "online\n")


class SmallClients(SystemCase):
    def test_username_without_password(self):
        port = self.roost().port
        self.client(port, "a", username="esp").expect_nothing()
        done = self.command("mosquitto_pub", "-p", port, "-u", "esp", "-t", "t", "-m", "x")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_one_byte_a_write(self):
        """PubSubClient, over a connection with Nagle switched off."""
        port = self.roost().port
        c = self.raw(port, 4, "slow")
        c.send_slowly(wire.connect(4, "slow", will=Will("t", b"gone")))
        c.expect("CONNACK", code=0)
        c.send_slowly(wire.subscribe(4, 1, [("t", 1)]))
        c.expect("SUBACK", codes=[1])
        c.send_slowly(wire.publish(4, "t", b"x" * 200, 1, packet_id=2))
        self.assertEqual({c.receive().kind, c.receive().kind}, {"PUBACK", "PUBLISH"})

    def test_connect_subscribe_publish_in_one_write(self):
        port = self.roost().port
        for v in (3, 4, 5):
            c = self.raw(port, v, f"eager{v}")
            c.send(wire.connect(v, f"eager{v}"), wire.subscribe(v, 1, [("t", 0)]),
                   wire.publish(v, "t", b"x"))
            self.assertEqual([c.receive().kind for _ in range(3)], ["CONNACK", "SUBACK", "PUBLISH"])

    def test_any_client_id(self):
        port = self.roost().port
        ids = ("a/b/c", "with space", "é", "x" * 23, "x" * 24, "x" * 65535, "#", "+/$SYS")
        for client_id in ids:
            for v in (3, 4, 5):
                self.client(port, client_id, v=v).disconnect()

    def test_hundred_devices_come_at_once(self):
        port = self.roost().port
        clients = [self.raw(port, 4, f"d{n}") for n in range(100)]
        for c in clients:
            c.send(wire.connect(4, c.client_id), wire.subscribe(4, 1, [("all", 1)]))
        for c in clients:
            c.expect("CONNACK", code=0)
            c.expect("SUBACK", codes=[1])
        clients[0].send(wire.publish(4, "all", b"x", 1, packet_id=7))
        for c in clients[1:]:
            c.expect_message("all", "x", 1)
        first = clients[0]
        self.assertEqual({first.receive().kind, first.receive().kind}, {"PUBACK", "PUBLISH"})
