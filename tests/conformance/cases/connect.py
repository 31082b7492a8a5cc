# SPDX-License-Identifier: Apache-2.0
"""CONNECT and CONNACK: names, levels, flags and fields."""

from harness import wire
from harness.case import case, require, rows
from harness.properties import binary, encode
from harness.wire import Will

ALL = (3, 4, 5)

FIRST = [
    ("connack", b"\x20\x02\x00\x00"), ("publish", b"\x30\x05\x00\x01a\x00b"),
    ("puback", b"\x40\x02\x00\x01"), ("pubrec", b"\x50\x02\x00\x01"),
    ("pubrel", b"\x62\x02\x00\x01"), ("pubcomp", b"\x70\x02\x00\x01"),
    ("subscribe", b"\x82\x06\x00\x01\x00\x01a\x00"), ("suback", b"\x90\x03\x00\x01\x00"),
    ("unsubscribe", b"\xa2\x05\x00\x01\x00\x01a"), ("unsuback", b"\xb0\x02\x00\x01"),
    ("pingreq", b"\xc0\x00"), ("pingresp", b"\xd0\x00"), ("disconnect", b"\xe0\x00"),
    ("auth", b"\xf0\x00"), ("type 0", b"\x00\x00"), ("http", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
]


@rows("4:3.1.0-1 5:3.1.0-1 5:3.14.0-1", FIRST, on=(4, 5))
def first_packet_is_connect(t, raw):
    c = t.raw()
    c.send(raw)
    c.expect_closed()


@case("4:3.1.0-2 5:3.1.0-2", on=ALL)
def second_connect_ends_the_connection(t):
    c = t.connect()
    c.send(wire.connect(t.v, c.client_id))
    c.expect_refused(0x82)


@case("4:3.1.4-4 4:3.2.0-1 4:3.2.2-3", on=(3, 4))
def connack_is_exact(t):
    c = t.connect(t.id())
    require(c.connack.raw == b"\x20\x02\x00\x00", f"CONNACK is {c.connack.raw.hex(' ')}")


@case("5:3.1.4-5 5:3.2.0-1 5:3.2.0-2 5:3.2.2-1 5:3.2.2-3 5:4.12.0-6")
def connack_of_v5_has_properties_it_may_have(t):
    c = t.connect()
    props = c.connack.props
    require("assigned_client_id" not in props, "an id was assigned beside a given one")
    require("auth_method" not in props, "authentication method without one in CONNECT")
    require("response_info" not in props, "response information was not asked for")
    require(props.get("receive_maximum", 1) > 0, "receive maximum 0")
    require(props.get("maximum_packet_size", 1) > 0, "maximum packet size 0")
    require(props.get("maximum_qos", 1) in (0, 1), "maximum QoS is 0 or 1")
    c.expect_nothing()


NAMES = [
    ("lower case", "mqtt", 4), ("unknown", "MQTX", 4), ("longer", "MQTTT", 4), ("empty", "", 4),
    ("shorter", "MQT", 4), ("old name, lower case", "mqisdp", 3), ("HTTP", "HTTP", 4),
    ("bridge of 3.1 in small", "mqIsdp", 3),
]


@rows("4:3.1.2-1 5:3.1.2-1", NAMES, on=(4, 5))
def wrong_protocol_name(t, name, level):
    c = t.raw()
    c.send(wire.connect(t.v, t.id(), name=name, level=level if t.v == 4 else 5))
    c.expect_connect_refused(0x01, 0x84)


LEVELS = [(str(level), level) for level in (0, 1, 2, 6, 7, 127, 255)]


@rows("4:3.1.2-2 5:3.1.2-2", LEVELS, on=(4, 5))
def unknown_level_is_answered_in_its_form(t, level):
    c = t.raw()
    c.send(wire.connect(t.v, t.id(), level=level))
    packet = c.expect("CONNACK", session_present=0)
    # A newer level is a newer client: it reads the form of 5.0. An older one reads a return code.
    allowed = (0x01,) if level < 5 else (0x84,) if packet.v5_form else (0x01,)
    require(packet.code in allowed, f"CONNACK code 0x{packet.code:02x}")
    c.expect_closed()


@rows("4:3.1.2-2", [("MQTT with 3", "MQTT", 3), ("MQIsdp with 4", "MQIsdp", 4),
                    ("MQIsdp with 5", "MQIsdp", 5)], on=(4,))
def name_and_level_of_different_versions(t, name, level):
    c = t.raw()
    c.send(wire.connect(4, t.id(), name=name, level=level))
    c.expect_connect_refused(0x01, 0x84)


@rows("4:3.1.2-3 4:3.1.4-1 5:3.1.2-3 5:3.1.4-1",
      [("plain", 0x03), ("persistent", 0x01), ("with user name", 0x83)], on=(4, 5))
def reserved_connect_flag(t, flags):
    c = t.raw()
    c.send(wire.connect(t.v, t.id(), flags=flags, username="u" if flags & 0x80 else None))
    c.expect_connect_refused(*((0x81, 0x82) if t.v == 5 else ()))


WILL_FLAGS = [
    ("qos 1 without will", 0x02 | 0x08, None),
    ("qos 2 without will", 0x02 | 0x10, None),
    ("qos 3 without will", 0x02 | 0x18, None),
    ("retain without will", 0x02 | 0x20, None),
    ("qos 3 with will", 0x02 | 0x04 | 0x18, Will("w", b"x")),
]


@rows("4:3.1.2-11 4:3.1.2-13 4:3.1.2-14 4:3.1.2-15 5:3.1.2-11 5:3.1.2-12 5:3.1.2-13",
      WILL_FLAGS, on=(4, 5))
def will_flags(t, flags, will):
    c = t.raw()
    c.send(wire.connect(t.v, t.id(), flags=flags, will=will))
    c.expect_connect_refused(*((0x81, 0x82) if t.v == 5 else ()))


def _body(v, flags, *fields):
    head = binary(wire.NAMES[v]) + bytes([v, flags]) + b"\0\x3c" + (encode({}) if v == 5 else b"")
    return wire.packet(1, 0, head + b"".join(fields))


def _will_head(v):
    return encode({}) if v == 5 else b""


MISSING = [
    ("no client id", 0x02, lambda v: ()),
    ("client id cut", 0x02, lambda v: (b"\0\5ab",)),
    ("will flag, no will", 0x06, lambda v: (binary("m"),)),
    ("will flag, no payload", 0x06, lambda v: (binary("m"), _will_head(v), binary("w"))),
    ("will payload cut", 0x06, lambda v: (binary("m"), _will_head(v), binary("w"), b"\0\4ab")),
    ("user flag, no user", 0x82, lambda v: (binary("m"),)),
    ("user and password flags, no password", 0xC2, lambda v: (binary("m"), binary("u"))),
    ("password cut", 0xC2, lambda v: (binary("m"), binary("u"), b"\0\4ab")),
    ("user without its flag", 0x02, lambda v: (binary("m"), binary("u"))),
    ("password without its flag", 0x82, lambda v: (binary("m"), binary("u"), binary("p"))),
    ("will without its flag", 0x02, lambda v: (binary("m"), binary("w"), binary("x"))),
    ("one byte too many", 0x02, lambda v: (binary("m"), b"\0")),
]


@rows("4:3.1.2-9 4:3.1.2-18 4:3.1.2-19 4:3.1.2-20 4:3.1.2-21 4:3.1.3-1 4:3.1.3-3 4:3.1.4-1 "
      "5:3.1.2-9 5:3.1.2-16 5:3.1.2-17 5:3.1.2-18 5:3.1.2-19 5:3.1.3-1 5:3.1.3-3 5:3.1.4-1",
      MISSING, on=(4, 5))
def fields_and_flags_disagree(t, flags, fields):
    c = t.raw()
    c.send(_body(t.v, flags, *fields(t.v)))
    c.expect_connect_refused(*((0x81, 0x82) if t.v == 5 else ()))


@rows("4:3.1.4-1 5:3.1.4-1", [("name only", b"\x10\x06\0\4MQTT"), ("empty", b"\x10\0"),
                             ("name cut", b"\x10\x04\0\4MQ"), ("no flags", b"\x10\x07\0\4MQTT\4"),
                             ("no keep alive", b"\x10\x08\0\4MQTT\4\2")], on=(4,))
def connect_ends_early(t, raw):
    c = t.raw()
    c.send(raw)
    c.expect_connect_refused(0x81)


@rows("4:2.2.2-2 5:2.1.3-1", [(str(flags), flags) for flags in (1, 2, 4, 8, 15)], on=(4, 5))
def fixed_header_flags_of_connect(t, flags):
    c = t.raw()
    c.send(wire.connect(t.v, t.id(), header=flags))
    c.expect_connect_refused(*((0x81, 0x82) if t.v == 5 else ()))


@case("4:3.1.2-22", on=(3, 4))
def password_needs_a_user_name(t):
    c = t.raw()
    c.send(wire.connect(t.v, t.id(), password="p"))
    c.expect_connect_refused()


@case("5:3.1.2-19")
def password_without_a_user_name(t):
    t.connect(password="p").expect_nothing()


@rows("4:3.1.2-19 4:3.1.2-21 5:3.1.2-17 5:3.1.2-19",
      [("user only", "u", None), ("both", "u", "p"), ("empty user", "", None),
       ("empty password", "u", ""), ("binary password", "u", b"\xff\x00\xfe"),
       ("long password", "u", b"p" * 65535)], on=ALL)
def user_name_and_password(t, username, password):
    t.connect(username=username, password=password).expect_nothing()


@case("4:3.1.2-6 4:3.2.2-1 5:3.1.2-4 5:3.2.2-2", on=ALL)
def clean_start_discards_the_session(t):
    t.session(t.id()).disconnect()
    t.connect(t.id(), present=0).disconnect()
    t.session(t.id(), present=0)


@case("4:3.1.2-4 4:3.2.2-2 5:3.1.2-5 5:3.1.2-6 5:3.2.2-3", on=(4, 5))
def session_present_is_exact(t):
    t.session(t.id(), present=0).disconnect()
    t.session(t.id(), present=1).disconnect()
    t.session(t.id(), present=1)


@case("4:3.1.2-4", on=(3,))
def reserved_byte_of_connack_in_31(t):
    t.session(t.id(), present=0).disconnect()
    t.session(t.id(), present=0).expect_nothing()


@case("4:3.1.4-5", on=(3, 4))
def nothing_after_a_refused_connect_is_processed(t):
    sub = t.connect()
    sub.subscribe(t.topic())
    c = t.raw()
    c.send(wire.connect(4, t.id("x"), level=2), wire.publish(4, t.topic(), "no"))
    c.expect("CONNACK", code=1)
    c.expect_closed()
    t.only(sub, t.connect())


@case("5:3.1.4-6 5:3.1.4-2 5:4.12.0-1 5:4.13.2-1 5:3.2.2-6 5:3.2.2-7 5:3.2.2-8")
def nothing_after_a_refused_connect_of_v5_is_processed(t):
    sub = t.connect()
    sub.subscribe(t.topic())
    c = t.raw()
    c.send(wire.connect(5, t.id("x"), props={"auth_method": "no such"}),
           wire.publish(5, t.topic(), "no"))
    c.expect_connect_refused(0x8C, silent=False)
    t.only(sub, t.connect())


@case("4:4.2.0-1 4:3.1.0-1 5:4.2-1 5:3.1.0-1", on=ALL)
def everything_pipelined_behind_connect(t):
    c = t.raw()
    topic = t.topic()
    c.send(wire.connect(t.v, c.client_id), wire.subscribe(t.v, 1, [(topic, 1)]),
           wire.publish(t.v, topic, "one", 1, packet_id=2), wire.pingreq())
    c.expect("CONNACK", code=0)
    c.expect("SUBACK", packet_id=1, codes=[1])
    kinds = sorted(c.receive().kind for _ in range(3))
    require(kinds == ["PINGRESP", "PUBACK", "PUBLISH"], f"got {kinds}")


@case("4:4.2.0-1 5:4.2-1", on=ALL)
def one_byte_a_write(t):
    c = t.raw()
    topic = t.topic()
    c.send_slowly(wire.connect(t.v, c.client_id, will=Will(topic, b"w")))
    c.expect("CONNACK", code=0)
    c.send_slowly(wire.subscribe(t.v, 1, [(topic, 0)]))
    c.expect("SUBACK", packet_id=1, codes=[0])
    c.send_slowly(wire.publish(t.v, topic, "slow", 0))
    c.expect_publish(topic, "slow")
    c.send_slowly(wire.pingreq())
    c.expect("PINGRESP")
