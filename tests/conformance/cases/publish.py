# SPDX-License-Identifier: Apache-2.0
"""PUBLISH from a client and to a client: flags, topics and the acknowledgements of each QoS."""

import itertools

from harness import wire
from harness.case import case, require, rows

ALL = (3, 4, 5)


@rows("4:3.3.1-4 4:4.8.0-1 5:3.3.1-4", [("plain", 6), ("retain", 7), ("dup", 14), ("all", 15)],
      on=ALL)
def qos_3(t, flags):
    c = t.connect()
    c.send(wire.publish(t.v, t.topic(), "x", packet_id=1, flags=flags))
    c.expect_refused(0x81)


@case("4:3.3.1-2 5:3.3.1-2", on=(4, 5))
def dup_with_qos_0(t):
    c = t.connect()
    c.send(wire.publish(t.v, t.topic(), "x", dup=1))
    c.expect_refused(0x81, 0x82)


BAD_TOPICS = [("hash", "a/#"), ("only hash", "#"), ("plus", "a/+/b"), ("only plus", "+"),
              ("hash inside", "a#b"), ("plus inside", "a+b")]


@rows("4:3.3.2-2 4:4.7.1-1 5:3.3.2-2 5:4.7.0-1", BAD_TOPICS, on=ALL)
def wildcard_in_topic_name(t, topic):
    c = t.connect()
    c.send(wire.publish(t.v, topic, "x"))
    c.expect_refused(0x81, 0x82, 0x90)


@case("4:4.7.3-1 5:4.7.3-1", on=ALL)
def empty_topic_name(t):
    c = t.connect()
    c.send(wire.publish(t.v, "", "x"))
    c.expect_refused(0x81, 0x82, 0x90)


LEVELS = list(itertools.product((0, 1, 2), repeat=2))


@rows("4:3.8.4-6 4:3.3.4-1 4:4.3.1-1 4:4.3.2-1 4:4.3.2-2 4:4.3.3-1 4:4.3.3-2 4:2.3.1-6 "
      "5:3.8.4-8 5:3.3.4-1 5:4.3.1-1 5:4.3.2-2 5:4.3.2-4 5:4.3.3-2 5:4.3.3-4 5:4.3.3-8 "
      "5:4.3.3-11 5:2.2.1-5",
      [(f"sent {p}, granted {s}", p, s) for p, s in LEVELS], on=ALL)
def delivered_at_the_lower_qos(t, published, granted):
    sub, pub = t.connect(), t.connect()
    sub.subscribe(t.topic(), granted)
    pub.publish(t.topic(), "x", published)
    sub.expect_message(t.topic(), "x", min(published, granted))
    sub.expect_nothing()


@rows("4:3.3.2-3 4:4.3.2-2 5:3.3.2-3 5:4.3.2-4", [("0", 0), ("1", 1), ("2", 2)], on=ALL)
def to_oneself(t, qos):
    c = t.connect()
    c.subscribe(t.topic(), qos)
    c.send(wire.publish(t.v, t.topic(), "me", qos, packet_id=qos and 77))
    if qos == 2:
        c.send(wire.pubrel(t.v, 77))
    kinds = {0: [], 1: ["PUBACK"], 2: ["PUBREC", "PUBCOMP"]}[qos] + ["PUBLISH"]
    got = sorted(c.receive().kind for _ in kinds)
    require(got == sorted(kinds), f"got {got}")


@rows("4:3.3.1-3 5:3.3.1-3", [("1", 1), ("2", 2)], on=ALL)
def dup_is_not_passed_on(t, qos):
    sub, pub = t.connect(), t.connect()
    sub.subscribe(t.topic(), qos)
    pub.send(wire.publish(t.v, t.topic(), "x", qos, dup=1, packet_id=9))
    pub.expect("PUBACK" if qos == 1 else "PUBREC", packet_id=9)
    if qos == 2:
        pub.send(wire.pubrel(t.v, 9))
    sub.expect_publish(t.topic(), "x", qos, dup=0)


@rows("4:2.3.1-6 5:2.2.1-5", [("1", 1), ("2", 2), ("255", 255), ("256", 256), ("65535", 65535)],
      on=ALL)
def acknowledgement_has_the_same_packet_id(t, packet_id):
    c = t.connect()
    c.send(wire.publish(t.v, t.topic(), "x", 1, packet_id=packet_id))
    c.expect("PUBACK", packet_id=packet_id)
    c.send(wire.publish(t.v, t.topic(), "x", 2, packet_id=packet_id))
    c.expect("PUBREC", packet_id=packet_id)
    c.send(wire.pubrel(t.v, packet_id))
    c.expect("PUBCOMP", packet_id=packet_id, code=0)


@case("4:4.3.2-2 5:4.3.2-5", on=ALL)
def packet_id_is_free_after_puback(t):
    """The same id again is a new message, whatever its DUP flag says."""
    sub, pub = t.connect(), t.connect()
    sub.subscribe(t.topic(), 0)
    for text, dup in (("one", 0), ("two", 1), ("three", 0)):
        pub.send(wire.publish(t.v, t.topic(), text, 1, dup=dup, packet_id=5))
        pub.expect("PUBACK", packet_id=5)
    for text in ("one", "two", "three"):
        sub.expect_publish(t.topic(), text)


@case("4:4.3.3-2 5:4.3.3-10", on=ALL)
def qos_2_sent_twice_is_delivered_once(t):
    sub, pub = t.connect(), t.connect()
    sub.subscribe(t.topic(), 0)
    for dup in (0, 1, 1):
        pub.send(wire.publish(t.v, t.topic(), "once", 2, dup=dup, packet_id=5))
        pub.expect("PUBREC", packet_id=5)
    pub.send(wire.pubrel(t.v, 5))
    pub.expect("PUBCOMP", packet_id=5)
    sub.expect_publish(t.topic(), "once")
    t.only(sub, pub)


@case("4:4.3.3-2 5:4.3.3-12", on=ALL)
def packet_id_is_free_after_pubcomp(t):
    sub, pub = t.connect(), t.connect()
    sub.subscribe(t.topic(), 0)
    for text in ("one", "two"):
        pub.send(wire.publish(t.v, t.topic(), text, 2, packet_id=5))
        pub.expect("PUBREC", packet_id=5)
        pub.send(wire.pubrel(t.v, 5))
        pub.expect("PUBCOMP", packet_id=5, code=0)
        sub.expect_publish(t.topic(), text)


@case("4:4.3.3-2 5:4.3.3-10", on=ALL)
def qos_2_ids_are_kept_apart(t):
    sub, pub = t.connect(), t.connect()
    sub.subscribe(t.topic(), 0)
    for packet_id in (3, 1, 2):
        pub.send(wire.publish(t.v, t.topic(), f"m{packet_id}", 2, packet_id=packet_id))
        pub.expect("PUBREC", packet_id=packet_id)
    for packet_id in (1, 2, 3):
        pub.send(wire.pubrel(t.v, packet_id))
        pub.expect("PUBCOMP", packet_id=packet_id)
    got = sorted(sub.receive().payload for _ in range(3))
    require(got == [b"m1", b"m2", b"m3"], f"got {got}")


@case("4:4.3.3-2 5:4.3.3-11", on=(3, 4))
def pubrel_of_an_unknown_id(t):
    c = t.connect()
    c.send(wire.pubrel(t.v, 999))
    c.expect("PUBCOMP", packet_id=999)


@case("5:4.3.3-11")
def pubrel_of_an_unknown_id_says_so(t):
    c = t.connect()
    c.send(wire.pubrel(5, 999))
    c.expect("PUBCOMP", packet_id=999, code=0x92)


@case("5:4.3.3-4")
def pubrec_of_an_unknown_id_is_answered(t):
    c = t.connect()
    c.send(wire.pubrec(5, 999))
    c.expect("PUBREL", packet_id=999, code=0x92)


@case("4:4.3.3-1", on=(3, 4))
def pubrec_of_an_unknown_id(t):
    """Nothing is lost by answering it; a close or silence would leave the sender stuck."""
    c = t.connect()
    c.send(wire.pubrec(t.v, 999))
    packet = c.receive()
    require(packet and packet.kind == "PUBREL" and packet.packet_id == 999, f"got {packet}")


@rows("4:4.3.2-1 4:4.3.3-1 5:4.3.2-3 5:4.3.3-5", [("puback", 4), ("pubcomp", 7)], on=ALL)
def acknowledgement_of_an_unknown_id_is_ignored(t, kind):
    c = t.connect()
    c.send(wire.ack(t.v, kind, 999))
    c.expect_nothing()


@case("5:3.4.2-1 5:3.5.2-1")
def acknowledgement_may_say_that_nobody_listens(t):
    c = t.connect()
    for qos, kind in ((1, "PUBACK"), (2, "PUBREC")):
        c.send(wire.publish(5, t.topic("nobody"), "x", qos, packet_id=qos))
        packet = c.expect(kind, packet_id=qos)
        require(packet.code in (0, 0x10), f"reason code 0x{packet.code:02x}")


@case("5:3.4.2-1")
def no_matching_subscribers_is_not_said_where_one_matches(t):
    sub, pub = t.connect(), t.connect()
    sub.subscribe(t.topic(), 0)
    pub.publish(t.topic(), "x", 1, code=0)
    sub.expect_publish(t.topic(), "x")


@rows("4:3.3.2-3 5:3.3.2-3", [("empty", b""), ("zeros", b"\0" * 300), ("bytes", bytes(range(256))),
                             ("127", b"a" * 127), ("128", b"b" * 128), ("16 k", b"c" * 16384),
                             ("1 M", b"d" * 1_000_000), ("3 M", b"e" * 3_000_000)], on=ALL)
def payload_is_passed_on_unchanged(t, payload):
    c = t.connect()
    c.subscribe(t.topic())
    c.publish(t.topic(), payload)
    c.expect_publish(t.topic(), payload)


LENGTHS = [(str(n), n) for n in (120, 121, 122, 123, 124, 125, 126, 127, 128, 129, 16377, 16380,
                                 16383, 16384, 2097145, 2097152)]


@rows("4:3.3.2-3 5:1.5.5-1", LENGTHS, on=(4, 5))
def remaining_length_at_its_boundaries(t, size):
    c = t.connect()
    c.subscribe(t.topic(), 1)
    c.publish("x", b"-")
    c.send(wire.publish(t.v, t.topic(), b"p" * size, 0))
    c.expect_publish(t.topic(), b"p" * size)


@rows("4:4.7.3-3 4:3.3.2-1 5:4.7.3-3 5:3.3.2-1", [("65535", 65535), ("32768", 32768), ("1", 1)],
      on=ALL)
def topic_name_of_length(t, size):
    c = t.connect()
    topic = f"{t.prefix}v{t.v}".ljust(size, "t") if size > 1 else str(t.v)
    c.subscribe(topic)
    c.publish(topic, t.prefix)
    c.expect_publish(topic, t.prefix)
