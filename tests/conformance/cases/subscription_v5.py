# SPDX-License-Identifier: Apache-2.0
"""Subscription identifiers and No Local."""

import itertools

from harness import wire
from harness.case import case, require, rows

V5 = (5,)


@rows("5:3.3.4-3 5:3.3.4-5", [(str(n), n) for n in (1, 127, 128, 16383, 16384, 268435455)], on=V5)
def identifier_is_sent_along(t, number):
    sub, pub = t.connect(), t.connect()
    sub.subscribe(t.topic(), 1, props={"subscription_id": number})
    pub.publish(t.topic(), "x", 1)
    sub.expect_message(t.topic(), "x", 1, props={"subscription_id": [number]})


@case("5:3.3.4-3")
def no_identifier_where_none_was_given(t):
    sub, pub = t.connect(), t.connect()
    sub.subscribe(t.topic())
    pub.publish(t.topic(), "x")
    sub.expect_publish(t.topic(), "x", props={})


@case("5:3.3.4-3 5:3.3.4-4 5:3.3.4-5")
def identifiers_of_overlapping_subscriptions(t):
    """In one message or in several: all of them, and none else."""
    sub, pub = t.connect(), t.connect()
    for number, pattern in ((1, "a"), (2, "+"), (3, "#"), (4, "b")):
        sub.subscribe(t.topic(pattern), number % 3, props={"subscription_id": number})
    sub.subscribe(t.prefix + "end")
    pub.publish(t.topic("a"), "x", 2)
    pub.publish(t.prefix + "end", "")
    messages = sub.collect(t.prefix + "end")
    got = sorted(itertools.chain(*(m.props.get("subscription_id", []) for m in messages)))
    require(got == [1, 2, 3], f"got {messages}")


@case("5:3.3.4-4")
def same_identifier_for_two_filters(t):
    sub, pub = t.connect(), t.connect()
    filters = [(t.topic("a"), 0), (t.topic("b"), 0)]
    sub.send(wire.subscribe(5, 1, filters, {"subscription_id": 9}))
    sub.expect("SUBACK", codes=[0, 0])
    for name in "ab":
        pub.publish(t.topic(name), "x")
        sub.expect_publish(t.topic(name), "x", props={"subscription_id": [9]})


@case("5:3.8.4-3")
def identifier_is_replaced_with_the_subscription(t):
    sub, pub = t.connect(), t.connect()
    for number in (7, 8):
        sub.subscribe(t.topic(), props={"subscription_id": number})
        pub.publish(t.topic(), "x")
        sub.expect_publish(t.topic(), "x", props={"subscription_id": [number]})
    sub.subscribe(t.topic())
    pub.publish(t.topic(), "x")
    sub.expect_publish(t.topic(), "x", props={})


@case("5:3.3.4-3")
def identifier_of_a_queued_message(t):
    sub = t.session(t.id("s"))
    sub.subscribe(t.topic(), 1, props={"subscription_id": 300})
    sub.disconnect()
    t.connect().publish(t.topic(), "x", 1)
    sub = t.session(t.id("s"), present=1)
    sub.expect_message(t.topic(), "x", 1, props={"subscription_id": [300]})


@case("5:3.3.4-3")
def identifier_of_a_retained_message(t):
    pub, sub = t.connect(), t.connect()
    pub.publish(t.topic(), "kept", 1, retain=1)
    sub.subscribe(t.topic(), props={"subscription_id": 5})
    sub.expect_publish(t.topic(), "kept", retain=1, props={"subscription_id": [5]})
    pub.publish(t.topic(), "", 1, retain=1)


@case("5:3.3.4-3")
def publisher_s_properties_and_identifier_together(t):
    sub, pub = t.connect(), t.connect()
    sub.subscribe(t.topic(), props={"subscription_id": 5})
    pub.publish(t.topic(), "x", props={"user": [("a", "b")], "content_type": "c"})
    sub.expect_publish(t.topic(), "x", props={"subscription_id": [5], "user": [("a", "b")],
                                              "content_type": "c"})


@case("5:3.8.3-3")
def no_local_keeps_own_messages_back(t):
    c, other = t.connect(), t.connect()
    c.subscribe(t.topic(), 1, no_local=1)
    for qos in (0, 1, 2):
        c.publish(t.topic(), "own", qos)
    other.publish(t.topic(), "other", 1)
    c.expect_message(t.topic(), "other", 1)
    c.expect_nothing()


@case("5:3.8.3-3")
def no_local_is_of_one_subscription(t):
    """A second matching filter without it still gets the message."""
    c = t.connect()
    c.subscribe(t.topic("a"), 0, no_local=1, props={"subscription_id": 1})
    c.subscribe(t.topic("#"), 0, props={"subscription_id": 2})
    c.publish(t.topic("a"), "own")
    c.expect_publish(t.topic("a"), "own", props={"subscription_id": [2]})
    t.only(c, c)


@case("5:3.8.3-3")
def no_local_is_judged_by_the_client_id(t):
    """Own messages of an earlier connection are own messages too."""
    c = t.session(t.id("s"))
    c.subscribe(t.topic(), 1, no_local=1)
    c.publish(t.topic(), "own", 1)
    c.disconnect()
    c = t.session(t.id("s"), present=1)
    c.publish(t.topic(), "own again", 1)
    c.expect_nothing()


@case("5:3.8.3-3 5:3.8.4-3")
def no_local_is_replaced_with_the_subscription(t):
    c = t.connect()
    c.subscribe(t.topic(), 0, no_local=1)
    c.publish(t.topic(), "no")
    c.subscribe(t.topic(), 0, no_local=0)
    c.publish(t.topic(), "yes")
    c.expect_publish(t.topic(), "yes")


@case("5:3.8.3-3")
def no_local_and_the_own_will(t):
    """A will is the client's own message, published under its id."""
    c = t.session(t.id("s"), will=wire.Will(t.topic(), b"gone", 1))
    c.subscribe(t.topic(), 1, no_local=1)
    c.cut()
    t.session(t.id("s"), present=1).expect_nothing()


@case("5:3.8.4-3")
def options_are_remembered_by_the_session(t):
    c = t.session(t.id("s"))
    c.subscribe(t.topic(), 1, rap=1, no_local=1)
    c.disconnect()
    c = t.session(t.id("s"), present=1)
    c.publish(t.topic(), "own", 1)
    other = t.connect()
    other.publish(t.topic(), "other", 1, retain=1)
    c.expect_message(t.topic(), "other", 1, retain=1)
    other.publish(t.topic(), "", 1, retain=1)
