# SPDX-License-Identifier: Apache-2.0
"""Reason codes and the short forms of acknowledgements."""

from harness import wire
from harness.case import case, require, rows
from harness.decode import CODES

V5 = (5,)

CLIENT_DISCONNECT = {0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98,
                     0x99}


def _codes(kind, allowed):
    picked = sorted(set(range(0, 256, 7)) | {1, 2, 0x04, 0x11, 0x7F, 0x92, 0xFF})
    return [(f"0x{c:02x}", kind, c) for c in picked if c not in allowed]


BAD = (_codes(4, CODES["PUBACK"]) + _codes(5, CODES["PUBREC"]) + _codes(6, CODES["PUBREL"])
       + _codes(7, CODES["PUBCOMP"]))
NAMES = {4: "puback", 5: "pubrec", 6: "pubrel", 7: "pubcomp"}


@rows("5:3.4.2-1 5:3.5.2-1 5:3.6.2-1 5:3.7.2-1",
      [(f"{NAMES[kind]} {label}", kind, code) for label, kind, code in BAD[::4]], on=V5)
def not_allowed_in_an_acknowledgement(t, kind, code):
    c = t.connect()
    c.send(wire.ack(5, kind, 1, code=code))
    c.expect_refused(0x81, 0x82)


SERVERS = CODES["DISCONNECT"] - CLIENT_DISCONNECT


@rows("5:3.14.2-1", [(f"0x{c:02x}", c) for c in (0x01, 0x02, 0x18, 0x42, 0x7F, 0x84, 0x92, 0xFF)],
      on=V5)
def unknown_in_disconnect(t, code):
    c = t.connect()
    c.send(wire.disconnect(5, code))
    c.expect_refused(0x81, 0x82)


@rows("5:3.14.2-1 5:3.14.4-2", [(f"0x{c:02x}", c) for c in sorted(CLIENT_DISCONNECT)], on=V5)
def known_in_disconnect(t, code):
    c = t.connect()
    c.send(wire.disconnect(5, code))
    c.expect_closed()


FORMS = [("remaining length 2", b""), ("reason code", b"\0"), ("empty properties", b"\0\0"),
         ("a user property", b"\0\x07\x26\0\1a\0\1b"), ("a reason string", b"\0\x06\x1f\0\3abc")]


@rows("5:3.4.2-1 5:3.5.2-1 5:3.6.2-1 5:3.7.2-1 5:2.2.2-1", FORMS, on=V5)
def forms_of_acknowledgements(t, tail):
    """A whole handshake in each form, as receiver and as sender."""
    sub, pub = t.connect(), t.connect()
    sub.subscribe(t.topic(), 2)
    pub.send(wire.publish(5, t.topic(), "two", 2, packet_id=3))
    pub.expect("PUBREC", packet_id=3, code=0)
    pub.send(wire.packet(6, 2, b"\0\3" + tail))
    pub.expect("PUBCOMP", packet_id=3, code=0)
    packet_id = sub.expect_publish(t.topic(), "two", 2).packet_id.to_bytes(2, "big")
    sub.send(wire.packet(5, 0, packet_id + tail))
    sub.expect("PUBREL", code=0)
    sub.send(wire.packet(7, 0, packet_id + tail))
    pub.publish(t.topic(), "one", 1)
    packet_id = sub.expect_publish(t.topic(), "one", 1).packet_id.to_bytes(2, "big")
    sub.send(wire.packet(4, 0, packet_id + tail))
    sub.expect_nothing()


@rows("5:3.14.2-1 5:3.14.4-3", [("nothing", b""), ("code", b"\0"), ("empty properties", b"\0\0"),
                               ("a reason", b"\0\x06\x1f\0\3abc")], on=V5)
def forms_of_disconnect(t, body):
    sub = t.connect()
    sub.subscribe(t.topic())
    c = t.connect(will=wire.Will(t.topic(), b"will"))
    c.send(wire.packet(14, 0, body))
    c.expect_closed()
    t.only(sub, t.connect())


FAILURES = [(f"0x{c:02x}", c) for c in (0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99)]


@rows("5:4.4.0-2 5:3.4.2-1", FAILURES, on=V5)
def puback_with_a_failure_ends_the_message(t, code):
    sub = t.session(t.id("s"))
    sub.subscribe(t.topic(), 1)
    t.connect().publish(t.topic(), "x", 1)
    sub.send(wire.puback(5, sub.expect_publish(t.topic(), "x", 1).packet_id, code=code))
    sub.expect_nothing()
    sub.abort()
    t.session(t.id("s"), present=1).expect_nothing()


@rows("5:4.4.0-2 5:4.3.3-4 5:3.5.2-1", FAILURES, on=V5)
def pubrec_with_a_failure_ends_the_message(t, code):
    sub = t.session(t.id("s"))
    sub.subscribe(t.topic(), 2)
    t.connect().publish(t.topic(), "x", 2)
    sub.send(wire.pubrec(5, sub.expect_publish(t.topic(), "x", 2).packet_id, code=code))
    sub.expect_nothing()
    sub.abort()
    t.session(t.id("s"), present=1).expect_nothing()


@case("5:4.3.3-4")
def pubrec_0x10_goes_on(t):
    sub = t.connect()
    sub.subscribe(t.topic(), 2)
    t.connect().publish(t.topic(), "x", 2)
    packet_id = sub.expect_publish(t.topic(), "x", 2).packet_id
    sub.send(wire.pubrec(5, packet_id, code=0x10))
    sub.expect("PUBREL", packet_id=packet_id, code=0)


@case("5:4.3.3-5")
def pubcomp_0x92_ends_the_message(t):
    sub = t.session(t.id("s"))
    sub.subscribe(t.topic(), 2)
    t.connect().publish(t.topic(), "x", 2)
    packet_id = sub.expect_publish(t.topic(), "x", 2).packet_id
    sub.send(wire.pubrec(5, packet_id))
    sub.expect("PUBREL", packet_id=packet_id)
    sub.send(wire.pubcomp(5, packet_id, code=0x92))
    sub.expect_nothing()
    sub.abort()
    t.session(t.id("s"), present=1).expect_nothing()


@case("5:4.3.3-11")
def pubrel_0x92_is_answered(t):
    c = t.connect()
    c.send(wire.publish(5, t.topic(), "x", 2, packet_id=4))
    c.expect("PUBREC", packet_id=4)
    c.send(wire.pubrel(5, 4, code=0x92))
    c.expect("PUBCOMP", packet_id=4)


@case("5:4.3.3-11")
def pubrel_twice(t):
    c = t.connect()
    c.send(wire.publish(5, t.topic(), "x", 2, packet_id=4), wire.pubrel(5, 4), wire.pubrel(5, 4))
    c.expect("PUBREC", packet_id=4)
    c.expect("PUBCOMP", packet_id=4, code=0)
    c.expect("PUBCOMP", packet_id=4, code=0x92)


@case("5:4.3.2-3 5:4.3.3-3")
def wrong_kind_of_acknowledgement(t):
    """A PUBACK for a QoS 2 message must not complete it, nor a PUBREC a QoS 1 message."""
    sub = t.session(t.id("s"))
    sub.subscribe(t.topic(), 2)
    t.connect().publish(t.topic(), "two", 2)
    packet_id = sub.expect_publish(t.topic(), "two", 2).packet_id
    sub.send(wire.puback(5, packet_id), wire.pingreq())
    packet = sub.receive()
    require(packet is None or packet.kind in ("PINGRESP", "DISCONNECT"), f"got {packet}")
    sub.abort()
    sub = t.session(t.id("s"), present=1)
    sub.expect_publish(t.topic(), "two", 2, dup=1, packet_id=packet_id)
