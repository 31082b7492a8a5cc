# SPDX-License-Identifier: Apache-2.0
"""Topic aliases, both ways."""

from harness import wire
from harness.case import Skip, case, require, rows

V5 = (5,)


def _limit(c):
    limit = c.connack.props.get("topic_alias_maximum", 0)
    if not limit:
        raise Skip("the server takes no topic aliases")
    return limit


def _with(t, topic, text, alias):
    return wire.publish(5, topic, text, props={"topic_alias": alias})


@case("5:3.3.2-12")
def alias_stands_for_its_topic(t):
    sub, pub = t.connect(), t.connect()
    _limit(pub)
    sub.subscribe(t.topic("#"))
    pub.send(_with(t, t.topic("a"), "1", 1), _with(t, "", "2", 1), _with(t, "", "3", 1))
    for text in "123":
        sub.expect_publish(t.topic("a"), text)


@case("5:3.3.2-12")
def every_alias_up_to_the_maximum(t):
    sub, pub = t.connect(), t.connect()
    limit = min(_limit(pub), 200)
    sub.subscribe(t.topic("#"))
    numbers = list(range(1, limit)) + [_limit(pub)]
    pub.send(*(_with(t, t.topic(str(n)), "set", n) for n in numbers))
    pub.send(*(_with(t, "", "used", n) for n in reversed(numbers)))
    for n in numbers:
        sub.expect_publish(t.topic(str(n)), "set")
    for n in reversed(numbers):
        sub.expect_publish(t.topic(str(n)), "used")


@case("5:3.3.2-12")
def alias_is_given_a_new_topic(t):
    sub, pub = t.connect(), t.connect()
    _limit(pub)
    sub.subscribe(t.topic("#"))
    pub.send(_with(t, t.topic("a"), "1", 1), _with(t, t.topic("b"), "2", 1), _with(t, "", "3", 1))
    for topic, text in (("a", "1"), ("b", "2"), ("b", "3")):
        sub.expect_publish(t.topic(topic), text)


@case("5:3.3.2-12")
def two_aliases_for_one_topic(t):
    sub, pub = t.connect(), t.connect()
    if _limit(pub) < 2:
        raise Skip("one alias only")
    sub.subscribe(t.topic("#"))
    pub.send(_with(t, t.topic("a"), "1", 1), _with(t, t.topic("a"), "2", 2),
             _with(t, "", "3", 1), _with(t, "", "4", 2))
    for text in "1234":
        sub.expect_publish(t.topic("a"), text)


@rows("5:3.3.2-12", [("1", 1), ("2", 2)], on=V5)
def alias_with_qos(t, qos):
    sub, pub = t.connect(), t.connect()
    _limit(pub)
    sub.subscribe(t.topic("a"), qos)
    pub.publish(t.topic("a"), "1", qos, props={"topic_alias": 1})
    pub.publish("", "2", qos, props={"topic_alias": 1})
    for text in "12":
        sub.expect_message(t.topic("a"), text, qos)


@case("5:3.3.2-12 5:3.3.1-5")
def alias_with_retain(t):
    pub = t.connect()
    _limit(pub)
    pub.publish(t.topic("a"), "old", 1, props={"topic_alias": 1})
    pub.publish("", "kept", 1, retain=1, props={"topic_alias": 1})
    sub = t.connect()
    sub.subscribe(t.topic("a"))
    sub.expect_publish(t.topic("a"), "kept", retain=1)
    pub.publish("", "", 1, retain=1, props={"topic_alias": 1})


@case("5:3.3.2-8")
def alias_0(t):
    c = t.connect()
    c.send(_with(t, t.topic(), "x", 0))
    c.expect_refused(0x94, 0x82)


@case("5:3.3.2-9 5:3.2.2-17 5:3.2.2-18")
def alias_above_the_maximum(t):
    c = t.connect()
    limit = c.connack.props.get("topic_alias_maximum", 0)
    if limit == 65535:
        raise Skip("no alias is above the maximum")
    c.send(_with(t, t.topic(), "x", limit + 1))
    c.expect_refused(0x94)


@case("5:3.3.2-9", needs="tight")
def alias_above_a_small_maximum(t):
    c = t.connect()
    c.publish(t.topic(), "x", 1, props={"topic_alias": _limit(c)})
    c.send(_with(t, t.topic(), "x", _limit(c) + 1))
    c.expect_refused(0x94)


@case("5:3.3.2-7 5:4.13.1-1")
def unknown_alias_without_topic(t):
    c = t.connect()
    _limit(c)
    c.send(_with(t, "", "x", 1))
    c.expect_refused(0x82, 0x94)


@case("5:3.3.2-1 5:4.7.3-1")
def neither_topic_nor_alias(t):
    c = t.connect()
    c.send(wire.publish(5, "", "x"))
    c.expect_refused(0x82, 0x81, 0x90)


@case("5:3.3.2-7")
def aliases_end_with_their_connection(t):
    c = t.session(t.id("s"))
    _limit(c)
    c.publish(t.topic(), "x", 1, props={"topic_alias": 1})
    c.disconnect()
    c = t.session(t.id("s"), present=1)
    c.send(_with(t, "", "x", 1))
    c.expect_refused(0x82, 0x94)


@case("5:3.3.2-7")
def aliases_of_two_clients_are_apart(t):
    sub, one, two = t.connect(), t.connect(), t.connect()
    _limit(one)
    sub.subscribe(t.topic("#"), 1)
    one.publish(t.topic("one"), "1", 1, props={"topic_alias": 1})
    two.publish(t.topic("two"), "2", 1, props={"topic_alias": 1})
    one.publish("", "3", 1, props={"topic_alias": 1})
    for topic, text in (("one", "1"), ("two", "2"), ("one", "3")):
        sub.expect_message(t.topic(topic), text, 1)


@case("5:3.1.2-27 5:3.3.2-11")
def no_alias_to_a_client_that_takes_none(t):
    sub, pub = t.connect(), t.connect()
    sub.subscribe(t.topic("#"))
    for n in range(20):
        pub.publish(t.topic("same"), str(n))
        sub.expect_publish(t.topic("same"), str(n), props={})


@rows("5:3.1.2-26 5:3.3.2-11 5:3.3.2-10", [("1", 1), ("3", 3), ("65535", 65535)], on=V5)
def aliases_to_a_client_stay_in_its_limit(t, limit):
    """Whether the server uses them is its affair; each must be known and within the limit."""
    sub, pub = t.connect(props={"topic_alias_maximum": limit}), t.connect()
    sub.subscribe(t.topic("#"), 1)
    known = {}
    for n in range(30):
        name = t.topic(str(n % 5))
        pub.publish(name, str(n), 1)
        packet = sub.expect("PUBLISH", payload=str(n).encode())
        sub.acknowledge(packet)
        alias = packet.props.get("topic_alias")
        if alias is not None:
            require(1 <= alias <= limit, f"alias {alias} of at most {limit}")
            if packet.topic:
                known[alias] = packet.topic
        topic = packet.topic or known.get(alias)
        require(topic == name, f"topic {topic!r}, expected {name!r}")


@case("5:3.3.2-7 5:3.1.2-26")
def a_resent_message_has_its_topic(t):
    """Aliases die with the connection: what is sent again can't rely on one."""
    sub, pub = t.session(t.id("s"), props={"topic_alias_maximum": 10}), t.connect()
    sub.subscribe(t.topic(), 1)
    for n in range(3):
        pub.publish(t.topic(), str(n), 1)
        sub.expect("PUBLISH", payload=str(n).encode())
    sub.abort()
    sub = t.session(t.id("s"), present=1)
    for n in range(3):
        sub.expect_publish(t.topic(), str(n), 1, dup=1)


@case("5:3.3.2-12")
def alias_is_set_even_where_nobody_listens(t):
    sub, pub = t.connect(), t.connect()
    _limit(pub)
    pub.publish(t.topic(), "unheard", 1, props={"topic_alias": 1})
    sub.subscribe(t.topic())
    pub.publish("", "heard", 1, props={"topic_alias": 1})
    sub.expect_publish(t.topic(), "heard")
