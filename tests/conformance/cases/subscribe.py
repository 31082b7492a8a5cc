# SPDX-License-Identifier: Apache-2.0
"""SUBSCRIBE, UNSUBSCRIBE and their acknowledgements."""

from harness import wire
from harness.case import case, require, rows
from harness.properties import binary, encode

ALL = (3, 4, 5)


def _none(v):
    return encode({}) if v == 5 else b""


@case("4:3.8.3-3 5:3.8.3-2")
def subscribe_without_filter(t):
    c = t.connect()
    c.send(wire.subscribe(t.v, 1, []))
    c.expect_refused(0x81, 0x82)


@case("4:3.10.3-2 5:3.10.2-2")
def unsubscribe_without_filter(t):
    c = t.connect()
    c.send(wire.unsubscribe(t.v, 1, []))
    c.expect_refused(0x81, 0x82)


OPTIONS_3 = [(f"0x{o:02x}", o) for o in (0x03, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xFF)]


@rows("4:3.8.3-4", OPTIONS_3, on=(4,))
def reserved_bits_of_the_requested_qos(t, option):
    c = t.connect()
    c.send(wire.subscribe(4, 1, [(t.topic(), option)]))
    c.expect_closed()


OPTIONS_5 = [("qos 3", 0x03), ("retain handling 3", 0x30), ("bit 6", 0x40), ("bit 7", 0x80),
             ("all", 0xFF)]


@rows("5:3.8.3-5", OPTIONS_5, on=(5,))
def reserved_subscription_options(t, option):
    c = t.connect()
    c.send(wire.subscribe(5, 1, [(t.topic(), option)]))
    c.expect_refused(0x81, 0x82)


@rows("4:3.8.3-4 5:3.8.3-5", [("second", 1), ("third", 2)], on=(4, 5))
def a_bad_option_behind_good_ones(t, at):
    filters = [(t.topic(str(n)), 3 if n == at else 0) for n in range(at + 1)]
    c = t.connect()
    c.send(wire.subscribe(t.v, 1, filters))
    c.expect_refused(0x81, 0x82)


@rows("4:3.8.4-1 4:3.8.4-2 4:2.3.1-7 5:3.8.4-1 5:3.8.4-2 5:2.2.1-6",
      [("1", 1), ("256", 256), ("65535", 65535)], on=ALL)
def acknowledgements_carry_the_packet_id(t, packet_id):
    c = t.connect()
    c.send(wire.subscribe(t.v, packet_id, [(t.topic(), 0)]))
    c.expect("SUBACK", packet_id=packet_id, codes=[0], props={})
    c.send(wire.unsubscribe(t.v, packet_id, [t.topic()]))
    c.expect("UNSUBACK", packet_id=packet_id, codes=[0] if t.v == 5 else [])


@case("4:3.8.4-4 4:3.8.4-5 4:3.9.3-1 5:3.8.4-5 5:3.8.4-6 5:3.8.4-7 5:3.9.3-1 5:3.9.3-2", on=ALL)
def one_code_for_each_filter_in_order(t):
    c = t.connect()
    wanted = [2, 0, 1, 1, 2, 0]
    c.send(wire.subscribe(t.v, 1, [(t.topic(str(n)), q) for n, q in enumerate(wanted)]))
    c.expect("SUBACK", codes=wanted)
    for n, qos in enumerate(wanted):
        c.publish(t.topic(str(n)), "x", 0)
        c.expect_publish(t.topic(str(n)), "x")


@case("4:3.8.4-4 5:3.8.4-5", on=ALL)
def same_filter_twice_in_one_packet(t):
    """As a sequence of SUBSCRIBE packets: the second replaces the first."""
    c = t.connect()
    c.send(wire.subscribe(t.v, 1, [(t.topic(), 0), (t.topic(), 1)]))
    c.expect("SUBACK", codes=[0, 1])
    pub = t.connect()
    pub.publish(t.topic(), "x", 2)
    c.expect_message(t.topic(), "x", 1)
    t.only(c, pub)


@case("4:3.8.4-5 5:3.8.4-6", on=ALL)
def three_hundred_filters_in_one_packet(t):
    c = t.connect()
    c.send(wire.subscribe(t.v, 1, [(t.topic(str(n)), n % 3) for n in range(300)]))
    c.expect("SUBACK", codes=[n % 3 for n in range(300)])
    c.publish(t.topic("299"), "x")
    c.expect_publish(t.topic("299"), "x")


@case("4:3.8.4-3 5:3.8.4-3 5:3.8.4-4", on=ALL)
def subscribing_again_replaces(t):
    c, pub = t.connect(), t.connect()
    pub.publish(t.topic(), "kept", 1, retain=1)
    for qos in (2, 0, 1):
        c.subscribe(t.topic(), qos)
        c.expect_message(t.topic(), "kept", min(qos, 1), retain=1)
    pub.publish(t.topic(), "x", 2)
    c.expect_message(t.topic(), "x", 1)
    t.only(c, pub)
    pub.publish(t.topic(), "", retain=1)


@case("4:3.10.4-4 4:3.10.4-1 4:3.10.4-5 5:3.10.4-1 5:3.10.4-2 5:3.10.4-4 5:3.10.4-5", on=ALL)
def unsubscribe_stops_messages(t):
    c, pub = t.connect(), t.connect()
    c.subscribe(t.topic("a"))
    c.subscribe(t.topic("b"))
    c.unsubscribe(t.topic("a"))
    pub.publish(t.topic("a"), "no")
    pub.publish(t.topic("b"), "yes")
    c.expect_publish(t.topic("b"), "yes")


@case("4:3.10.4-2 4:3.10.4-5 5:3.10.4-5 5:3.11.3-2", on=ALL)
def unsubscribe_of_what_is_not_there(t):
    c = t.connect()
    c.unsubscribe(t.topic(), 0x11)
    c.expect_nothing()


@case("4:3.10.4-1 5:3.10.4-1", on=ALL)
def unsubscribe_compares_letter_by_letter(t):
    c = t.connect()
    c.subscribe(t.topic("+"))
    for other in (t.topic("a"), t.topic("#"), t.topic("+/"), t.topic("") + "/+", t.prefix + "/+x"):
        if not other.endswith("+x"):
            c.unsubscribe(other, 0x11)
    c.publish(t.topic("a"), "still")
    c.expect_publish(t.topic("a"), "still")
    c.unsubscribe(t.topic("+"))
    t.only(c, c)


@case("4:3.10.4-6 4:3.10.4-3 5:3.10.4-6 5:3.11.3-1", on=ALL)
def unsubscribe_several(t):
    c = t.connect()
    for name in "abc":
        c.subscribe(t.topic(name))
    c.send(wire.unsubscribe(t.v, 9, [t.topic(n) for n in ("a", "x", "c", "a")]))
    c.expect("UNSUBACK", packet_id=9, codes=[0, 0x11, 0, 0x11] if t.v == 5 else [])
    for name in "abc":
        c.publish(t.topic(name), name)
    c.expect_publish(t.topic("b"), "b")


@case("4:3.10.4-3 5:3.10.4-3", on=ALL)
def unsubscribe_completes_what_was_started(t):
    c, pub = t.connect(), t.connect()
    c.subscribe(t.topic(), 2)
    pub.publish(t.topic(), "one", 1)
    pub.publish(t.topic(), "two", 2)
    one = c.expect_publish(t.topic(), "one", 1)
    two = c.expect_publish(t.topic(), "two", 2)
    c.unsubscribe(t.topic())
    c.acknowledge(one)
    c.acknowledge(two)
    c.expect_nothing()


BAD_FILTERS = [
    ("empty", ""), ("hash not last", "a/#/b"), ("hash in a level", "a#"), ("hash behind", "a/b#"),
    ("plus in a level", "a+"), ("plus before", "+a"), ("plus inside", "a/b+c/d"),
    ("two hashes", "#/#"), ("hash and slash", "#/"), ("plus and hash", "+#"), ("double plus", "++"),
]


@rows("4:4.7.1-2 4:4.7.1-3 4:4.7.3-1 5:4.7.1-1 5:4.7.1-2 5:4.7.3-1", BAD_FILTERS, on=ALL)
def bad_filter(t, text):
    """3.1.1 may close or answer 0x80; 5.0 says 0x8F, in SUBACK or DISCONNECT. Not granted."""
    c = t.connect()
    c.send(wire.subscribe(t.v, 1, [(text, 0)]))
    packet = c.receive()
    if packet is None:
        require(t.v < 5, "closed without a reason")
    elif packet.kind == "SUBACK":
        require(packet.codes == [0x8F if t.v == 5 else 0x80], f"got {packet}")
    else:
        require(packet.kind == "DISCONNECT" and packet.code in (0x81, 0x82, 0x8F), f"got {packet}")
        c.expect_closed()


@rows("4:4.7.1-2 4:4.7.1-3 5:4.7.1-1 5:4.7.1-2", BAD_FILTERS, on=ALL)
def bad_filter_in_unsubscribe(t, text):
    c = t.connect()
    c.send(wire.unsubscribe(t.v, 1, [text]))
    packet = c.receive()
    if packet is None:
        require(t.v < 5, "closed without a reason")
    elif packet.kind == "UNSUBACK":
        require(packet.codes in ([0x8F], [0x11], []), f"got {packet}")
    else:
        require(packet.kind == "DISCONNECT" and packet.code in (0x81, 0x82, 0x8F), f"got {packet}")


@case("5:3.8.4-1 5:3.10.4-4")
def user_properties_of_subscribe_and_unsubscribe(t):
    c = t.connect()
    props = {"user": [("a", "1"), ("a", "1"), ("", "")]}
    c.send(wire.subscribe(5, 1, [(t.topic(), 0)], props))
    c.expect("SUBACK", codes=[0])
    c.send(wire.unsubscribe(5, 2, [t.topic()], props))
    c.expect("UNSUBACK", codes=[0])


@case("4:2.3.1-6 5:2.2.1-4 4:2.3.1-4", on=ALL)
def packet_ids_of_both_directions_are_apart(t):
    """The server's ids and the client's are two sets: the same number may be in use in both."""
    c, pub = t.connect(), t.connect()
    c.subscribe(t.topic(), 1)
    pub.publish(t.topic(), "x", 1)
    number = c.expect_publish(t.topic(), "x", 1).packet_id
    c.send(wire.publish(t.v, t.topic("other"), "y", 1, packet_id=number))
    c.expect("PUBACK", packet_id=number)
    c.send(wire.puback(t.v, number))
    c.expect_nothing()


@case("4:3.8.4-4 5:3.8.4-5", on=ALL)
def filters_behind_a_body_of_bytes(t):
    """A SUBSCRIBE written out by hand."""
    c = t.connect()
    body = b"\x12\x34" + _none(t.v) + binary(t.topic()) + b"\1" + binary(t.topic("#")) + b"\0"
    c.send(b"\x82" + bytes([len(body)]) + body)
    c.expect("SUBACK", packet_id=0x1234, codes=[1, 0])
