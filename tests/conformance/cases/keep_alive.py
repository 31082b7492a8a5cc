# SPDX-License-Identifier: Apache-2.0
"""Keep alive: one and a half times, then the connection ends as if the network had failed."""

import time

from harness import wire
from harness.case import case, require
from harness.wire import Will

ALL = (3, 4, 5)


@case("4:3.1.2-24 5:3.1.2-22", on=ALL, slow=3)
def silence_ends_the_connection(t):
    c = t.connect(keep_alive=1)
    started = time.monotonic()
    c.expect_end()
    took = time.monotonic() - started
    require(1.4 <= took <= 3.5, f"closed after {took:.2f} s of 1.5")


@case("4:3.1.2-24 4:3.1.2-8 5:3.1.2-22 5:3.1.2-8", on=ALL, slow=3)
def will_of_a_link_that_vanished(t):
    """No FIN, no RST: the peer just says nothing any more."""
    sub = t.connect()
    sub.subscribe(t.topic(), 1)
    t.connect(keep_alive=1, will=Will(t.topic(), b"gone", 1))
    started = time.monotonic()
    sub.expect_message(t.topic(), "gone", 1)
    took = time.monotonic() - started
    require(1.4 <= took <= 3.5, f"will after {took:.2f} s of 1.5")


@case("4:3.1.2-23 5:3.1.2-20", on=ALL, slow=4)
def pings_keep_it(t):
    c = t.connect(keep_alive=1)
    for _ in range(4):
        c.expect_quiet(0.8)
        c.expect_nothing()


@case("4:3.1.2-24 5:3.1.2-22", on=ALL, slow=4)
def any_packet_keeps_it(t):
    c = t.connect(keep_alive=1)
    for n in range(4):
        c.expect_quiet(0.8)
        c.send(wire.publish(t.v, t.topic(), str(n)))
    c.expect_nothing()


@case("4:3.1.2-24 5:3.1.2-22", on=ALL, slow=4)
def what_the_server_sends_does_not_keep_it(t):
    c, pub = t.connect(keep_alive=1), t.connect()
    c.subscribe(t.topic())
    started = time.monotonic()
    while not c.closed and time.monotonic() - started < 6:
        pub.publish(t.topic(), "x")
        packet = c.receive()
        if packet is not None and packet.kind == "PUBLISH":
            pub.expect_nothing()
            c._read(time.monotonic() + 0.1)
    require(c.closed, "still open after 6 s without a packet from the client")


@case("4:3.1.2-24 5:3.1.2-22", on=ALL, slow=4)
def zero_means_never(t):
    c = t.connect(keep_alive=0)
    c.expect_quiet(4)
    c.expect_nothing()


@case("4:3.1.2-24 5:3.2.2-22", on=ALL)
def the_longest(t):
    c = t.connect(keep_alive=65535)
    if t.v == 5:
        require(c.connack.props.get("server_keep_alive", 65535) == 65535, f"got {c.connack}")
    c.expect_nothing()


@case("4:3.1.2-24 5:3.1.2-22", on=ALL, slow=3)
def half_a_packet_does_not_keep_it(t):
    """A started packet is not a packet: no way to hold a connection for ever."""
    c = t.connect(keep_alive=1)
    c.send(wire.publish(t.v, t.topic(), b"x" * 100)[:20])
    started = time.monotonic()
    c.expect_end()
    require(time.monotonic() - started <= 3.5, "kept open by half a packet")


@case("5:3.1.2-21 5:3.2.2-21", needs="tight", slow=10)
def server_keep_alive(t):
    """The tight broker caps at 5 s: it says so, and it is what counts."""
    for asked in (60, 0):
        c = t.connect(keep_alive=asked)
        require(c.connack.props.get("server_keep_alive") == 5, f"asked {asked}: {c.connack}")
    started = time.monotonic()
    c.expect_end()
    took = time.monotonic() - started
    require(6.5 <= took <= 9.9, f"closed after {took:.2f} s of 7.5")


@case("5:3.2.2-22", needs="tight")
def no_server_keep_alive_below_the_cap(t):
    c = t.connect(keep_alive=4)
    require("server_keep_alive" not in c.connack.props
            or c.connack.props["server_keep_alive"] == 4, f"got {c.connack}")


@case("4:3.1.0-1 5:3.1.0-1", on=(4,))
def a_connection_that_says_nothing_is_no_burden(t):
    """Before CONNECT there is no keep alive: the server may end it when it likes, silently."""
    c = t.raw()
    other = t.connect()
    other.expect_nothing()
    c.send(wire.connect(4, t.id("late"))[:5])
    other.expect_nothing()
    c.send(wire.connect(4, t.id("late"))[5:])
    c.expect("CONNACK", code=0)
