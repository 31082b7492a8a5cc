# SPDX-License-Identifier: Apache-2.0
"""The server's limits as clients of 3.1 and 3.1.1 meet them."""

from harness import wire
from harness.case import case, require, rows
from harness.properties import varint

OLD = (3, 4)


@case("4:4.8.0-1", on=OLD, needs="tight")
def too_large_for_the_server(t):
    c = t.connect()
    c.send(wire.publish(t.v, t.topic(), b"x" * 3000))
    c.expect_closed()


@case("4:4.8.0-1", on=OLD, needs="tight")
def too_large_is_seen_from_the_header(t):
    c = t.connect()
    c.send(b"\x30" + varint(100_000_000))
    c.expect_closed()


@case("4:3.1.4-1", on=(3, 4, 5), needs="tight")
def too_large_a_connect(t):
    c = t.raw()
    c.send(b"\x10" + varint(10_000_000))
    c.expect_connect_refused(0x95)


@rows("4:4.7.3-3 5:4.7.3-3", [("publish", 3), ("subscribe", 8)], on=(4, 5), needs="tight")
def more_levels_than_the_limit(t, kind):
    """The tight broker takes 8 levels."""
    topic = "/".join([t.prefix] * 9)
    c = t.connect()
    if kind == 3:
        c.send(wire.publish(t.v, topic, "x", 1, packet_id=1))
        packet = c.receive()
        refused = packet is None or packet.code >= 0x80
    else:
        c.send(wire.subscribe(t.v, 1, [(topic, 0)]))
        packet = c.receive()
        refused = packet is None or (packet.codes[0] if packet.kind == "SUBACK" else packet.code)
    require(refused, f"got {packet}")


@case("4:4.7.3-3 5:4.7.3-3", on=(4, 5), needs="tight")
def as_many_levels_as_the_limit(t):
    topic = "/".join([t.prefix] * 8)
    c = t.connect()
    c.subscribe(topic, 1)
    c.publish(topic, "x", 0)
    c.expect_publish(topic, "x")


@case("4:4.7.3-3 5:4.7.3-3", on=(4, 5))
def a_topic_of_thirty_thousand_levels(t):
    """Refused or taken: nobody else is disturbed."""
    other = t.connect()
    c = t.connect()
    c.send(wire.subscribe(t.v, 1, [("/" * 30000, 0)]), wire.publish(t.v, "/" * 65535, "x"))
    c.receive()
    other.expect_nothing()


@case("4:3.1.2-24", on=OLD, needs="tight", slow=8)
def keep_alive_cap_is_not_for_old_clients(t):
    """They can't be told of a Server Keep Alive: theirs stands. The tight broker caps at 5 s."""
    c = t.connect(keep_alive=60)
    c.expect_quiet(8)
    c.expect_nothing()


@case("4:2.3.1-4", on=OLD)
def more_messages_than_any_window(t):
    """3 000 unacknowledged messages: those beyond the window wait, none is lost."""
    sub, pub = t.connect(), t.connect()
    sub.subscribe(t.topic(), 1)
    pub.send(*(wire.publish(t.v, t.topic(), str(n), 1, packet_id=n + 1) for n in range(3000)))
    for n in range(3000):
        sub.expect_message(t.topic(), str(n), 1)
