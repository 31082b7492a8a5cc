# SPDX-License-Identifier: Apache-2.0
"""mosquitto's bridge bit: protocol levels 0x83 and 0x84."""

from harness import wire
from harness.case import case, rows

OLD = (3, 4)


def _bridge(t, client_id=None, present=0, **more):
    c = t.raw(client_id=client_id)
    c.send(wire.connect(t.v, c.client_id, level=0x80 | t.v, **more))
    c.expect("CONNACK", code=0, session_present=present)
    return c


@case("4:3.1.2-2", on=OLD)
def bridge_is_accepted(t):
    _bridge(t).expect_nothing()


@rows("4:3.3.1-9", [("0", 0), ("1", 1), ("2", 2)], on=OLD)
def own_messages_are_not_echoed(t, qos):
    bridge, other = _bridge(t), t.connect()
    bridge.subscribe(t.topic("#"), 2)
    bridge.publish(t.topic(), "own", qos)
    other.publish(t.topic(), "other", qos)
    bridge.expect_message(t.topic(), "other", qos)


@rows("4:3.3.1-9", [("0", 0), ("1", 1)], on=OLD)
def retain_flag_is_kept(t, retain):
    bridge, other = _bridge(t), t.connect()
    bridge.subscribe(t.topic(), 1)
    other.publish(t.topic(), "x", 1, retain=retain)
    bridge.expect_message(t.topic(), "x", 1, retain=retain)
    other.publish(t.topic(), "", 1, retain=1)


@case("4:3.3.1-8", on=OLD)
def bridge_gets_retained_messages(t):
    other = t.connect()
    other.publish(t.topic(), "kept", 1, retain=1)
    bridge = _bridge(t)
    bridge.subscribe(t.topic(), 1)
    bridge.expect_message(t.topic(), "kept", 1, retain=1)
    other.publish(t.topic(), "", 1, retain=1)


@case("4:3.1.2-4", on=(4,))
def bridge_has_a_session(t):
    bridge = _bridge(t, t.id("b"), clean=False)
    bridge.subscribe(t.topic(), 1)
    bridge.disconnect()
    t.connect().publish(t.topic(), "x", 1)
    bridge = _bridge(t, t.id("b"), 1, clean=False)
    bridge.expect_message(t.topic(), "x", 1)


@case("4:3.1.4-1", on=(4,))
def bridge_bit_is_not_of_5(t):
    c = t.raw(v=5)
    c.send(wire.connect(5, t.id(), level=0x85))
    packet = c.receive()
    if packet is not None and packet.code == 0:
        c.expect_nothing()
    elif packet is not None:
        c.expect_closed()
