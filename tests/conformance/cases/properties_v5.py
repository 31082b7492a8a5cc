# SPDX-License-Identifier: Apache-2.0
"""Properties: not allowed here, given twice, of a wrong value."""

from harness import wire
from harness.case import case, require, rows
from harness.properties import BY_NAME, REPEATABLE, SAMPLE, TABLE, binary, encode, one

V5 = (5,)

SENT_BY_CLIENTS = {
    "PUBLISH": lambda t, raw: wire.publish(5, t.topic(), "x", 1, packet_id=1, props=raw),
    "PUBACK": lambda t, raw: wire.puback(5, 1, props=raw),
    "PUBREC": lambda t, raw: wire.pubrec(5, 1, props=raw),
    "PUBREL": lambda t, raw: wire.pubrel(5, 1, props=raw),
    "PUBCOMP": lambda t, raw: wire.pubcomp(5, 1, props=raw),
    "SUBSCRIBE": lambda t, raw: wire.subscribe(5, 1, [(t.topic(), 0)], raw),
    "UNSUBSCRIBE": lambda t, raw: wire.unsubscribe(5, 1, [t.topic()], raw),
    "DISCONNECT": lambda t, raw: wire.disconnect(5, 0, raw),
}


def _forbidden():
    for packet in SENT_BY_CLIENTS:
        for prop in TABLE:
            if packet not in prop.packets:
                yield f"{prop.name} in {packet}", packet, one(prop.name, SAMPLE[prop.kind])


@rows("5:2.2.2-1 5:4.13.1-1", list(_forbidden()), on=V5)
def not_allowed_here(t, packet, raw):
    c = t.connect()
    c.send(SENT_BY_CLIENTS[packet](t, raw))
    c.expect_refused(0x81, 0x82)


def _forbidden_in_connect():
    for prop in TABLE:
        if "CONNECT" not in prop.packets:
            yield prop.name, one(prop.name, SAMPLE[prop.kind])


@rows("5:3.1.4-1", list(_forbidden_in_connect()), on=V5)
def not_allowed_in_connect(t, raw):
    c = t.raw()
    c.send(wire.connect(5, t.id(), props=raw))
    c.expect_connect_refused(0x81, 0x82)


def _twice():
    for packet in SENT_BY_CLIENTS:
        for prop in TABLE:
            if packet in prop.packets and (prop.name, packet) not in REPEATABLE:
                # Server Reference is the server's; in a client's packet once is too often.
                yield f"{prop.name} in {packet}", packet, one(prop.name, SAMPLE[prop.kind]) * 2


@rows("5:4.13.1-1", list(_twice()), on=V5)
def given_twice(t, packet, raw):
    c = t.connect()
    c.send(SENT_BY_CLIENTS[packet](t, raw))
    c.expect_refused(0x81, 0x82)


def _twice_in_connect():
    for prop in TABLE:
        if "CONNECT" in prop.packets and prop.name != "user":
            head = one("auth_method", "m") if prop.name == "auth_data" else b""
            yield prop.name, head + one(prop.name, SAMPLE[prop.kind]) * 2


@rows("5:3.1.4-1", list(_twice_in_connect()), on=V5)
def given_twice_in_connect(t, raw):
    c = t.raw()
    c.send(wire.connect(5, t.id(), props=raw))
    c.expect_connect_refused(0x81, 0x82)


WRONG_IN_CONNECT = [
    ("receive maximum 0", one("receive_maximum", 0)),
    ("maximum packet size 0", one("maximum_packet_size", 0)),
    ("request problem 2", one("request_problem", 2)),
    ("request response 2", one("request_response", 2)),
    ("request problem 255", one("request_problem", 255)),
    ("data without method", one("auth_data", b"x")),
    ("cut u32", b"\x11\0\0"), ("cut u16", b"\x21\0"), ("cut string", b"\x15\0\5a"),
    ("cut pair", b"\x26\0\1a\0\2b"), ("id only", b"\x11"), ("overlong id", b"\x91\x00\0\0\0\1"),
]


@rows("5:3.1.4-1 5:4.13.1-1", WRONG_IN_CONNECT, on=V5)
def wrong_value_in_connect(t, raw):
    c = t.raw()
    c.send(wire.connect(5, t.id(), props=raw))
    c.expect_connect_refused(0x81, 0x82)


WRONG = [
    ("payload format 2", "PUBLISH", one("payload_format", 2)),
    ("payload format 255", "PUBLISH", one("payload_format", 255)),
    ("response topic with hash", "PUBLISH", one("response_topic", "a/#")),
    ("response topic with plus", "PUBLISH", one("response_topic", "+")),
    ("subscription id 0", "SUBSCRIBE", one("subscription_id", 0)),
    ("cut user property", "PUBLISH", b"\x26\0\1a"),
    ("cut correlation data", "PUBLISH", b"\x09\0\5a"),
    ("cut message expiry", "PUBLISH", b"\x02\0\0"),
    ("server reference", "DISCONNECT", one("server_reference", "s")),
]


@rows("5:4.13.1-1 5:3.3.2-14", WRONG, on=V5)
def wrong_value(t, packet, raw):
    c = t.connect()
    c.send(SENT_BY_CLIENTS[packet](t, raw))
    c.expect_refused(0x81, 0x82, 0x90)


@case("5:3.3.4-6")
def subscription_id_from_a_client(t):
    c = t.connect()
    c.send(wire.publish(5, t.topic(), "x", props={"subscription_id": 1}))
    c.expect_refused(0x82, 0x81)


ALLOWED = [
    ("all of connect", {"session_expiry": 0xFFFFFFFF, "receive_maximum": 65535,
                        "request_problem": 1,
                        "maximum_packet_size": 0xFFFFFFFF, "topic_alias_maximum": 65535,
                        "request_response": 1, "user": [("a", "b"), ("a", "b")]}),
    ("zeros", {"session_expiry": 0, "request_problem": 0, "request_response": 0,
               "topic_alias_maximum": 0}),
    ("smallest receive maximum", {"receive_maximum": 1}),
    ("fifty user properties", {"user": [(f"k{n}", "v" * n) for n in range(50)]}),
]


@rows("5:3.1.4-5", ALLOWED, on=V5)
def allowed_in_connect(t, props):
    t.connect(props=props).expect_nothing()


@case("5:2.2.2-1")
def order_of_properties_does_not_matter(t):
    names = ["user", "session_expiry", "receive_maximum", "topic_alias_maximum"]
    for ordered in (names, names[::-1]):
        raw = b"".join(one(n, SAMPLE[BY_NAME[n].kind]) for n in ordered)
        c = t.raw()
        c.send(wire.connect(5, t.id(), props=raw))
        c.expect("CONNACK", code=0)
        c.send(wire.disconnect(5, 0, {"session_expiry": 0}))
        c.expect_closed()


PASSED_ON = [
    ("payload format 0", {"payload_format": 0}), ("payload format 1", {"payload_format": 1}),
    ("content type", {"content_type": "text/plain; é"}),
    ("empty content type", {"content_type": ""}),
    ("response topic", {"response_topic": "a/b"}),
    ("correlation data", {"correlation_data": b"\0\xff"}),
    ("empty correlation data", {"correlation_data": b""}),
    ("user properties in order",
     {"user": [("b", "2"), ("a", "1"), ("b", "0"), ("", ""), ("b", "2")]}),
    ("long user property", {"user": [("k" * 65535, "v" * 65535)]}),
    ("all", {"payload_format": 1, "content_type": "c", "response_topic": "r",
             "correlation_data": b"c" * 300, "user": [("a", "b")]}),
]


@rows("5:3.3.2-4 5:3.3.2-15 5:3.3.2-16 5:3.3.2-17 5:3.3.2-18 5:3.3.2-20 5:2.2.2-1", PASSED_ON,
      on=V5)
def passed_on_unaltered(t, props):
    sub, pub = t.connect(), t.connect()
    sub.subscribe(t.topic(), 1)
    pub.publish(t.topic(), "x", 1, props=props)
    sub.expect_message(t.topic(), "x", 1, props=props)


@case("5:3.3.2-17")
def older_clients_get_the_message_without_properties(t):
    sub, pub = t.connect(v=4), t.connect()
    sub.subscribe(t.topic(), 1)
    pub.publish(t.topic(), "x", 1, props={"user": [("a", "b")], "payload_format": 1})
    sub.expect_message(t.topic(), "x", 1)


@case("5:3.3.2-4")
def messages_of_older_clients_have_none(t):
    sub, pub = t.connect(), t.connect(v=4)
    sub.subscribe(t.topic(), 1)
    pub.publish(t.topic(), "x", 1)
    sub.expect_message(t.topic(), "x", 1, props={})


@case("5:3.1.2-28")
def response_information_only_when_asked(t):
    for asked in (None, 0):
        props = {} if asked is None else {"request_response": asked}
        c = t.connect(props=props)
        require("response_info" not in c.connack.props, "response information was not asked for")
    t.connect(props={"request_response": 1}).expect_nothing()


@case("5:3.1.2-29")
def request_problem_information_0(t):
    """No reason string and no user property in an acknowledgement."""
    c = t.connect(props={"request_problem": 0})
    c.send(wire.subscribe(5, 1, [("$share/g", 0)]))
    packet = c.receive()
    if packet.kind == "SUBACK":
        require(not packet.props, f"got {packet}")
    for kind, answer in ((5, "PUBREL"), (6, "PUBCOMP")):
        c = t.connect(props={"request_problem": 0})
        c.send(wire.ack(5, kind, 999))
        packet = c.expect(answer)
        require(not packet.props, f"got {packet}")


@case("5:4.12.0-1 5:4.13.2-1")
def unknown_authentication_method(t):
    for data in ({}, {"auth_data": b"x"}):
        c = t.raw()
        c.send(wire.connect(5, t.id(), props=dict(auth_method="NO-SUCH-1", **data)))
        c.expect_connect_refused(0x8C, silent=False)


@rows("5:4.12.0-7 5:3.15.2-1 5:4.12.1-2",
      [("empty", None, None), ("0x18", 0x18, {"auth_method": "m"}),
       ("0x19", 0x19, {"auth_method": "m"}), ("0x18 without method", 0x18, {}),
       ("unknown code", 0x42, {"auth_method": "m"})], on=V5)
def auth_without_a_method_in_connect(t, code, props):
    c = t.connect()
    c.send(wire.auth(code, props))
    c.expect_refused(0x82, 0x81, 0x8C)


@case("5:3.1.2-30 5:3.1.4-6")
def packets_before_connack_of_an_enhanced_authentication(t):
    c = t.raw()
    c.send(wire.connect(5, t.id(), props={"auth_method": "NO-SUCH"}), wire.pingreq())
    c.expect_connect_refused(0x8C, silent=False)


@case("5:2.2.2-1")
def property_length_beyond_the_packet(t):
    c = t.connect()
    c.send(wire.packet(3, 0, binary(t.topic()) + b"\x7f" + encode({})))
    c.expect_refused(0x81)
