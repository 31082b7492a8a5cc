# SPDX-License-Identifier: Apache-2.0
"""Shared subscriptions. The filter is of 5.0; its group is open to older versions too."""

import time

from harness import wire
from harness.case import case, require, rows
from harness.client import PATIENCE_S

V5 = (5,)

BAD = [("no filter", "$share/g"), ("empty filter", "$share/g/"), ("empty name", "$share//a"),
       ("nothing", "$share/"), ("plus in the name", "$share/g+/a"), ("only plus", "$share/+/a"),
       ("hash in the name", "$share/g#/a"), ("hash as name", "$share/#"),
       ("bad filter behind", "$share/g/a#"), ("bad plus behind", "$share/g/+a/b")]


@rows("5:4.8.2-1 5:4.8.2-2", BAD, on=V5)
def bad_shared_filter(t, text):
    c = t.connect()
    c.send(wire.subscribe(5, 1, [(text, 0)]))
    packet = c.receive()
    require(packet is not None, "closed without a reason")
    if packet.kind == "SUBACK":
        require(packet.codes == [0x8F], f"got {packet}")
    else:
        require(packet.kind == "DISCONNECT" and packet.code in (0x81, 0x82, 0x8F), f"got {packet}")


@case("5:3.8.3-4")
def no_local_on_a_shared_subscription(t):
    c = t.connect()
    c.send(wire.subscribe(5, 1, [(f"$share/g/{t.topic()}", wire.options(no_local=1))]))
    c.expect_refused(0x82)


@rows("5:4.8.2-1 5:3.8.4-1", [("plain", "a"), ("plus", "+"), ("hash", "#"), ("slash", "/a"),
                             ("name with spaces", "a b")], on=V5)
def shared_filter_is_matched(t, pattern):
    group = "my group" if " " in pattern else "g"
    sub, pub = t.connect(), t.connect()
    sub.subscribe(f"$share/{group}/{t.topic(pattern)}", 1)
    topic = t.topic({"+": "x", "#": "x/y"}.get(pattern, pattern))
    pub.publish(topic, "x", 1)
    sub.expect_message(topic, "x", 1)


def _group(t, count, pattern, qos=1, **more):
    members = [t.connect(**more) for _ in range(count)]
    for member in members:
        member.subscribe(f"$share/{t.prefix}/{pattern}", qos)
    return members


def _drain(t, members, pub):
    """Everything that has reached the members by now."""
    got = {}
    for member in members:
        end = f"{t.prefix}-end-{member.client_id}"
        member.subscribe(end)
        pub.publish(end, "")
        got[member] = member.collect(end)
    return got


def _gather(members, count):
    """The numbers of `count` messages, whichever member they come to."""
    numbers = []
    deadline = time.monotonic() + PATIENCE_S
    while len(numbers) < count and time.monotonic() < deadline:
        for member in members:
            if member.is_readable(0.01):
                packet = member.expect("PUBLISH")
                member.acknowledge(packet)
                numbers.append(int(packet.payload))
    return sorted(numbers)


@case("5:4.8.2-3 5:4.8.2-1")
def each_message_goes_to_one_member(t):
    members, pub = _group(t, 3, t.topic()), t.connect()
    for n in range(60):
        pub.publish(t.topic(), str(n), 1)
    got = _drain(t, members, pub)
    texts = sorted(int(m.payload) for messages in got.values() for m in messages)
    require(texts == list(range(60)), f"{len(texts)} messages: {texts[:80]}")
    counts = [len(messages) for messages in got.values()]
    require(min(counts) > 0, f"one member got nothing: {counts}")


@case("5:4.8.2-1")
def two_groups_get_it_both(t):
    one, two, alone, pub = t.connect(), t.connect(), t.connect(), t.connect()
    one.subscribe(f"$share/{t.prefix}x/{t.topic()}", 1)
    two.subscribe(f"$share/{t.prefix}y/{t.topic()}", 1)
    alone.subscribe(t.topic(), 1)
    pub.publish(t.topic(), "x", 1)
    for c in (one, two, alone):
        c.expect_message(t.topic(), "x", 1)


@case("5:4.8.2-1")
def shared_and_own_subscription_of_one_client(t):
    """Two subscriptions: the shared one delivers beside the other."""
    c, pub = t.connect(), t.connect()
    c.subscribe(f"$share/{t.prefix}/{t.topic()}", 0, props={"subscription_id": 1})
    c.subscribe(t.topic(), 0, props={"subscription_id": 2})
    pub.publish(t.topic(), "x", 1)
    ids = []
    while len(ids) < 2:
        ids += c.expect("PUBLISH", topic=t.topic(), payload=b"x").props["subscription_id"]
    require(sorted(ids) == [1, 2], f"got {ids}")
    t.only(c, pub)


@case("5:3.3.1-9 5:4.8.2-1")
def no_retained_messages_to_a_shared_subscription(t):
    pub, sub = t.connect(), t.connect()
    pub.publish(t.topic(), "kept", 1, retain=1)
    for rh in (0, 1):
        sub.subscribe(f"$share/{t.prefix}{rh}/{t.topic()}", 1, rh=rh)
    t.only(sub, pub)
    pub.publish(t.topic(), "", 1, retain=1)


@case("5:4.8.2-3")
def granted_qos_of_the_member_counts(t):
    pub = t.connect()
    for qos in (0, 1, 2):
        member = _group(t, 1, t.topic(str(qos)), qos)[0]
        pub.publish(t.topic(str(qos)), "x", 2)
        member.expect_message(t.topic(str(qos)), "x", qos)


@case("5:4.8.2-4")
def unacknowledged_message_waits_for_its_lasting_member(t):
    """A member that lost its connection gets it when it is back."""
    one = t.session(t.id("one"))
    one.subscribe(f"$share/{t.prefix}/{t.topic()}", 1)
    pub = t.connect()
    pub.publish(t.topic(), "x", 1)
    one.expect_publish(t.topic(), "x", 1)
    one.cut()
    one = t.session(t.id("one"), present=1)
    one.expect_message(t.topic(), "x", 1, dup=1)


@case("5:4.8.2-4")
def connected_members_are_preferred(t):
    away = t.session(t.id("away"))
    away.subscribe(f"$share/{t.prefix}/{t.topic()}", 1)
    away.disconnect()
    here, pub = _group(t, 1, t.topic())[0], t.connect()
    for n in range(10):
        pub.publish(t.topic(), str(n), 1)
        here.expect_message(t.topic(), str(n), 1)


@case("5:4.8.2-4")
def a_group_of_absent_members_keeps_the_message(t):
    away = t.session(t.id("away"))
    away.subscribe(f"$share/{t.prefix}/{t.topic()}", 1)
    away.disconnect()
    t.connect().publish(t.topic(), "x", 1)
    away = t.session(t.id("away"), present=1)
    away.expect_message(t.topic(), "x", 1)


@case("5:4.8.2-3")
def a_member_that_leaves_hands_on_what_it_did_not_acknowledge(t):
    """Its session ends: unsent and unacknowledged QoS 1 messages reach the others."""
    leaving, pub = _group(t, 1, t.topic())[0], t.connect()
    for n in range(3):
        pub.publish(t.topic(), str(n), 1)
        leaving.expect_publish(t.topic(), str(n), 1)
    staying = _group(t, 1, t.topic())[0]
    leaving.cut()
    for n in range(3):
        packet = staying.expect("PUBLISH", topic=t.topic(), payload=str(n).encode())
        staying.acknowledge(packet)


@case("5:4.8.2-5")
def what_qos_2_has_started_is_not_handed_on(t):
    leaving, pub = _group(t, 1, t.topic(), 2)[0], t.connect()
    pub.publish(t.topic(), "x", 2)
    leaving.expect_publish(t.topic(), "x", 2)
    staying = _group(t, 1, t.topic(), 2)[0]
    leaving.cut()
    staying.expect_quiet(0.3)
    t.only(staying, pub)


@case("5:4.8.2-4")
def what_qos_2_has_started_waits_for_its_member(t):
    one = t.session(t.id("one"))
    one.subscribe(f"$share/{t.prefix}/{t.topic()}", 2)
    pub = t.connect()
    pub.publish(t.topic(), "x", 2)
    packet_id = one.expect_publish(t.topic(), "x", 2).packet_id
    one.cut()
    two = _group(t, 1, t.topic(), 2)[0]
    one = t.session(t.id("one"), present=1)
    one.expect_message(t.topic(), "x", 2, dup=1, packet_id=packet_id)
    t.only(two, pub)


@case("5:4.8.2-6 5:4.4.0-2")
def refused_by_its_member(t):
    one, two = _group(t, 2, t.topic())
    pub = t.connect()
    pub.publish(t.topic(), "x", 1)
    pub.publish(t.topic(), "y", 1)
    packets = []
    for member in (one, two):
        while True:
            member.send(wire.pingreq())
            packet = member.receive()
            if packet.kind != "PUBLISH":
                break
            packets.append(packet)
            member.send(wire.puback(5, packet.packet_id, code=0x80))
            member.expect("PINGRESP")
    got = _drain(t, (one, two), pub)
    require(len(packets) + sum(len(m) for m in got.values()) == 2, f"got {packets} and {got}")


@case("5:3.10.4-1")
def unsubscribe_leaves_the_group(t):
    one, two = _group(t, 2, t.topic())
    pub = t.connect()
    one.unsubscribe(f"$share/{t.prefix}/{t.topic()}")
    one.unsubscribe(f"$share/{t.prefix}/{t.topic()}", 0x11)
    for n in range(10):
        pub.publish(t.topic(), str(n), 1)
        two.expect_message(t.topic(), str(n), 1)
    t.only(one, pub)


@case("5:4.8.2-1", on=(5,))
def older_clients_may_join(t):
    old, pub = t.connect(v=4), t.connect()
    old.subscribe(f"$share/{t.prefix}/{t.topic()}", 1)
    pub.publish(t.topic(), "x", 1)
    old.expect_message(t.topic(), "x", 1)


@case("5:4.7.2-1")
def share_is_no_topic(t):
    """A message to $share/... is not one to the group."""
    sub, pub = _group(t, 1, t.topic())[0], t.connect()
    pub.send(wire.publish(5, f"$share/{t.prefix}/{t.topic()}", "x"))
    t.only(sub, t.connect())


@case("5:4.8.2-3 5:3.3.4-9")
def a_full_member_does_not_stop_the_group(t):
    """What one member's window doesn't take goes to the others, or waits: nothing is lost."""
    slow = t.connect(props={"receive_maximum": 1})
    slow.subscribe(f"$share/{t.prefix}/{t.topic()}", 1)
    fast = _group(t, 1, t.topic())[0]
    pub = t.connect()
    for n in range(20):
        pub.publish(t.topic(), str(n), 1)
    texts = _gather((fast, slow), 20)
    require(set(texts) == set(range(20)), f"got {texts}")
