# SPDX-License-Identifier: Apache-2.0
"""An actor with a durable session: notes what came, how, and since when each filter is sure."""

from harness import wire
from support.fleet import Actor

HELD_MAX = 8


class Receipt:
    """One PUBLISH that is new to the client (at QoS 2) or any (at QoS 1)."""

    __slots__ = ("publisher", "number", "topic", "qos", "dup", "at", "connection")

    def __init__(self, packet, at, connection):
        publisher, number, topic, _ = packet.payload.split(b"|")
        self.publisher = publisher.decode()
        self.number = int(number)
        self.topic = topic.decode()
        self.qos = packet.qos
        self.dup = packet.dup
        self.at = at
        self.connection = connection


class Wish:
    """A filter, whether it is wanted, and the times (fleet.clock) between which that is sure."""

    def __init__(self, topic_filter):
        self.filter = topic_filter
        self.wanted = True
        self.known = False  # what the broker has acknowledged
        self.asked = None  # packet id of a SUBSCRIBE or UNSUBSCRIBE on its way
        self.asks_for = None
        self.on = []  # [SUBACK, next UNSUBSCRIBE]
        self.off = [[0, None]]  # [UNSUBACK, next SUBSCRIBE]

    def ask(self, at):
        """What was sure ends with the question."""
        ends = self.on if self.known else self.off
        if ends and ends[-1][1] is None:
            ends[-1][1] = at

    def answer(self, at):
        self.known = self.asks_for
        (self.on if self.known else self.off).append([at, None])
        self.asked = None


class Subscriber(Actor):
    """`laziness`: the share of messages that it acknowledges later, so that some always wait."""

    def __init__(self, fleet, client_id, v, qos, filters, laziness=0.2):
        super().__init__(fleet, client_id, v, durable=True)
        self.qos = qos
        self.wishes = [Wish(f) for f in filters]
        self.laziness = laziness
        self.receipts = []
        self.held = {}  # packet id -> PUBLISH that it has not answered
        self.missed = {}  # of `held`, what the broker still has to send again
        self.unreleased = {}  # packet id -> payload: QoS 2, until PUBREL
        self.fresh = False  # whether this connection brought one without DUP
        self.next_id = 0

    def is_settled(self):
        return (self.online and not self.held and not self.missed and not self.unreleased and
                all(w.asked is None and w.known == w.wanted for w in self.wishes))

    def on_connected(self, present):
        self.fresh = False
        for wish in self.wishes:
            wish.asked = None

    def on_lost(self):
        self.missed, self.held = {**self.missed, **self.held}, {}

    def toggle(self, topic_filter):
        wish = next(w for w in self.wishes if w.filter == topic_filter)
        if wish.asked is None:
            wish.wanted = not wish.wanted

    def work(self):
        for wish in self.wishes:
            if wish.asked is None and wish.known != wish.wanted:
                self._ask(wish)
        for packet_id in list(self.held):
            if self.fleet.random.random() < 0.05 or len(self.held) > HELD_MAX:
                self._answer(self.held.pop(packet_id))

    def _ask(self, wish):
        self.next_id = self.next_id % 65535 + 1
        wish.ask(self.fleet.clock)
        wish.asked, wish.asks_for = self.next_id, wish.wanted
        raw = (wire.subscribe(self.v, self.next_id, [(wish.filter, self.qos)]) if wish.wanted
               else wire.unsubscribe(self.v, self.next_id, [wish.filter]))
        self.send(raw, f"{'' if wish.wanted else 'UN'}SUBSCRIBE {self.next_id} {wish.filter}")

    def on_packet(self, packet):
        if packet.kind == "PUBLISH":
            self._on_publish(packet)
        elif packet.kind == "PUBREL":
            if packet.packet_id in self.held or packet.packet_id in self.missed:
                self.wrong(f"PUBREL {packet.packet_id} before its PUBREC")
            self.unreleased.pop(packet.packet_id, None)
            self.send(wire.pubcomp(self.v, packet.packet_id), f"PUBCOMP {packet.packet_id}")
        elif packet.kind in ("SUBACK", "UNSUBACK"):
            self._on_answer(packet)
        else:
            self.wrong(f"unexpected {packet}")

    def _on_answer(self, packet):
        wish = next((w for w in self.wishes if w.asked == packet.packet_id), None)
        if wish is None or wish.asks_for != (packet.kind == "SUBACK"):
            self.wrong(f"unexpected {packet}")
            return
        if packet.kind == "SUBACK" and packet.codes != [self.qos]:
            self.wrong(f"SUBACK {packet.codes} for QoS {self.qos}")
        wish.answer(self.fleet.clock)

    def _on_publish(self, packet):
        if packet.payload.count(b"|") != 3:
            self.wrong(f"a damaged payload: {packet}")
            return
        self._check_again(packet)
        self.fresh = self.fresh or not packet.dup
        known = packet.qos == 2 and packet.packet_id in self.unreleased
        if not known:
            receipt = Receipt(packet, self.fleet.clock, self.connections)
            if receipt.topic != packet.topic:
                self.wrong(f"a payload of {receipt.topic} on {packet.topic}")
            self.receipts.append(receipt)
        if packet.qos == 2:
            self.unreleased[packet.packet_id] = packet.payload
        if not packet.qos:
            return
        if self.fleet.random.random() < self.laziness:
            self.held[packet.packet_id] = packet
        else:
            self._answer(packet)

    def _check_again(self, packet):
        """What was on its way comes again as it was: packet id, payload, DUP, in front."""
        if packet.packet_id in self.held:
            self.wrong(f"packet id {packet.packet_id} is used while it is in flight")
        before = self.unreleased.get(packet.packet_id) if packet.qos == 2 else None
        missed = self.missed.pop(packet.packet_id, None)
        if missed is not None:
            before = missed.payload
        if before is not None and (before != packet.payload or not packet.dup):
            self.wrong(f"packet id {packet.packet_id} came again with DUP={packet.dup} and "
                       f"{packet.payload[:40]}, was {before[:40]}")
        if packet.dup and self.fresh:
            self.wrong(f"DUP=1 behind a new message of the same connection: {packet}")

    def _answer(self, packet):
        make = wire.puback if packet.qos == 1 else wire.pubrec
        self.send(make(self.v, packet.packet_id), f"answer {packet.packet_id}")
