# SPDX-License-Identifier: Apache-2.0
"""Wills over a crash: each once, none after a newer birth. No home becomes unavailable."""

from harness import wire
from harness.wire import Will
from support.durable import DurableCase

DEVICES = 50
TOPICS_PER_DEVICE = 100


class Wills(DurableCase):
    def device(self, server, client_id, v=4, delay_s=None, present=0, **more):
        props = {"will_delay": delay_s} if delay_s else None
        will = Will(f"avail/{client_id}", b"offline", 1, 1, props if v == 5 else None)
        return self.session(server.port, client_id, v, present, will=will, **more)

    def watcher(self, server, present=0):
        client = self.session(server.port, "watcher", present=present)
        if not present:
            client.subscribe("avail/#", 1)
        return client

    def test_of_clients_connected_at_the_crash(self):
        """Durable and clean ones, both versions: published once, to who was away too."""
        server = self.broker()
        self.watcher(server).disconnect()
        for v in (4, 5):
            self.device(server, f"durable{v}", v)
            self.client(server.port, f"clean{v}", v,
                        will=Will(f"avail/clean{v}", b"offline", 1, 1))
        self.device(server, "left").disconnect()
        # The next CONNACK stands behind the record of that farewell.
        self.session(server.port, "left", present=1).disconnect()
        wanted = {f"avail/{kind}{v}" for kind in ("durable", "clean") for v in (4, 5)}
        for round_number in range(2):  # the second crash finds them closed
            self.crash(server)
            watcher = self.watcher(server, present=1)
            if round_number == 0:
                got = [watcher.expect("PUBLISH", payload=b"offline") for _ in wanted]
                for packet in got:
                    watcher.acknowledge(packet)
                self.assertEqual({p.topic for p in got}, wanted)
                watcher.expect_nothing()
            self.publish(server.port, "avail/end", "end", "-q", "1")
            watcher.expect_message("avail/end", "end", 1)
            watcher.disconnect()
            self.assertEqual(set(self.retained(server, "avail")), wanted)

    def test_delayed_over_a_restart(self):
        server = self.broker()
        watcher = self.watcher(server)
        for name in ("returns", "slow"):
            self.device(server, name, v=5, delay_s=15, expiry_s=600).abort()
        watcher.expect_nothing()
        self.crash(server)
        back = self.device(server, "returns", v=5, delay_s=60, expiry_s=600, present=1)
        watcher = self.watcher(server, present=1)
        watcher.expect_message("avail/slow", "offline", 1, timeout=60)
        self.until_metric("roost_wills_total", 1)
        watcher.expect_nothing()
        back.disconnect()
        watcher.expect_nothing()

    def test_session_end_before_the_delay(self):
        """The will goes at the end of its session, if that is earlier: also over a crash."""
        server = self.broker()
        self.watcher(server).disconnect()
        self.device(server, "brief", v=5, delay_s=3600, expiry_s=1).abort()
        self.crash(server)
        self.watcher(server, present=1).expect_message("avail/brief", "offline", 1)

    def test_none_of_a_connection_that_was_replaced(self):
        """A newer connection closes the older one's generation, crash or not."""
        server = self.broker()
        watcher = self.watcher(server)
        old = self.device(server, "d")
        new = self.device(server, "d", present=1)
        old.expect_end()
        new.publish("avail/d", "online", 1, retain=1)
        got = self.until_online(watcher)
        self.assertLessEqual(got.count(b"offline"), 1)  # [MQTT-3.1.2-8]: before the birth, or never
        new.send(wire.disconnect(4))
        new.expect_end()
        # The next CONNACK stands behind the record of that farewell.
        self.session(server.port, "d", present=1)
        self.crash(server)
        self.assertEqual(self.retained(server, "avail"), {"avail/d": b"online"})
        watcher = self.watcher(server, present=1)
        self.publish(server.port, "avail/end", "end", "-q", "1")
        # An ack that wasn't committed costs a repeat of what it was for, never a will once more.
        while (packet := watcher.expect("PUBLISH")).payload != b"end":
            watcher.acknowledge(packet)
            if packet.payload != b"online":
                self.assertEqual((packet.payload in got, packet.dup), (True, 1), packet)

    def until_online(self, watcher):
        got = []
        while not got or got[-1] != b"online":
            packet = watcher.expect("PUBLISH")
            watcher.acknowledge(packet)
            got.append(packet.payload)
        return got


class Home(DurableCase):
    """zigbee2mqtt #9629 and the like: after a restart of the broker all is "unavailable"."""

    def connect(self, server, number, present):
        """A device as ESPHome and Zigbee2MQTT are: clean or not, birth and will retained."""
        durable = number % 2
        v = 4 + number // 2 % 2
        will = Will(f"devices/{number}/availability", b"offline", 1, 1)
        make = self.session if durable else self.client
        device = make(server.port, f"device{number}", v, present * durable, will=will)
        device.publish(f"devices/{number}/availability", "online", 1, retain=1)
        return device

    def announce(self, device, number):
        self.publish_all(device, [(f"homeassistant/sensor/device{number}_{n}/config",
                                   self.config(number, n)) for n in range(TOPICS_PER_DEVICE)],
                         retain=1)

    @staticmethod
    def config(number, n):
        return (b'{"unique_id":"%d_%d","availability_topic":"devices/%d/availability",'
                b'"state_topic":"devices/%d/state/%d"}' % (number, n, number, number, n))

    def test_nothing_becomes_unavailable(self):
        server = self.broker()
        hub = self.session(server.port, "homeassistant")
        hub.subscribe("devices/+/availability", 1)
        for number in range(DEVICES):
            self.announce(self.connect(server, number, 0), number)
        wanted = {f"homeassistant/sensor/device{d}_{n}/config": self.config(d, n)
                  for d in range(DEVICES) for n in range(TOPICS_PER_DEVICE)}
        for _ in range(2):
            self.crash(server)
            for number in range(DEVICES):
                self.connect(server, number, 1)
            hub = self.session(server.port, "homeassistant", present=1)
            self.assertEqual(self.last_states(server, hub), {b"online"})
            self.assertEqual(self.retained(server, "homeassistant"), wanted)
            self.assertEqual(set(self.retained(server, "devices").values()), {b"online"})
            # Wills of before the crash would be late by now; none may come.
            hub.expect_quiet(2)
            self.assertEqual(set(self.retained(server, "devices").values()), {b"online"})

    def last_states(self, server, hub):
        """What the hub holds of each device after everything that waits for it."""
        states = {packet.topic: packet.payload
                  for packet in self.drain(server, hub, "devices/end/availability")}
        self.assertEqual(len(states), DEVICES)
        return set(states.values())
