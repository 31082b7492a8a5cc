# SPDX-License-Identifier: Apache-2.0
"""What Home Assistant's MQTT integration does with Paho, for who can't install it.

Seen in its source (homeassistant/components/mqtt, client.py and discovery.py): a random id of 22
characters; will and birth on homeassistant/status, QoS 0, not retained; clean sessions; a socket that
its own event loop watches, with a large receive buffer; one SUBSCRIBE for all filters, sorted, QoS 0,
after each CONNACK; then the birth; no DISCONNECT at the end. It waits 0.5 s before the SUBSCRIBE, 5 s
before the birth and 10 s before it connects again; here each follows at once.
"""

import json
import secrets
import select
import socket
import ssl
import string
import time

import paho.mqtt.client as paho

STATUS = "homeassistant/status"
DISCOVERY = ("homeassistant/+/+/config", "homeassistant/+/+/+/config")
PATIENCE_S = 15


class HomeAssistant:
    # Thread: the test's own, which is the event loop too.

    def __init__(self, host, port, protocol, ca, user, password):
        self.address = host, port
        self.filters = set(DISCOVERY)
        self.received = []  # (topic, payload, retained)
        self.connects, self.answered = 0, set()
        self.refused = None
        letters = string.ascii_letters + string.digits
        self.client = paho.Client("".join(secrets.choice(letters) for _ in range(22)),
                                  protocol=protocol, reconnect_on_failure=False)
        self.client.username_pw_set(user, password)
        self.client.tls_set(ca, tls_version=ssl.PROTOCOL_TLS_CLIENT)
        self.client.will_set(STATUS, "offline", 0, False)
        self.client.on_socket_open = self._opened
        self.client.on_connect = self._connected
        self.client.on_message = self._came
        for answered in ("on_subscribe", "on_publish", "on_unsubscribe"):
            setattr(self.client, answered, lambda _c, _u, mid, *_rest: self.answered.add(mid))

    @staticmethod
    def _opened(_client, _data, sock):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2 << 20)

    def _connected(self, _client, _data, _flags, code, _properties=None):
        self.refused = None if code == 0 else code
        self.connects += code == 0

    def _came(self, _client, _data, message):
        self.received.append((message.topic, message.payload.decode(), message.retain))

    def turn(self, wait_s=0.05):
        """One turn of the loop; whether the connection is still there."""
        sock = self.client.socket()
        if sock is None:
            return False
        pending = isinstance(sock, ssl.SSLSocket) and sock.pending()
        writers = [sock] if self.client.want_write() else []
        readable, writable, _ = select.select([sock], writers, [], 0 if pending else wait_s)
        codes = []
        if readable or pending:
            codes.append(self.client.loop_read())
        if writable:
            codes.append(self.client.loop_write())
        codes.append(self.client.loop_misc())
        return not any(codes)

    def until(self, condition, what):
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"{what}: not within {PATIENCE_S} s; came: {self.received}")
            if not self.turn():
                raise AssertionError(f"{what}: the connection is gone; refused: {self.refused}")

    def start(self):
        """Connects, subscribes to everything, says that it is there."""
        self.client.connect(*self.address, keepalive=60)
        self._begin(1)

    def restart(self):
        self.client.reconnect()
        self._begin(self.connects + 1)

    def _begin(self, connects):
        self.until(lambda: self.connects >= connects, "CONNACK")
        self.subscribe()
        self.publish(STATUS, "online")

    def subscribe(self, *more):
        """To what is new, or to everything."""
        filters = sorted(more or self.filters)
        self.filters.update(filters)
        code, mid = self.client.subscribe([(topic, 0) for topic in filters])
        if code:
            raise AssertionError(f"SUBSCRIBE can't be sent: {code}")
        self.until(lambda: mid in self.answered, "SUBACK")

    def publish(self, topic, payload, qos=0, retain=False):
        info = self.client.publish(topic, payload, qos, retain)
        self.until(lambda: info.mid in self.answered, f"{topic} is sent")

    def message(self, topic):
        """Waits for a message of this topic and takes it: (payload, retained)."""
        def found():
            return next((m for m in self.received if m[0] == topic), None)
        self.until(found, topic)
        message = found()
        self.received.remove(message)
        return message[1:]

    def discovered(self, topic):
        """Waits for a device's retained configuration; subscribes to the topics that it names."""
        payload, retained = self.message(topic)
        config = json.loads(payload)
        self.subscribe(*(config[key] for key in ("state_topic", "availability_topic")
                         if key in config))
        return config, retained

    def wait_until_lost(self):
        deadline = time.monotonic() + PATIENCE_S
        while self.turn():
            if time.monotonic() > deadline:
                raise AssertionError("the connection is still there")

    def vanish(self):
        """As it ends: no DISCONNECT."""
        sock = self.client.socket()
        if sock is not None:
            sock.close()
