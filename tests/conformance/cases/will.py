# SPDX-License-Identifier: Apache-2.0
"""Wills: when they are published, when they are not, and as what."""

import itertools

from harness import wire
from harness.case import case, require, rows
from harness.properties import binary
from harness.wire import Will

ALL = (3, 4, 5)


def _watch(t, qos=2):
    sub = t.connect()
    sub.subscribe(t.topic(), qos)
    return sub


@rows("4:3.1.2-8 4:3.1.2-14 4:3.1.2-16 4:3.1.2-17 5:3.1.2-7 5:3.1.2-8 5:3.1.2-12 5:3.1.2-14 "
      "5:3.1.2-15",
      [(f"qos {q}, retain {r}", q, r) for q, r in itertools.product((0, 1, 2), (0, 1))],
      on=ALL)
def published_when_the_connection_is_lost(t, qos, retain):
    sub = _watch(t)
    t.connect(will=Will(t.topic(), b"gone", qos, retain)).abort()
    sub.expect_message(t.topic(), "gone", qos, retain=0)
    late = t.connect()
    late.subscribe(t.topic(), 2)
    if retain:
        late.expect_message(t.topic(), "gone", qos, retain=1)
        late.publish(t.topic("x"), "", 1)
        t.connect().publish(t.topic(), "", 1, retain=1)
    else:
        t.only(late, t.connect())


@case("4:3.1.2-8 5:3.1.2-8", on=ALL)
def published_when_the_stream_ends_without_disconnect(t):
    sub = _watch(t)
    t.connect(will=Will(t.topic(), b"gone")).cut()
    sub.expect_message(t.topic(), "gone")


@case("4:3.1.2-8 5:3.1.2-8", on=ALL)
def published_after_a_protocol_error(t):
    sub = _watch(t)
    c = t.connect(will=Will(t.topic(), b"gone"))
    c.send(wire.publish(t.v, "#", "x"))
    c.expect_end()
    sub.expect_message(t.topic(), "gone")


@case("4:3.1.2-10 4:3.14.4-3 5:3.1.2-10 5:3.14.4-3", on=ALL)
def not_published_after_disconnect(t):
    sub = _watch(t)
    t.connect(will=Will(t.topic(), b"gone")).disconnect()
    sub.expect_quiet(0.3)
    t.only(sub, t.connect())


@case("4:3.1.2-12", on=(3, 4))
def not_published_without_one(t):
    sub = _watch(t)
    t.connect().abort()
    sub.expect_quiet(0.3)


@case("4:3.1.2-10 5:3.1.2-10", on=ALL)
def published_once(t):
    sub = _watch(t)
    c = t.session(t.id("w"), will=Will(t.topic(), b"gone", 1))
    c.cut()
    sub.expect_message(t.topic(), "gone", 1)
    t.session(t.id("w"), 0 if t.v == 3 else 1).cut()
    sub.expect_quiet(0.3)


@case("4:3.1.4-2 4:3.1.2-8 5:3.1.4-3", on=ALL)
def published_when_the_session_is_taken_over(t):
    """A takeover closes the older connection without DISCONNECT: its will (no delay) is due."""
    sub = _watch(t)
    t.connect(t.id("w"), will=Will(t.topic(), b"gone"))
    t.connect(t.id("w"))
    sub.expect_message(t.topic(), "gone")


@case("4:3.1.2-8 5:3.1.2-8", on=ALL)
def never_after_the_newer_birth(t):
    """The older connection's will comes before anything that the newer one publishes."""
    sub = _watch(t)
    t.connect(t.id("w"), will=Will(t.topic(), b"offline", 1))
    new = t.connect(t.id("w"), will=Will(t.topic(), b"offline", 1))
    new.publish(t.topic(), "online", 1)
    sub.expect_message(t.topic(), "offline", 1)
    sub.expect_message(t.topic(), "online", 1)
    sub.expect_nothing()


PAYLOADS = [("empty", b""), ("binary", bytes(range(256))), ("long", b"w" * 65535)]


@rows("4:3.1.2-8 5:3.1.2-9", PAYLOADS, on=ALL)
def payload(t, text):
    sub = _watch(t)
    t.connect(will=Will(t.topic(), text)).abort()
    sub.expect_message(t.topic(), text)


@case("4:3.1.2-17 5:3.1.2-15", on=ALL)
def empty_retained_will_clears(t):
    sub = _watch(t)
    pub = t.connect()
    pub.publish(t.topic(), "kept", 1, retain=1)
    sub.expect_message(t.topic(), "kept", 1)
    t.connect(will=Will(t.topic(), b"", 1, 1)).abort()
    sub.expect_message(t.topic(), "", 1)
    late = t.connect()
    late.subscribe(t.topic())
    t.only(late, pub)


@rows("4:3.1.3-10 4:4.7.1-1 5:3.1.3-11 5:4.7.0-1", [("hash", "a/#"), ("plus", "+"), ("empty", "")],
      on=(4, 5))
def topic_must_be_a_name(t, topic):
    c = t.raw()
    c.send(wire.connect(t.v, t.id(), will=Will(topic, b"x")))
    c.expect_connect_refused(*((0x81, 0x82, 0x90) if t.v == 5 else ()))


@case("5:3.14.4-3 5:3.1.2-8")
def disconnect_0x04_publishes_it(t):
    sub = _watch(t)
    t.connect(will=Will(t.topic(), b"gone", 1)).disconnect(0x04)
    sub.expect_message(t.topic(), "gone", 1)


@rows("5:3.1.2-8", [(hex(c), c) for c in (0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x95, 0x97, 0x99)],
      on=(5,))
def disconnect_for_a_fault_publishes_it(t, code):
    """Only 0x00 deletes a will."""
    sub = _watch(t)
    t.connect(will=Will(t.topic(), b"gone")).disconnect(code)
    sub.expect_message(t.topic(), "gone")


@case("5:3.1.3-9", slow=3)
def delayed(t):
    sub = _watch(t)
    props = {"will_delay": 2}
    c = t.session(t.id("w"), will=Will(t.topic(), b"gone", 1, props=props))
    c.abort()
    sub.expect_quiet(1.7)
    sub.expect_message(t.topic(), "gone", 1)


@case("5:3.1.3-9 5:3.1.2-8", slow=3)
def delay_ends_with_a_new_connection(t):
    sub = _watch(t)
    c = t.session(t.id("w"), will=Will(t.topic(), b"gone", props={"will_delay": 1}))
    c.cut()
    t.session(t.id("w"), present=1)
    sub.expect_quiet(2)
    t.only(sub, t.connect())


@case("5:3.1.2-8", slow=2)
def delay_ends_with_the_session(t):
    """The will goes when the session ends, however long its delay is."""
    sub = _watch(t)
    will = Will(t.topic(), b"gone", props={"will_delay": 600})
    c = t.session(t.id("w"), expiry=1, will=will)
    c.abort()
    sub.expect_quiet(0.7)
    sub.expect_message(t.topic(), "gone")


@case("5:3.1.2-8 5:4.1.0-2")
def delay_without_a_session_to_wait_in(t):
    sub = _watch(t)
    t.connect(will=Will(t.topic(), b"gone", props={"will_delay": 600})).abort()
    sub.expect_message(t.topic(), "gone")


@case("5:3.1.2-8 5:3.1.2-4")
def delayed_will_goes_when_a_clean_start_ends_the_session(t):
    sub = _watch(t)
    c = t.session(t.id("w"), will=Will(t.topic(), b"gone", props={"will_delay": 600}))
    c.cut()
    t.connect(t.id("w"))
    sub.expect_message(t.topic(), "gone")


@case("5:3.1.3-9 5:3.1.4-3")
def delayed_will_is_not_sent_at_takeover(t):
    sub = _watch(t)
    t.session(t.id("w"), will=Will(t.topic(), b"gone", props={"will_delay": 600}))
    t.session(t.id("w"), present=1)
    sub.expect_quiet(0.5)


@case("5:3.1.2-8 5:3.1.2-4 5:3.1.4-3")
def delayed_will_goes_when_a_clean_start_takes_over(t):
    sub = _watch(t)
    t.session(t.id("w"), will=Will(t.topic(), b"gone", props={"will_delay": 600}))
    t.connect(t.id("w"))
    sub.expect_message(t.topic(), "gone")


@case("5:3.1.3-9 5:3.1.2-8")
def takeover_replaces_the_will(t):
    """The newer connection's will counts from then on."""
    sub = _watch(t)
    t.session(t.id("w"), will=Will(t.topic(), b"old", props={"will_delay": 600}))
    new = t.session(t.id("w"), present=1, will=Will(t.topic(), b"new"))
    new.cut()
    sub.expect_message(t.topic(), "new")
    sub.expect_quiet(0.3)


@case("5:3.1.3-9 5:3.14.4-3", slow=2)
def disconnect_0x04_respects_the_delay(t):
    sub = _watch(t)
    c = t.session(t.id("w"), will=Will(t.topic(), b"gone", props={"will_delay": 1}))
    c.disconnect(0x04)
    sub.expect_quiet(0.7)
    sub.expect_message(t.topic(), "gone")


@case("5:3.1.3-10 5:3.3.2-4 5:3.3.2-15 5:3.3.2-16 5:3.3.2-18 5:3.3.2-20")
def properties_are_passed_on(t):
    sub = _watch(t)
    props = {"payload_format": 1, "content_type": "text/plain", "response_topic": "re",
             "correlation_data": b"\0\xff", "user": [("b", "1"), ("a", "2"), ("b", "1")]}
    t.connect(will=Will(t.topic(), b"gone", props=dict(props, will_delay=0))).abort()
    sub.expect_message(t.topic(), "gone", props=props)


@case("5:3.3.2-6")
def expiry_starts_when_it_is_published(t):
    sub = _watch(t)
    t.connect(will=Will(t.topic(), b"gone", props={"message_expiry": 100})).abort()
    packet = sub.expect("PUBLISH", topic=t.topic(), payload=b"gone")
    require(packet.props.get("message_expiry") in (99, 100), f"got {packet}")


WILL_PROPERTIES = [
    ("payload format 2", b"\x01\x02"), ("delay twice", b"\x18\0\0\0\1" * 2),
    ("format twice", b"\x01\x01" * 2), ("expiry twice", b"\x02\0\0\0\1" * 2),
    ("content type twice", (b"\x03" + binary("a")) * 2), ("topic alias", b"\x23\0\1"),
    ("subscription id", b"\x0b\1"), ("session expiry", b"\x11\0\0\0\1"),
    ("response topic with hash", b"\x08" + binary("a/#")), ("unknown", b"\x7f\1"),
    ("receive maximum", b"\x21\0\1"), ("cut", b"\x18\0\0"),
]


@rows("5:3.1.2-9 5:3.3.2-14", WILL_PROPERTIES, on=(5,))
def bad_properties(t, raw):
    c = t.raw()
    c.send(wire.connect(5, t.id(), will=Will(t.topic(), b"x", props=raw)))
    c.expect_connect_refused(0x81, 0x82, 0x90)
