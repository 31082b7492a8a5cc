# SPDX-License-Identifier: Apache-2.0
"""Session expiry and message expiry."""

from harness import wire
from harness.case import case, require, rows

V5 = (5,)
NEVER = 0xFFFFFFFF


@case("5:3.1.2-23 5:4.1.0-2", slow=3)
def session_expires(t):
    t.session(t.id(), expiry=1).disconnect()
    t.connect().expect_quiet(2.2)
    t.session(t.id(), present=0)


@case("5:4.1.0-2", slow=3)
def session_expires_after_a_lost_connection(t):
    t.session(t.id(), expiry=1).cut()
    t.connect().expect_quiet(2.2)
    t.session(t.id(), present=0)


@case("5:3.1.2-23", slow=2)
def session_is_kept_until_then(t):
    t.session(t.id(), expiry=30).disconnect()
    t.connect().expect_quiet(1.5)
    t.session(t.id(), present=1)


@case("5:4.1.0-1", slow=3)
def session_does_not_expire_while_connected(t):
    c = t.session(t.id(), expiry=1)
    c.subscribe(t.topic(), 1)
    c.expect_quiet(2.2)
    c.publish(t.topic(), "x", 1)
    c.expect_message(t.topic(), "x", 1)


@rows("5:3.1.2-23", [("never", NEVER), ("a day", 86400), ("largest that ends", NEVER - 1)], on=V5)
def long_expiry(t, expiry):
    c = t.session(t.id(), expiry=expiry)
    said = c.connack.props.get("session_expiry", expiry)
    require(said > 0, f"the server says {said}")
    c.disconnect()
    t.session(t.id(), present=1)


@case("5:4.1.0-2 5:3.1.2-6")
def absent_expiry_is_zero(t):
    t.connect(t.id(), clean=False).disconnect()
    t.connect(t.id(), clean=False, present=0)


@case("5:3.1.2-4 5:3.1.2-23")
def clean_start_with_an_expiry_starts_a_lasting_session(t):
    t.connect(t.id(), clean=True, props={"session_expiry": 60}).disconnect()
    t.session(t.id(), present=1)


@case("5:3.1.2-23")
def disconnect_shortens_to_zero(t):
    t.session(t.id(), expiry=600).disconnect(0, {"session_expiry": 0})
    t.session(t.id(), present=0)


@case("5:3.1.2-23", slow=3)
def disconnect_shortens(t):
    t.session(t.id(), expiry=600).disconnect(0, {"session_expiry": 1})
    t.connect().expect_quiet(2.2)
    t.session(t.id(), present=0)


@case("5:3.1.2-23", slow=3)
def disconnect_lengthens(t):
    t.session(t.id(), expiry=1).disconnect(0, {"session_expiry": 60})
    t.connect().expect_quiet(2.2)
    t.session(t.id(), present=1)


@case("5:3.14.2-1 5:4.13.1-1")
def disconnect_can_not_lengthen_from_zero(t):
    c = t.connect(t.id())
    c.send(wire.disconnect(5, 0, {"session_expiry": 10}))
    c.expect_refused(0x82)
    t.session(t.id(), present=0)


@case("5:3.14.2-1")
def disconnect_may_repeat_zero(t):
    c = t.connect(t.id())
    c.disconnect(0, {"session_expiry": 0})


@case("5:3.1.2-23", slow=3)
def a_new_connection_sets_a_new_expiry(t):
    t.session(t.id(), expiry=600).disconnect()
    t.session(t.id(), present=1, expiry=1).disconnect()
    t.connect().expect_quiet(2.2)
    t.session(t.id(), present=0)


@case("4:3.1.2-4", on=(4,), slow=3)
def clean_session_0_of_311_lasts(t):
    sub = t.session(t.id())
    sub.subscribe(t.topic(), 1)
    sub.disconnect()
    t.connect().expect_quiet(2)
    t.session(t.id(), present=1)


@case("5:3.3.2-5", slow=3)
def queued_message_expires(t):
    sub = t.session(t.id("s"))
    sub.subscribe(t.topic(), 1)
    sub.disconnect()
    pub = t.connect()
    pub.publish(t.topic(), "short", 1, props={"message_expiry": 1})
    pub.publish(t.topic(), "lasting", 1)
    pub.expect_quiet(2.2)
    sub = t.session(t.id("s"), present=1)
    sub.expect_message(t.topic(), "lasting", 1)
    sub.expect_nothing()


@case("5:3.3.2-6", slow=2)
def remaining_time_is_sent(t):
    sub = t.session(t.id("s"))
    sub.subscribe(t.topic(), 1)
    sub.disconnect()
    pub = t.connect()
    pub.publish(t.topic(), "x", 1, props={"message_expiry": 100})
    pub.expect_quiet(2.1)
    packet = t.session(t.id("s"), present=1).expect("PUBLISH", topic=t.topic())
    require(96 <= packet.props.get("message_expiry", 0) <= 98, f"got {packet}")


@rows("5:3.3.2-6", [("1", 1), ("60", 60), ("never", NEVER)], on=V5)
def expiry_is_sent_at_once(t, expiry):
    sub, pub = t.connect(), t.connect()
    sub.subscribe(t.topic(), 1)
    pub.publish(t.topic(), "x", 1, props={"message_expiry": expiry})
    packet = sub.expect("PUBLISH", topic=t.topic())
    require(packet.props.get("message_expiry") in (expiry, expiry - 1), f"got {packet}")


@case("5:3.3.2-5 5:3.3.2-6", slow=3)
def retained_message_expires(t):
    pub = t.connect()
    pub.publish(t.topic("short"), "x", 1, retain=1, props={"message_expiry": 1})
    pub.publish(t.topic("long"), "y", 1, retain=1, props={"message_expiry": 50})
    pub.expect_quiet(2.2)
    sub = t.connect()
    sub.subscribe(t.topic("+"))
    packet = sub.expect("PUBLISH", topic=t.topic("long"), retain=1)
    require(46 <= packet.props.get("message_expiry", 0) <= 48, f"got {packet}")
    t.only(sub, pub)
    pub.publish(t.topic("long"), "", 1, retain=1)


@case("5:4.3.3-7 5:4.3.3-13", slow=3)
def what_is_in_flight_does_not_expire(t):
    sub, pub = t.session(t.id("s")), t.connect()
    sub.subscribe(t.topic(), 2)
    for qos in (1, 2):
        pub.publish(t.topic(), str(qos), qos, props={"message_expiry": 1})
    packets = [sub.expect("PUBLISH", topic=t.topic()) for _ in range(2)]
    sub.expect_quiet(2.2)
    sub.abort()
    sub = t.session(t.id("s"), present=1)
    for packet in packets:
        again = sub.expect("PUBLISH", payload=packet.payload, packet_id=packet.packet_id, dup=1)
        sub.acknowledge(again)
    sub.expect_nothing()


@case("5:3.3.2-5", slow=3)
def message_behind_a_full_window_expires(t):
    sub, pub = t.connect(props={"receive_maximum": 1}), t.connect()
    sub.subscribe(t.topic(), 1)
    pub.publish(t.topic(), "first", 1)
    first = sub.expect_publish(t.topic(), "first", 1)
    pub.publish(t.topic(), "short", 1, props={"message_expiry": 1})
    pub.publish(t.topic(), "lasting", 1)
    pub.expect_quiet(2.2)
    sub.acknowledge(first)
    sub.expect_message(t.topic(), "lasting", 1)
    sub.expect_nothing()


@case("5:4.1.0-2", slow=3)
def expired_session_loses_its_subscriptions(t):
    sub = t.session(t.id("s"), expiry=1)
    sub.subscribe(t.topic(), 1)
    sub.disconnect()
    pub = t.connect()
    pub.expect_quiet(2.2)
    pub.send(wire.publish(5, t.topic(), "x", 1, packet_id=1))
    packet = pub.expect("PUBACK", packet_id=1)
    require(packet.code in (0, 0x10), f"got {packet}")
    t.session(t.id("s"), present=0).expect_nothing()
