# SPDX-License-Identifier: Apache-2.0
"""Retained messages: stored, replaced, cleared, sent and flagged."""

import itertools

from harness import wire
from harness.case import case, require, rows

ALL = (3, 4, 5)


def _put(t, pub, payload, qos):
    """A retained message that has arrived everywhere. QoS 0 says nothing: somebody watches, and
    an acknowledged message goes the same way behind it."""
    watcher = t.connect()
    watcher.subscribe(t.topic(), 0, **({"rh": 2} if t.v == 5 else {}))
    pub.publish(t.topic(), payload, qos, retain=1)
    payload = payload.encode()
    while True:
        packet = watcher.expect("PUBLISH", topic=t.topic())
        if packet.payload == payload and not packet.retain:
            break
    pub.publish(t.topic(), "passing", 1)
    watcher.close()


@rows("4:3.3.1-5 4:3.3.1-6 4:3.3.1-8 5:3.3.1-5 5:3.3.1-9",
      [(f"kept {p}, granted {s}", p, s) for p, s in itertools.product((0, 1, 2), repeat=2)], on=ALL)
def sent_to_a_new_subscription(t, published, granted):
    pub, sub = t.connect(), t.connect()
    _put(t, pub, "kept", published)
    sub.subscribe(t.topic(), granted)
    sub.expect_message(t.topic(), "kept", min(published, granted), retain=1)
    pub.publish(t.topic(), "", 1, retain=1)


@rows("4:3.3.1-9 5:3.3.1-12", [("0", 0), ("1", 1), ("2", 2)], on=ALL)
def live_messages_have_retain_0(t, qos):
    pub, sub = t.connect(), t.connect()
    sub.subscribe(t.topic(), qos)
    pub.publish(t.topic(), "live", qos, retain=1)
    sub.expect_message(t.topic(), "live", qos, retain=0)
    pub.publish(t.topic(), "", 1, retain=1)


@case("4:3.3.1-5 4:3.3.1-7 5:3.3.1-5", on=ALL)
def replaced(t):
    pub = t.connect()
    for text, qos in (("one", 1), ("two", 0), ("three", 2), ("four", 0)):
        _put(t, pub, text, qos)
        sub = t.connect()
        sub.subscribe(t.topic(), 2)
        sub.expect_message(t.topic(), text, qos, retain=1)
        sub.disconnect()
    pub.publish(t.topic(), "", 1, retain=1)


@rows("4:3.3.1-10 4:3.3.1-11 5:3.3.1-6 5:3.3.1-7", [("0", 0), ("1", 1), ("2", 2)], on=ALL)
def cleared_by_an_empty_payload(t, qos):
    pub, sub = t.connect(), t.connect()
    pub.publish(t.topic(), "kept", 1, retain=1)
    _put(t, pub, "", qos)
    sub.subscribe(t.topic(), 1)
    t.only(sub, pub)


@case("4:3.3.1-9 4:3.3.1-10 5:3.3.1-6 5:3.3.1-12", on=ALL)
def live_subscribers_get_the_clearing_message_with_retain_0(t):
    pub, sub = t.connect(), t.connect()
    pub.publish(t.topic(), "kept", 1, retain=1)
    sub.subscribe(t.topic(), 1)
    sub.expect_message(t.topic(), "kept", 1, retain=1)
    pub.publish(t.topic(), "", 1, retain=1)
    sub.expect_message(t.topic(), "", 1, retain=0)


@case("4:3.3.1-10 5:3.3.1-6", on=ALL)
def clearing_what_is_not_there(t):
    pub, sub = t.connect(), t.connect()
    pub.publish(t.topic(), "", 1, retain=1)
    sub.subscribe(t.topic())
    t.only(sub, pub)


@case("4:3.3.1-12 5:3.3.1-8", on=ALL)
def not_stored_without_the_flag(t):
    pub, sub = t.connect(), t.connect()
    pub.publish(t.topic(), "kept", 1, retain=1)
    pub.publish(t.topic(), "passing", 1, retain=0)
    pub.publish(t.topic(), "", 1, retain=0)
    sub.subscribe(t.topic())
    sub.expect_publish(t.topic(), "kept", retain=1)
    pub.publish(t.topic(), "", 1, retain=1)


@case("4:3.1.2-7 5:3.3.1-5", on=ALL)
def outlives_its_publisher(t):
    pub = t.connect(t.id("pub"))
    pub.publish(t.topic(), "kept", 1, retain=1)
    pub.disconnect()
    t.connect(t.id("pub")).disconnect()
    sub = t.connect()
    sub.subscribe(t.topic())
    sub.expect_publish(t.topic(), "kept", retain=1)
    t.connect().publish(t.topic(), "", 1, retain=1)


def _keep(t, pub, names):
    for name in names:
        pub.publish(t.topic(name), f"{name}.", 1, retain=1)


def _clear(t, pub, names):
    for name in names:
        pub.publish(t.topic(name), "", 1, retain=1)


@rows("4:3.3.1-6 5:3.3.1-9", [("hash", "#", {"a", "a/b", "c/b", ""}), ("plus", "+", {"a", ""}),
                             ("plus inside", "+/b", {"a/b", "c/b"}), ("one", "a", {"a"}),
                             ("subtree", "a/#", {"a", "a/b"})], on=ALL)
def wildcard_subscription_gets_all_that_match(t, pattern, wanted):
    pub, sub = t.connect(), t.connect()
    names = ["a", "a/b", "c/b", ""]
    _keep(t, pub, names)
    sub.subscribe(t.topic(pattern))
    got = {sub.expect("PUBLISH", retain=1).payload.decode()[:-1] for _ in wanted}
    require(got == wanted, f"got {got}")
    t.only(sub, pub)
    _clear(t, pub, names)


@case("4:3.3.1-6 5:3.3.1-9", on=(4, 5))
def two_thousand_retained_topics(t):
    """More than fits into any window: all come, none twice."""
    pub, sub = t.connect(), t.connect()
    names = [str(n) for n in range(2000)]
    for at in range(0, 2000, 500):
        pub.send(*(wire.publish(t.v, t.topic(n), n, 1, 1, packet_id=int(n) + 1)
                   for n in names[at:at + 500]))
        for n in names[at:at + 500]:
            pub.expect("PUBACK", packet_id=int(n) + 1)
    sub.subscribe(t.topic("#"), 1)
    got = []
    for _ in names:
        packet = sub.expect("PUBLISH", retain=1, qos=1)
        sub.acknowledge(packet)
        got.append(packet.payload.decode())
    require(sorted(got) == sorted(names), f"{len(set(got))} of {len(names)} different messages")
    pub.send(*(wire.publish(t.v, t.topic(n), "", 0, 1) for n in names))
    pub.publish(t.topic("flush"), "", 1)


@case("5:3.3.1-11")
def retain_handling_2_sends_none(t):
    pub, sub = t.connect(), t.connect()
    _keep(t, pub, ["a"])
    sub.subscribe(t.topic("a"), rh=2)
    sub.subscribe(t.topic("a"), rh=2)
    t.only(sub, pub)
    _clear(t, pub, ["a"])


@case("5:3.3.1-10")
def retain_handling_1_sends_to_new_subscriptions(t):
    pub, sub = t.connect(), t.connect()
    _keep(t, pub, ["a"])
    sub.subscribe(t.topic("a"), rh=1)
    sub.expect_publish(t.topic("a"), "a.", retain=1)
    sub.subscribe(t.topic("a"), 1, rh=1)
    t.only(sub, pub)
    sub.unsubscribe(t.topic("a"))
    sub.subscribe(t.topic("a"), rh=1)
    sub.expect_publish(t.topic("a"), "a.", retain=1)
    _clear(t, pub, ["a"])


@case("5:3.3.1-10")
def retain_handling_1_in_a_resumed_session(t):
    pub = t.connect()
    _keep(t, pub, ["a"])
    sub = t.session(t.id("s"))
    sub.subscribe(t.topic("a"), rh=1)
    sub.expect_publish(t.topic("a"), "a.", retain=1)
    sub.disconnect()
    sub = t.session(t.id("s"), present=1)
    sub.subscribe(t.topic("a"), rh=1)
    t.only(sub, pub)
    _clear(t, pub, ["a"])


@case("5:3.3.1-9 5:3.8.4-4")
def retain_handling_0_sends_each_time(t):
    pub, sub = t.connect(), t.connect()
    _keep(t, pub, ["a"])
    for _ in range(3):
        sub.subscribe(t.topic("a"))
        sub.expect_publish(t.topic("a"), "a.", retain=1)
    _clear(t, pub, ["a"])


@rows("5:3.3.1-12 5:3.3.1-13", [(f"rap {rap}, retain {flag}", rap, flag)
                                for rap, flag in itertools.product((0, 1), repeat=2)], on=(5,))
def retain_as_published(t, rap, flag):
    pub, sub = t.connect(), t.connect()
    sub.subscribe(t.topic(), 1, rap=rap)
    pub.publish(t.topic(), "x", 1, retain=flag)
    sub.expect_message(t.topic(), "x", 1, retain=flag if rap else 0)
    pub.publish(t.topic(), "", 1, retain=1)


@rows("5:3.3.1-9", [("0", 0), ("1", 1)], on=(5,))
def stored_messages_are_flagged_whatever_rap_says(t, rap):
    pub, sub = t.connect(), t.connect()
    _keep(t, pub, ["a"])
    sub.subscribe(t.topic("a"), rap=rap)
    sub.expect_publish(t.topic("a"), "a.", retain=1)
    _clear(t, pub, ["a"])


@case("5:3.3.2-4 5:3.3.2-15 5:3.3.2-16 5:3.3.2-17 5:3.3.2-20 5:3.3.1-5")
def properties_are_stored_too(t):
    props = {"payload_format": 1, "content_type": "text/plain", "response_topic": "r",
             "correlation_data": b"\0\1", "user": [("b", "1"), ("a", "2"), ("b", "1")]}
    pub, sub = t.connect(), t.connect()
    pub.publish(t.topic(), "kept", 1, retain=1, props=props)
    sub.subscribe(t.topic())
    sub.expect_publish(t.topic(), "kept", retain=1, props=props)
    pub.publish(t.topic(), "", 1, retain=1)
