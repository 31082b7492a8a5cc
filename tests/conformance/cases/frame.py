# SPDX-License-Identifier: Apache-2.0
"""Fixed headers, remaining lengths and packets that end early or late, after CONNECT."""

from harness import wire
from harness.case import case, rows
from harness.properties import binary, encode

ALL = (3, 4, 5)

SERVER_ONLY = [
    ("connack", lambda v: wire.packet(2, 0, b"\0\0" + (b"\0" if v == 5 else b""))),
    ("suback", lambda v: wire.packet(9, 0, b"\0\1" + (b"\0" if v == 5 else b"") + b"\0")),
    ("unsuback", lambda v: wire.packet(11, 0, b"\0\1" + (b"\0\0" if v == 5 else b""))),
    ("pingresp", lambda v: wire.packet(13, 0, b"")),
    ("type 0", lambda v: wire.packet(0, 0, b"")),
]


@rows("4:2.2.2-2 4:4.8.0-1 5:4.13.1-1", SERVER_ONLY, on=ALL)
def packets_that_only_a_server_sends(t, make):
    c = t.connect()
    c.send(make(t.v))
    c.expect_refused(0x81, 0x82)


@case("4:4.8.0-1", on=(3, 4))
def auth_before_v5(t):
    c = t.connect()
    c.send(wire.packet(15, 0, b""))
    c.expect_closed()


def _flags_table():
    """Every packet with every set of fixed header flags that it may not have."""
    packets = [
        ("puback", 4, 0, lambda v: b"\0\1"), ("pubrec", 5, 0, lambda v: b"\0\1"),
        ("pubrel", 6, 2, lambda v: b"\0\1"), ("pubcomp", 7, 0, lambda v: b"\0\1"),
        ("subscribe", 8, 2, lambda v: b"\0\1" + (b"\0" if v == 5 else b"") + b"\0\1a\0"),
        ("unsubscribe", 10, 2, lambda v: b"\0\1" + (b"\0" if v == 5 else b"") + b"\0\1a"),
        ("pingreq", 12, 0, lambda v: b""), ("disconnect", 14, 0, lambda v: b""),
    ]
    for name, kind, right, body in packets:
        for flags in (0, 1, 2, 4, 8, 15):
            if flags != right:
                yield f"{name} {flags:04b}", kind, flags, body


@rows("4:2.2.2-1 4:2.2.2-2 4:3.6.1-1 4:3.8.1-1 4:3.10.1-1 5:2.1.3-1 5:3.6.1-1 5:3.8.1-1 "
      "5:3.10.1-1 5:3.14.1-1", list(_flags_table()), on=(4, 5))
def fixed_header_flags(t, kind, flags, body):
    c = t.connect()
    c.send(wire.packet(kind, flags, body(t.v)))
    c.expect_refused(0x81)


@rows("5:3.15.1-1", [(f"{flags:04b}", flags) for flags in (1, 2, 4, 8, 15)], on=(5,))
def fixed_header_flags_of_auth(t, flags):
    c = t.connect()
    c.send(wire.auth(flags=flags))
    c.expect_refused(0x81)


LENGTHS = [("five bytes", b"\xff\xff\xff\xff\x01"),
           ("five bytes of nothing", b"\x80\x80\x80\x80\x00"),
           ("four with more to come", b"\xff\xff\xff\xff")]


@rows("4:4.8.0-1 5:4.13.1-1", LENGTHS, on=ALL)
def remaining_length_too_long(t, length):
    c = t.connect()
    c.send(wire.packet(12, 0, b"", length))
    c.expect_refused(0x81)


@rows("4:4.8.0-1 5:1.5.5-1", [("two bytes", b"\x80\x00"), ("four bytes", b"\x80\x80\x80\x00")],
      on=ALL)
def remaining_length_longer_than_needed(t, length):
    """Forbidden in words by 5.0 only. 3.1 and 3.1.1 leave it to the server: no crash, no hang."""
    c = t.connect()
    c.send(wire.packet(12, 0, b"", length))
    if t.v == 5:
        c.expect_refused(0x81)
        return
    packet = c.receive()
    if packet is not None and packet.kind == "PINGRESP":
        c.expect_nothing()
    elif packet is not None:
        raise AssertionError(f"got {packet}")


def _early(v):
    none = b"\0" if v == 5 else b""
    yield "publish without topic", wire.packet(3, 0, b"")
    yield "publish, topic cut", wire.packet(3, 0, b"\0\5ab")
    yield "publish, half a length", wire.packet(3, 0, b"\0")
    yield "publish qos 1 without id", wire.packet(3, 2, b"\0\1a")
    yield "publish qos 2, half an id", wire.packet(3, 4, b"\0\1a\0")
    for name, kind, flags in (("puback", 4, 0), ("pubrec", 5, 0), ("pubrel", 6, 2),
                              ("pubcomp", 7, 0)):
        yield f"{name} empty", wire.packet(kind, flags, b"")
        yield f"{name}, half an id", wire.packet(kind, flags, b"\0")
    yield "subscribe empty", wire.packet(8, 2, b"")
    yield "subscribe, half an id", wire.packet(8, 2, b"\0")
    yield "subscribe, filter cut", wire.packet(8, 2, b"\0\1" + none + b"\0\5ab")
    yield "subscribe without options", wire.packet(8, 2, b"\0\1" + none + b"\0\1a")
    yield "subscribe, second without options", wire.packet(8, 2, b"\0\1" + none + b"\0\1a\0\0\1b")
    yield "unsubscribe empty", wire.packet(10, 2, b"")
    yield "unsubscribe, filter cut", wire.packet(10, 2, b"\0\1" + none + b"\0\5ab")
    if v == 5:
        yield "publish without properties", wire.packet(3, 0, b"\0\1a")
        yield "publish, properties cut", wire.packet(3, 0, b"\0\1a\x09\x01\x01")
        yield "subscribe without properties", wire.packet(8, 2, b"\0\1")
        yield "unsubscribe without properties", wire.packet(10, 2, b"\0\1")
        yield "puback, properties cut", wire.packet(4, 0, b"\0\1\0\x05\x1f\0\1")
        yield "disconnect, properties cut", wire.packet(14, 0, b"\0\x05\x11\0")
        yield "property cut by its packet", wire.packet(3, 0, b"\0\1a\x03\x02\0\0" + b"\x0b")


def _register_early():
    clauses = "4:4.8.0-1 4:2.3.1-1 5:2.2.2-1 5:4.13.1-1"
    for v in ALL:
        @rows(clauses, list(_early(v)), on=(v,))
        def ends_early(t, raw):
            c = t.connect()
            c.send(raw)
            c.expect_refused(0x81, 0x82)


_register_early()


def _late(v):
    for name, kind, flags in (("puback", 4, 0), ("pubrec", 5, 0), ("pubrel", 6, 2),
                              ("pubcomp", 7, 0)):
        tail = b"\0" if v < 5 else b"\0\0\0"
        yield name, wire.packet(kind, flags, b"\0\1" + tail)
    yield "pingreq", wire.packet(12, 0, b"\0")
    yield "disconnect", wire.packet(14, 0, b"\0" if v < 5 else b"\0\0\0")


def _register_late():
    for v in ALL:
        @rows("4:4.8.0-1 5:4.13.1-1", list(_late(v)), on=(v,))
        def trailing_bytes(t, raw):
            c = t.connect()
            c.send(raw)
            c.expect_refused(0x81, 0x82)


_register_late()


@rows("4:2.3.1-1 5:2.2.1-3",
      [("publish qos 1", lambda v, t: wire.publish(v, t, "x", 1, packet_id=0)),
       ("publish qos 2", lambda v, t: wire.publish(v, t, "x", 2, packet_id=0)),
       ("subscribe", lambda v, t: wire.subscribe(v, 0, [(t, 0)])),
       ("unsubscribe", lambda v, t: wire.unsubscribe(v, 0, [t]))], on=ALL)
def packet_id_zero(t, make):
    c = t.connect()
    c.send(make(t.v, t.topic()))
    c.expect_refused(0x81, 0x82)


@rows("4:2.3.1-1 5:2.2.1-3",
      [("puback", 4), ("pubrec", 5), ("pubrel", 6), ("pubcomp", 7)], on=ALL)
def acknowledgement_of_packet_id_zero(t, kind):
    c = t.connect()
    c.send(wire.ack(t.v, kind, 0))
    c.expect_refused(0x81, 0x82)


@case("4:3.12.4-1 5:3.12.4-1", on=ALL)
def pingreq_is_answered(t):
    c = t.connect()
    c.send(wire.pingreq() * 3)
    for _ in range(3):
        c.expect("PINGRESP")


@case("4:2.3.1-5 5:2.2.1-2 5:4.3.1-1 4:4.3.1-1", on=ALL)
def qos_0_has_no_packet_id(t):
    """What follows the topic of a QoS 0 PUBLISH is payload already."""
    c = t.connect()
    c.subscribe(t.topic())
    c.send(wire.publish(t.v, t.topic(), b"\0\1x"))
    c.expect_publish(t.topic(), b"\0\1x")


@case("5:2.2.2-1")
def unknown_property(t):
    for raw in (b"\x7f\0", b"\x00\0", b"\x04\0", b"\x2b\1", b"\x80\x01\0"):
        c = t.connect()
        c.send(wire.packet(3, 0, binary(t.topic()) + encode(raw)))
        c.expect_refused(0x81, 0x82)


@case("4:4.8.0-1 5:4.13.1-1", on=ALL)
def what_came_before_a_broken_packet_counts(t):
    sub, c = t.connect(), t.connect()
    sub.subscribe(t.topic())
    c.send(wire.publish(t.v, t.topic(), "good", 1, packet_id=1), wire.packet(3, 6, b"\0\1a\0\1"),
           wire.publish(t.v, t.topic(), "after", 1, packet_id=2))
    c.expect("PUBACK", packet_id=1)
    c.expect_refused(0x81)
    sub.expect_publish(t.topic(), "good")
    t.only(sub, t.connect())


@case("4:4.8.0-1 5:4.13.1-1", on=ALL)
def others_are_not_disturbed_by_a_broken_client(t):
    good, bad = t.connect(), t.connect()
    bad.send(wire.packet(3, 6, b"\0\1a\0\1"))
    bad.expect_refused(0x81)
    good.expect_nothing()
