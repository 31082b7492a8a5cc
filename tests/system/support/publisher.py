# SPDX-License-Identifier: Apache-2.0
"""An actor that publishes numbered messages and notes what the broker promised for each."""

from harness import wire
from support.fleet import Actor

PADDING = b"." * 40


class Sent:
    """One message of a publisher, and when (fleet.clock) what happened to it."""

    __slots__ = ("number", "topic", "sent_at", "acked_at", "refused_at", "times", "packet_id",
                 "released")

    def __init__(self, number, topic):
        self.number = number
        self.topic = topic
        self.sent_at = None
        self.acked_at = None  # PUBACK or PUBREC: it is stored
        self.refused_at = None  # a reason code of 0x80 and above
        self.times = 0  # how often it was published: more than once, a QoS 1 copy is no fault
        self.packet_id = None
        self.released = False  # PUBREL is on its way


class Publisher(Actor):
    """`topics`: a function of the number. A durable one goes on with the same packet ids and DUP;
    a clean one publishes again what isn't acknowledged at QoS 1, and gives it up at QoS 2."""

    def __init__(self, fleet, client_id, v, durable, qos, topics, retain=False, in_flight=8):
        super().__init__(fleet, client_id, v, durable)
        self.qos = qos
        self.topics = topics
        self.retain = retain
        self.in_flight = in_flight
        self.limit = None  # the number of the last message; None: goes on
        self.sent = []  # all, by number
        self.open = {}  # packet id -> Sent, in the order of sending
        self.again = []  # waiting to be published once more
        self.refused = 0
        self.paused = False

    def payload(self, sent):
        return b"%s|%d|%s|%s" % (self.client_id.encode(), sent.number, sent.topic.encode(), PADDING)

    def is_settled(self):
        return not self.open and not self.again

    def on_connected(self, present):
        if self.durable and present:
            # [MQTT-4.4.0-1]: what is not finished goes again, in order, under its packet id.
            for packet_id, sent in self.open.items():
                if sent.released:
                    self.send(wire.pubrel(self.v, packet_id), f"PUBREL {packet_id} again")
                else:
                    self._send_publish(sent, dup=1)
        else:
            self._begin_anew()

    def _begin_anew(self):
        unfinished, self.open = list(self.open.values()), {}
        if self.qos == 1:
            self.again = unfinished + self.again

    def work(self):
        while not self.paused and len(self.open) < self.in_flight and not self.link.outgoing:
            if self.again:
                sent = self.again.pop(0)
            elif self.limit is None or len(self.sent) < self.limit:
                number = len(self.sent)
                sent = Sent(number, self.topics(number))
                self.sent.append(sent)
            else:
                return
            sent.packet_id = self._free_id()
            self.open[sent.packet_id] = sent
            self._send_publish(sent, dup=0)

    def _free_id(self):
        packet_id = self.sent[-1].number % 65535 + 1
        while packet_id in self.open:
            packet_id = packet_id % 65535 + 1
        return packet_id

    def _send_publish(self, sent, dup):
        sent.sent_at = sent.sent_at or self.fleet.clock
        sent.times += 1
        self.send(wire.publish(self.v, sent.topic, self.payload(sent), self.qos, int(self.retain),
                               dup, sent.packet_id),
                  f"PUBLISH {sent.packet_id}: {sent.number}{' DUP' if dup else ''}")

    def on_packet(self, packet):
        if packet.kind == "PUBACK" and self.qos == 1:
            self._on_stored(packet)
        elif packet.kind == "PUBREC" and self.qos == 2:
            self._on_stored(packet)
        elif packet.kind == "PUBCOMP" and self.qos == 2:
            sent = self.open.pop(packet.packet_id, None)
            if sent is None or not sent.released:
                self.wrong(f"PUBCOMP for packet id {packet.packet_id} that was not released")
        else:
            self.wrong(f"unexpected {packet}")

    def _on_stored(self, packet):
        sent = self.open.get(packet.packet_id)
        if sent is None:
            self.wrong(f"{packet.kind} for packet id {packet.packet_id} that is not in flight")
            return
        if packet.code >= 0x80:
            sent.refused_at = self.fleet.clock
            self.refused += 1
            del self.open[packet.packet_id]
            return
        sent.acked_at = sent.acked_at or self.fleet.clock
        if self.qos == 1:
            del self.open[packet.packet_id]
        else:
            sent.released = True
            self.send(wire.pubrel(self.v, packet.packet_id), f"PUBREL {packet.packet_id}")
