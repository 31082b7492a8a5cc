# SPDX-License-Identifier: Apache-2.0
"""Receive Maximum and Maximum Packet Size, both ways."""

from harness import wire
from harness.case import Skip, case, require, rows
from harness.properties import varint

V5 = (5,)


def _fill(t, pub, count, qos):
    for n in range(count):
        pub.publish(t.topic(), str(n), qos)


@rows("5:3.3.4-9 5:4.9.0-1 5:4.9.0-2", [("1", 1), ("2", 2), ("10", 10)], on=V5)
def client_s_receive_maximum_qos_1(t, window):
    sub, pub = t.connect(props={"receive_maximum": window}), t.connect()
    sub.subscribe(t.topic(), 1)
    _fill(t, pub, window + 3, 1)
    packets = [sub.expect_publish(t.topic(), str(n), 1) for n in range(window)]
    sub.expect_nothing()
    for n in range(window, window + 3):
        sub.acknowledge(packets[n - window])
        packets.append(sub.expect_publish(t.topic(), str(n), 1))
        sub.expect_nothing()


@case("5:3.3.4-9 5:4.9.0-2")
def client_s_receive_maximum_qos_2(t):
    """A QoS 2 message holds its place until PUBCOMP."""
    sub, pub = t.connect(props={"receive_maximum": 1}), t.connect()
    sub.subscribe(t.topic(), 2)
    _fill(t, pub, 2, 2)
    first = sub.expect_publish(t.topic(), "0", 2).packet_id
    sub.send(wire.pubrec(5, first))
    sub.expect("PUBREL", packet_id=first)
    sub.expect_nothing()
    sub.send(wire.pubcomp(5, first))
    sub.expect_publish(t.topic(), "1", 2)


@case("5:3.3.4-9 5:4.9.0-2")
def pubrec_with_a_failure_gives_the_place_back(t):
    sub, pub = t.connect(props={"receive_maximum": 1}), t.connect()
    sub.subscribe(t.topic(), 2)
    _fill(t, pub, 2, 2)
    sub.send(wire.pubrec(5, sub.expect_publish(t.topic(), "0", 2).packet_id, code=0x97))
    sub.expect_publish(t.topic(), "1", 2)


@case("5:3.3.4-10 5:4.9.0-3")
def other_packets_pass_a_full_window(t):
    sub, pub = t.connect(props={"receive_maximum": 1}), t.connect()
    sub.subscribe(t.topic(), 1)
    _fill(t, pub, 3, 1)
    sub.expect_publish(t.topic(), "0", 1)
    sub.subscribe(t.topic("zero"), 0)
    pub.publish(t.topic("zero"), "passes")
    sub.expect_publish(t.topic("zero"), "passes")
    sub.unsubscribe(t.topic("zero"))
    sub.publish(t.topic("out"), "x", 2)
    sub.expect_nothing()


@case("5:3.3.4-9 5:4.4.0-1")
def receive_maximum_belongs_to_the_connection(t):
    sub, pub = t.session(t.id("s")), t.connect()
    sub.subscribe(t.topic(), 1)
    _fill(t, pub, 4, 1)
    for n in range(4):
        sub.expect_publish(t.topic(), str(n), 1)
    sub.abort()
    sub = t.session(t.id("s"), present=1, props={"receive_maximum": 2})
    first = sub.expect_publish(t.topic(), "0", 1, dup=1)
    sub.expect_publish(t.topic(), "1", 1, dup=1)
    sub.expect_nothing()
    sub.acknowledge(first)
    sub.expect_publish(t.topic(), "2", 1, dup=1)


def _server_window(c):
    window = c.connack.props.get("receive_maximum", 65535)
    if window > 5000:
        raise Skip(f"the server's Receive Maximum is {window}")
    return window


@case("5:3.3.4-7 5:4.9.0-2", needs="tight")
def server_s_receive_maximum_exceeded(t):
    c = t.connect()
    window = _server_window(c)
    for n in range(1, window + 1):
        c.send(wire.publish(5, t.topic(), "x", 2, packet_id=n))
        c.expect("PUBREC", packet_id=n)
    c.send(wire.publish(5, t.topic(), "x", 2, packet_id=window + 1))
    c.expect_refused(0x93)


@case("5:4.9.0-2")
def default_receive_maximum_exceeded(t):
    c = t.connect()
    window = _server_window(c)
    c.send(*(wire.publish(5, t.topic(), "x", 2, packet_id=n) for n in range(1, window + 1)))
    for n in range(1, window + 1):
        c.expect("PUBREC", packet_id=n)
    c.send(wire.publish(5, t.topic(), "x", 1, packet_id=window + 1))
    c.expect_refused(0x93)


@case("5:4.13.2-1 5:3.3.4-7", needs="tight")
def disconnect_reaches_a_client_that_goes_on_sending(t):
    """A gentle close: unread bytes must not turn it into a reset that eats the DISCONNECT."""
    c = t.connect()
    window = _server_window(c)
    flood = b"".join(wire.publish(5, t.topic(), b"f" * 1500, 2, packet_id=n) for n in range(1, 600))
    c.send(flood)
    answers = [c.receive() for _ in range(window + 1)]
    require([a.kind for a in answers] == ["PUBREC"] * window + ["DISCONNECT"], f"got {answers}")
    require(answers[-1].code == 0x93, f"got {answers[-1]}")


@case("5:3.3.4-7 5:4.9.0-2", needs="tight")
def server_s_window_is_given_back(t):
    c = t.connect()
    window = _server_window(c)
    for n in range(1, 3 * window):
        c.send(wire.publish(5, t.topic(), "x", 2, packet_id=n))
        c.expect("PUBREC", packet_id=n)
        if n >= window:
            c.send(wire.pubrel(5, n - window + 1))
            c.expect("PUBCOMP", packet_id=n - window + 1)
    for n in range(100, 110):
        c.send(wire.publish(5, t.topic(), "x", 0))
    c.expect_nothing()


@case("5:4.3.3-10 5:4.9.0-2", needs="tight")
def repeating_a_qos_2_publish_takes_no_second_place(t):
    c = t.connect()
    for n in range(3 * _server_window(c)):
        c.send(wire.publish(5, t.topic(), "x", 2, dup=1 if n else 0, packet_id=1))
        c.expect("PUBREC", packet_id=1)


@case("5:3.1.2-24 5:3.1.2-25")
def too_large_for_the_client(t):
    """Not sent, and its place in the window is not lost."""
    sub, pub = t.connect(props={"maximum_packet_size": 100, "receive_maximum": 1}), t.connect()
    sub.subscribe(t.topic(), 1)
    for n in range(5):
        pub.publish(t.topic(), "L" * 100, 1)
        pub.publish(t.topic(), f"small {n}", 1)
        sub.expect_message(t.topic(), f"small {n}", 1)


@rows("5:3.1.2-24", [("0", 0), ("1", 1), ("2", 2)], on=V5)
def exactly_as_large_as_the_client_takes(t, qos):
    topic = t.topic()
    # Fixed header 2, topic, packet id, property length 1, payload.
    size = 60
    fits = size - 2 - 2 - len(topic) - (2 if qos else 0) - 1
    sub, pub = t.connect(props={"maximum_packet_size": size}), t.connect()
    sub.subscribe(topic, qos)
    pub.publish(topic, "x" * (fits + 1), qos)
    pub.publish(topic, "y" * fits, qos)
    sub.expect_message(topic, "y" * fits, qos)


@case("5:3.1.2-25")
def too_large_in_the_queue(t):
    sub = t.session(t.id("s"))
    sub.subscribe(t.topic(), 1)
    sub.disconnect()
    pub = t.connect()
    pub.publish(t.topic(), "L" * 200, 1)
    pub.publish(t.topic(), "small", 1)
    sub = t.session(t.id("s"), present=1, props={"maximum_packet_size": 100})
    sub.expect_message(t.topic(), "small", 1)
    sub.expect_nothing()
    sub.disconnect()


@case("5:3.1.2-25")
def too_large_retained(t):
    pub, sub = t.connect(), t.connect(props={"maximum_packet_size": 100})
    pub.publish(t.topic("a"), "L" * 200, 1, retain=1)
    pub.publish(t.topic("b"), "small", 1, retain=1)
    sub.subscribe(t.topic("+"), 1)
    sub.expect_message(t.topic("b"), "small", 1, retain=1)
    sub.expect_nothing()
    for name in "ab":
        pub.publish(t.topic(name), "", 1, retain=1)


@case("5:3.2.2-19 5:3.2.2-20 5:3.4.2-2 5:3.4.2-3 5:3.9.2-1 5:3.9.2-2 5:3.1.2-24")
def answers_respect_a_small_maximum(t):
    c = t.connect(props={"maximum_packet_size": 50})
    c.send(wire.subscribe(5, 1, [(t.topic(), 1)]),
           wire.publish(5, t.topic("n"), "x", 1, packet_id=2))
    packets = [c.receive() for _ in range(2)]
    require(all(len(p.raw) <= 50 for p in packets), f"got {packets}")
    require(len(c.connack.raw) <= 50, f"CONNACK of {len(c.connack.raw)} bytes")


@case("5:3.2.2-15", needs="tight")
def too_large_for_the_server(t):
    c = t.connect()
    limit = c.connack.props["maximum_packet_size"]
    c.send(wire.publish(5, t.topic(), b"x" * limit))
    c.expect_refused(0x95)


@case("5:3.2.2-15", needs="tight")
def too_large_is_seen_from_the_header(t):
    """The length is looked at before anything else: the rest never comes."""
    c = t.connect()
    limit = c.connack.props["maximum_packet_size"]
    c.send(b"\x30" + varint(limit))
    c.expect_refused(0x95)


@case("5:3.2.2-15", needs="tight")
def exactly_as_large_as_the_server_takes(t):
    c = t.connect()
    limit = c.connack.props["maximum_packet_size"]
    empty = len(wire.publish(5, t.topic(), b"x" * 200)) - 200
    c.subscribe(t.topic())
    c.publish(t.topic(), b"x" * (limit - empty))
    c.expect_publish(t.topic(), b"x" * (limit - empty))


@case("5:3.2.2-15")
def default_maximum_is_seen_from_the_header(t):
    c = t.connect()
    limit = c.connack.props.get("maximum_packet_size", 268435460)
    if limit >= 268435460:
        raise Skip("the server takes any packet")
    c.send(b"\x30" + varint(limit))
    c.expect_refused(0x95)
