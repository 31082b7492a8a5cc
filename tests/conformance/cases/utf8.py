# SPDX-License-Identifier: Apache-2.0
"""UTF-8 strings, wherever a client sends one."""

from harness import wire
from harness.case import case, rows
from harness.properties import binary, varint
from harness.wire import Will

ALL = (3, 4, 5)

BAD = [
    ("lone continuation", b"a\x80"), ("cut sequence", b"a\xc3"), ("overlong slash", b"a\xc0\xaf"),
    ("overlong of three", b"a\xe0\x80\xaf"), ("surrogate low", b"a\xed\xa0\x80"),
    ("surrogate high", b"a\xed\xbf\xbf"), ("above U+10FFFF", b"a\xf4\x90\x80\x80"),
    ("five bytes", b"a\xf8\x88\x80\x80\x80"), ("0xff", b"a\xff"), ("U+0000", b"a\0b"),
    ("overlong U+0000", b"a\xc0\x80"), ("cut by a letter", b"a\xe2\x82b"),
]
IN_CONNECT = "4:1.5.3-1 4:1.5.3-2 5:1.5.4-1 5:1.5.4-2 "


@rows(IN_CONNECT + "4:3.1.3-4 5:3.1.3-4 5:3.1.3-8", BAD, on=ALL)
def client_id(t, bad):
    c = t.raw()
    c.send(wire.connect(t.v, bad))
    c.expect_connect_refused(*((0x81, 0x82, 0x85) if t.v == 5 else (2,)))


@rows(IN_CONNECT + "4:3.1.3-10 5:3.1.3-11", BAD, on=ALL)
def will_topic(t, bad):
    c = t.raw()
    c.send(wire.connect(t.v, t.id(), will=Will(bad, b"x")))
    c.expect_connect_refused(*((0x81, 0x82, 0x90) if t.v == 5 else ()))


@rows(IN_CONNECT + "4:3.1.3-11 5:3.1.3-12", BAD, on=(4, 5))
def user_name(t, bad):
    c = t.raw()
    c.send(wire.connect(t.v, t.id(), username=bad, password="p"))
    c.expect_connect_refused(*((0x81, 0x82, 0x86) if t.v == 5 else (4,)))


@rows("4:1.5.3-1 4:1.5.3-2 4:3.3.2-1 4:4.7.3-2 5:1.5.4-1 5:1.5.4-2 5:3.3.2-1 5:4.7.3-2", BAD,
      on=ALL)
def topic_name(t, bad):
    c = t.connect()
    c.send(wire.publish(t.v, bad, "x"))
    c.expect_refused(0x81, 0x82, 0x90)


@rows("4:1.5.3-1 4:3.8.3-1 4:4.7.3-2 5:1.5.4-1 5:3.8.3-1 5:4.7.3-2", BAD, on=ALL)
def topic_filter(t, bad):
    c = t.connect()
    c.send(wire.subscribe(t.v, 1, [(bad, 0)]))
    c.expect_refused(0x81, 0x82, 0x8F)


@rows("4:3.10.3-1 5:3.10.2-1 5:1.5.4-1", BAD, on=ALL)
def unsubscribed_filter(t, bad):
    c = t.connect()
    c.send(wire.unsubscribe(t.v, 1, [bad]))
    c.expect_refused(0x81, 0x82, 0x8F)


def _user(key, value):
    return b"\x26" + binary(key) + binary(value)


PROPERTIES = [
    ("response topic", lambda bad: b"\x08" + binary(bad)),
    ("content type", lambda bad: b"\x03" + binary(bad)),
    ("user property's name", lambda bad: _user(bad, b"v")),
    ("user property's value", lambda bad: _user(b"k", bad)),
]


@rows("5:1.5.4-1 5:1.5.4-2 5:1.5.7-1 5:3.3.2-13 5:3.3.2-19", PROPERTIES, on=(5,))
def property_of_publish(t, make):
    for _, bad in (BAD[0], BAD[4], BAD[9]):
        c = t.connect()
        c.send(wire.publish(5, t.topic(), "x", props=make(bad)))
        c.expect_refused(0x81, 0x82, 0x90)


IN_CONNECT_V5 = [("user", _user(b"a\xff", b"v")), ("method", b"\x15" + binary(b"\xc3"))]


@rows("5:1.5.4-1 5:1.5.7-1", IN_CONNECT_V5, on=(5,))
def property_of_connect(t, raw):
    c = t.raw()
    c.send(wire.connect(5, t.id(), props=raw))
    c.expect_connect_refused(0x81, 0x82)


GOOD = [
    ("byte order mark first", "\ufeffa"), ("byte order mark inside", "a\ufeffb"),
    ("two bytes", "küche"), ("three bytes", "温度"), ("four bytes", "🏠"),
    ("near the last code point", "\U0010fffd"), ("before the surrogates", "\ud7ff"),
    ("behind the surrogates", "\ue000"), ("composed and decomposed", "e\u0301\u00e9"),
    ("spaces", " a b "),
]


@rows("4:1.5.3-3 4:4.7.3-4 5:1.5.4-3 5:4.7.3-4", GOOD, on=ALL)
def passed_on_unchanged(t, text):
    c = t.connect()
    topic = t.topic(text)
    c.subscribe(topic)
    c.publish(topic, text)
    c.expect_publish(topic, text)


@case("4:4.7.3-4 5:4.7.3-4", on=ALL)
def no_normalization(t):
    c = t.connect()
    c.subscribe(t.topic("\u00e9"))
    c.publish(t.topic("e\u0301"), "decomposed")
    c.publish(t.topic("\u00e9"), "composed")
    c.expect_publish(t.topic("\u00e9"), "composed")


@case("4:1.5.3-3 5:1.5.4-3", on=ALL)
def byte_order_mark_makes_another_topic(t):
    c = t.connect()
    c.subscribe(t.topic())
    c.publish("\ufeff" + t.topic(), "other")
    c.publish(t.topic(), "mine")
    c.expect_publish(t.topic(), "mine")


@case("5:1.5.5-1")
def overlong_property_length(t):
    c = t.connect()
    c.send(wire.packet(3, 0, binary(t.topic()) + b"\x80\x00" + b"x"))
    c.expect_refused(0x81)


@case("5:1.5.5-1")
def property_length_of_five_bytes(t):
    c = t.connect()
    c.send(wire.packet(3, 0, binary(t.topic()) + b"\x80\x80\x80\x80\x00" + b"x"))
    c.expect_refused(0x81)


@case("5:1.5.5-1")
def overlong_subscription_identifier(t):
    c = t.connect()
    body = b"\0\1" + varint(3) + b"\x0b\x81\x00" + binary(t.topic()) + b"\0"
    c.send(wire.packet(8, 2, body))
    c.expect_refused(0x81)
