# SPDX-License-Identifier: Apache-2.0
"""Clients of our own in one loop on one thread, so that everything that they see has one order.

Paho and the like hide what a crash test looks at: packet ids, DUP, session present, which of the
acknowledgements came. An actor (publisher.py, subscriber.py) says what it sends and takes note of
what comes; ledger.py compares the notes.
"""

import random
import selectors
import time
from collections import deque

from harness import wire
from harness.properties import WireError
from support.link import Link

RETRY_S = 0.01
CONNECT_PATIENCE_S = 5
SHUTTING_DOWN = 0x8B


class Actor:
    """One client id: connects whenever it is `wanted` and the broker is there."""

    def __init__(self, fleet, client_id, v, durable, will=None):
        self.fleet = fleet
        self.client_id = client_id
        self.v = v
        self.durable = durable
        self.will = will
        self.wanted = True
        self.link = None
        self.online = False
        self.has_session = False  # the broker has acknowledged one that must last
        self.connections = 0
        self.retry_at = 0.0
        self.opened_at = 0.0
        self.notes = deque(maxlen=80)
        fleet.actors.append(self)

    def note(self, what):
        self.notes.append(f"{self.fleet.clock} {what}")

    def wrong(self, what):
        self.fleet.wrong(self, what)

    def send(self, raw, what):
        self.note(f"-> {what}")
        self.link.send(raw)

    # The connection

    def step(self):
        """Once a turn of the loop."""
        if self.link is None:
            if self.wanted and time.monotonic() >= self.retry_at:
                self._open()
            return
        self.link.flush()
        if self.online:
            self.work()
            if not self.wanted:
                self._leave()
        elif time.monotonic() > self.opened_at + CONNECT_PATIENCE_S:
            self.wrong(f"no CONNACK within {CONNECT_PATIENCE_S} s")
            self.drop()

    def _open(self):
        self.retry_at = time.monotonic() + RETRY_S
        try:
            self.link = Link(self.fleet.server.port, self.v)
        except OSError:
            return
        self.opened_at = time.monotonic()
        self.fleet.selector.register(self.link.sock, selectors.EVENT_READ, self)
        props = {"receive_maximum": self.fleet.window}
        if self.durable:
            props["session_expiry"] = 0xFFFFFFFF
        self.send(wire.connect(self.v, self.client_id, clean=not self.durable, will=self.will,
                               props=props if self.v == 5 else None), "CONNECT")

    def _leave(self):
        self.send(wire.disconnect(self.v), "DISCONNECT")
        self.drop()

    def drop(self):
        if self.link is not None:
            self.note("end of the connection")
            self.fleet.selector.unregister(self.link.sock)
            self.link.close()
        self.link = None
        was, self.online = self.online, False
        if was:
            self.on_lost()

    def on_readable(self):
        try:
            for packet in self.link.packets():
                self.fleet.clock += 1
                self.note(f"<- {packet.kind} {packet.fields}"[:120])
                if packet.kind == "CONNACK":
                    self._on_connack(packet)
                elif packet.kind == "DISCONNECT":
                    self._on_disconnect(packet)
                else:
                    self.on_packet(packet)
                if self.link is None:
                    return
        except WireError as error:
            self.wrong(f"not MQTT: {error}")
            self.drop()
            return
        if self.link.closed:
            self.drop()

    def _on_connack(self, packet):
        if packet.code:
            self.wrong(f"CONNACK with code 0x{packet.code:02x}")
            self.drop()
            return
        if self.has_session and not packet.session_present:
            self.wrong("session present 0, but the broker has acknowledged a session")
        if not self.durable and packet.session_present:
            self.wrong("session present 1 for a clean start")
        self.has_session = self.durable
        self.connections += 1
        self.online = True
        self.on_connected(packet.session_present)

    def _on_disconnect(self, packet):
        if packet.code != SHUTTING_DOWN:
            self.wrong(f"{packet}")
        self.drop()

    # What kinds of actors differ in

    def on_connected(self, present):
        raise NotImplementedError

    def on_packet(self, packet):
        raise NotImplementedError

    def on_lost(self):
        pass

    def work(self):
        pass

    def is_settled(self):
        """Whether nothing is missing in its own eyes."""
        return True


class Fleet:
    def __init__(self, server, seed, window=32):
        self.server = server
        self.random = random.Random(seed)
        self.window = window  # how many messages a subscriber may have in flight
        self.clock = 0  # counts what happens: the order of everything
        self.actors = []
        self.faults = []
        self.last_packet_at = 0.0
        self.selector = selectors.DefaultSelector()

    def wrong(self, actor, what):
        self.faults.append(f"{actor.client_id} at {self.clock}, connection {actor.connections}: "
                           f"{what}\n    " + "\n    ".join(list(actor.notes)[-12:]))

    def run(self, seconds, until=None):
        """Until the condition holds (True) or the time is over (False)."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for key, _ in self.selector.select(0.002):
                if key.data.link is not None and key.data.link.sock is key.fileobj:
                    self.last_packet_at = time.monotonic()
                    key.data.on_readable()
            for actor in self.actors:
                self.clock += 1
                actor.step()
            if until is not None and until():
                return True
            if len(self.faults) > 20:
                return False
        return False

    def crash(self):
        """kill -9, then what had already been sent is read to its end."""
        self.must_be_alive()
        self.server.kill()
        for actor in self.actors:
            if actor.link is not None:
                while actor.link is not None and not actor.link.closed:
                    actor.on_readable()
                actor.drop()

    def must_be_alive(self):
        code = self.server.process.poll()
        if code is not None:
            self.faults.append(f"the broker ended by itself with {code}")

    def is_quiet(self, seconds):
        return time.monotonic() > self.last_packet_at + seconds

    def close(self):
        for actor in self.actors:
            actor.drop()
        self.selector.close()
