# SPDX-License-Identifier: Apache-2.0
"""What MQTT 3.1 asks for otherwise than 3.1.1. Its text has no clause ids, only sections."""

from harness import wire
from harness.case import case, rows
from harness.properties import binary
from harness.wire import Will

OLD = (3,)


@rows("", [("qos 1", 0x0A), ("qos 2", 0x12), ("retain", 0x22)], on=OLD)
def will_fields_are_disregarded_without_will_flag(t, flags):
    """3.1 "Connect flags": without the Will flag the value of Will QoS is disregarded."""
    c = t.raw()
    c.send(wire.connect(3, t.id(), flags=flags))
    c.expect("CONNACK", code=0)
    c.expect_nothing()


@rows("", [("user name", 0x82, []), ("both", 0xC2, []), ("password", 0xC2, ["u"])], on=OLD)
def remaining_length_wins_over_the_user_name_flag(t, flags, fields):
    """3.1 "User name": the flag may be set and the string missing. This is valid."""
    c = t.raw()
    body = binary("MQIsdp") + bytes([3, flags]) + b"\0\x3c" + binary(t.id())
    c.send(wire.packet(1, 0, body + b"".join(binary(f) for f in fields)))
    c.expect("CONNACK", code=0)
    c.expect_nothing()


@rows("", [("subscribe", 8), ("unsubscribe", 10)], on=OLD)
def request_sent_again_with_dup(t, kind):
    """3.1 "DUP": it is set on PUBREL, SUBSCRIBE and UNSUBSCRIBE that are sent again."""
    c = t.connect()
    make = {8: lambda: wire.subscribe(3, 1, [(t.topic(), 0)], flags=0x0A),
            10: lambda: wire.unsubscribe(3, 1, [t.topic()], flags=0x0A)}[kind]
    c.send(make())
    c.expect("SUBACK" if kind == 8 else "UNSUBACK", packet_id=1)


@case("", on=OLD)
def pubrel_sent_again_with_dup(t):
    c = t.connect()
    c.send(wire.publish(3, t.topic(), "x", 2, packet_id=1))
    c.expect("PUBREC", packet_id=1)
    c.send(wire.pubrel(3, 1, flags=0x0A))
    c.expect("PUBCOMP", packet_id=1)


@case("", on=OLD)
def client_id_of_more_than_23_bytes(t):
    t.connect(t.id().ljust(24, "x")).expect_nothing()


@case("", on=OLD)
def a_will_of_31(t):
    sub = t.connect()
    sub.subscribe(t.topic(), 1)
    t.connect(will=Will(t.topic(), b"gone", 1)).cut()
    sub.expect_message(t.topic(), "gone", 1)


@case("", on=(3,))
def newer_clients_hear_what_31_says(t):
    subs = [t.connect(v=v) for v in (3, 4, 5)]
    for sub in subs:
        sub.subscribe(t.topic(), 2)
    t.connect().publish(t.topic(), "old", 2)
    for sub in subs:
        sub.expect_message(t.topic(), "old", 2)
