# SPDX-License-Identifier: Apache-2.0
"""What a session remembers while its client is away, and how it resumes."""

from harness import wire
from harness.case import case, require, rows

ALL = (3, 4, 5)


def _present(t):
    return 0 if t.v == 3 else 1


@rows("4:3.1.2-5 4:4.5.0-1 5:3.1.2-23 5:4.5.0-1 5:3.1.2-5", [("1", 1), ("2", 2)], on=ALL)
def messages_wait_for_an_absent_client(t, qos):
    sub = t.session(t.id("s"))
    sub.subscribe(t.topic(), qos)
    sub.disconnect()
    pub = t.connect()
    for n in range(5):
        pub.publish(t.topic(), str(n), qos)
    sub = t.session(t.id("s"), _present(t))
    for n in range(5):
        sub.expect_message(t.topic(), str(n), qos, dup=0)
    sub.expect_nothing()


@case("4:3.1.2-5 5:3.1.2-23", on=ALL)
def subscriptions_last_and_can_be_removed(t):
    sub = t.session(t.id("s"))
    sub.subscribe(t.topic("a"), 1)
    sub.subscribe(t.topic("b"), 1)
    sub.disconnect()
    sub = t.session(t.id("s"), _present(t))
    sub.unsubscribe(t.topic("a"))
    sub.disconnect()
    pub = t.connect()
    pub.publish(t.topic("a"), "no", 1)
    pub.publish(t.topic("b"), "yes", 1)
    sub = t.session(t.id("s"), _present(t))
    sub.expect_message(t.topic("b"), "yes", 1)
    sub.expect_nothing()


@case("4:3.1.2-6 5:3.1.2-4", on=ALL)
def clean_start_forgets_what_waited(t):
    sub = t.session(t.id("s"))
    sub.subscribe(t.topic(), 1)
    sub.disconnect()
    pub = t.connect()
    pub.publish(t.topic(), "old", 1)
    sub = t.connect(t.id("s"))
    t.only(sub, pub)
    pub.publish(t.topic(), "new", 1)
    t.only(sub, pub, "marker2")


@case("4:3.1.2-6 4:3.1.4-3 5:4.1.0-2 5:3.1.4-4", on=ALL)
def clean_session_ends_with_its_connection(t):
    sub = t.connect(t.id("s"))
    sub.subscribe(t.topic(), 1)
    sub.disconnect()
    t.connect().publish(t.topic(), "lost", 1)
    sub = t.session(t.id("s"), 0)
    sub.expect_nothing()


@rows("4:4.4.0-1 4:3.3.1-1 5:4.4.0-1 5:3.3.1-1 5:4.3.2-3 5:4.3.3-3", [("1", 1), ("2", 2)], on=ALL)
def unacknowledged_is_sent_again_with_dup(t, qos):
    sub = t.session(t.id("s"))
    sub.subscribe(t.topic(), qos)
    pub = t.connect()
    pub.publish(t.topic(), "again", qos)
    first = sub.expect_publish(t.topic(), "again", qos, dup=0)
    sub.abort()
    sub = t.session(t.id("s"), _present(t))
    second = sub.expect_publish(t.topic(), "again", qos, dup=1, packet_id=first.packet_id)
    sub.acknowledge(second)
    sub.expect_nothing()


@case("4:4.4.0-1 4:4.3.3-1 5:4.4.0-1 5:4.3.3-5 5:4.3.3-6", on=ALL)
def pubrel_is_sent_again(t):
    sub = t.session(t.id("s"))
    sub.subscribe(t.topic(), 2)
    t.connect().publish(t.topic(), "x", 2)
    packet_id = sub.expect_publish(t.topic(), "x", 2).packet_id
    sub.send(wire.pubrec(t.v, packet_id))
    sub.expect("PUBREL", packet_id=packet_id)
    sub.abort()
    sub = t.session(t.id("s"), _present(t))
    sub.expect("PUBREL", packet_id=packet_id)
    sub.send(wire.pubcomp(t.v, packet_id))
    sub.expect_nothing()
    sub.disconnect()
    t.session(t.id("s"), _present(t)).expect_nothing()


@case("4:4.6.0-1 4:4.6.0-5 4:4.6.0-6 5:4.6.0-1 5:4.6.0-5 5:4.4.0-1", on=ALL)
def sent_again_in_the_original_order_with_the_same_ids(t):
    sub = t.session(t.id("s"))
    sub.subscribe(t.topic(), 2)
    pub = t.connect()
    sent = []
    for n, qos in enumerate((1, 2, 1, 2, 1)):
        pub.publish(t.topic(), str(n), qos)
        packet = sub.expect_publish(t.topic(), str(n), qos, dup=0)
        sent.append((packet.packet_id, str(n), qos))
    sub.cut()
    for n, qos in enumerate((1, 2), start=5):
        pub.publish(t.topic(), str(n), qos)
    sub = t.session(t.id("s"), _present(t))
    for packet_id, text, qos in sent:
        sub.expect_publish(t.topic(), text, qos, dup=1, packet_id=packet_id)
    used = {packet_id for packet_id, _, _ in sent}
    for n, qos in enumerate((1, 2), start=5):
        packet = sub.expect_publish(t.topic(), str(n), qos, dup=0)
        require(packet.packet_id not in used, f"id {packet.packet_id} is in use")
        used.add(packet.packet_id)


@case("4:4.4.0-1 5:4.4.0-1", on=ALL)
def acknowledged_is_not_sent_again(t):
    sub = t.session(t.id("s"))
    sub.subscribe(t.topic(), 1)
    pub = t.connect()
    packets = []
    for n in range(4):
        pub.publish(t.topic(), str(n), 1)
        packets.append(sub.expect_publish(t.topic(), str(n), 1))
    for n in (2, 0):
        sub.acknowledge(packets[n])
    sub.expect_nothing()
    sub.abort()
    sub = t.session(t.id("s"), _present(t))
    for n in (1, 3):
        sub.expect_publish(t.topic(), str(n), 1, dup=1, packet_id=packets[n].packet_id)
    sub.expect_nothing()


@case("4:4.4.0-1 5:4.4.0-1", on=ALL)
def sent_again_at_reconnect_only(t):
    """No resending while the connection stands."""
    sub = t.session(t.id("s"))
    sub.subscribe(t.topic(), 1)
    t.connect().publish(t.topic(), "x", 1)
    sub.expect_publish(t.topic(), "x", 1)
    sub.expect_quiet(1.5)


@case("4:4.3.3-2 5:4.3.3-10", on=ALL)
def incoming_qos_2_is_remembered_over_a_reconnect(t):
    sub = t.connect()
    sub.subscribe(t.topic(), 0)
    pub = t.session(t.id("p"))
    pub.send(wire.publish(t.v, t.topic(), "once", 2, packet_id=7))
    pub.expect("PUBREC", packet_id=7)
    pub.abort()
    pub = t.session(t.id("p"), _present(t))
    pub.send(wire.publish(t.v, t.topic(), "once", 2, dup=1, packet_id=7))
    pub.expect("PUBREC", packet_id=7)
    pub.send(wire.pubrel(t.v, 7))
    pub.expect("PUBCOMP", packet_id=7, code=0)
    sub.expect_publish(t.topic(), "once")
    t.only(sub, pub)


@case("4:4.3.3-2 5:4.3.3-11", on=ALL)
def pubrel_after_a_reconnect(t):
    pub = t.session(t.id("p"))
    pub.send(wire.publish(t.v, t.topic(), "once", 2, packet_id=7))
    pub.expect("PUBREC", packet_id=7)
    pub.abort()
    pub = t.session(t.id("p"), _present(t))
    pub.send(wire.pubrel(t.v, 7))
    pub.expect("PUBCOMP", packet_id=7, code=0)


@case("4:4.3.3-2 5:4.3.3-12 5:3.1.2-4", on=ALL)
def clean_start_forgets_incoming_qos_2(t):
    sub = t.connect()
    sub.subscribe(t.topic(), 0)
    pub = t.session(t.id("p"))
    pub.send(wire.publish(t.v, t.topic(), "one", 2, packet_id=7))
    pub.expect("PUBREC", packet_id=7)
    pub.send(wire.pubrel(t.v, 7))
    pub.expect("PUBCOMP", packet_id=7)
    pub.abort()
    pub = t.connect(t.id("p"))
    pub.send(wire.publish(t.v, t.topic(), "two", 2, packet_id=7))
    pub.expect("PUBREC", packet_id=7)
    pub.send(wire.pubrel(t.v, 7))
    pub.expect("PUBCOMP", packet_id=7)
    sub.expect_publish(t.topic(), "one")
    sub.expect_publish(t.topic(), "two")


@case("4:3.1.2-5 5:4.5.0-1", on=ALL)
def qos_0_may_be_dropped_but_order_holds(t):
    sub = t.session(t.id("s"))
    sub.subscribe(t.topic(), 2)
    sub.subscribe(t.prefix + "end")
    sub.disconnect()
    pub = t.connect()
    for n, qos in enumerate((1, 0, 1, 0, 2)):
        pub.publish(t.topic(), str(n), qos)
    sub = t.session(t.id("s"), _present(t))
    pub.publish(t.prefix + "end", "")
    got = [p.payload.decode() for p in sub.collect(t.prefix + "end")]
    require([n for n in got if n in "024"] == ["0", "2", "4"] and got == sorted(got), f"got {got}")


@case("4:3.1.4-2 5:3.1.4-3", on=(3, 4))
def takeover_closes_the_older_connection(t):
    old = t.connect(t.id("s"))
    new = t.connect(t.id("s"))
    old.expect_closed()
    new.expect_nothing()


@case("5:3.1.4-3")
def takeover_tells_the_older_connection(t):
    old = t.connect(t.id("s"))
    new = t.connect(t.id("s"))
    old.expect_refused(0x8E)
    new.expect_nothing()


@case("4:3.1.4-2 4:4.4.0-1 5:3.1.4-3 5:4.4.0-1", on=ALL)
def takeover_keeps_the_session(t):
    old = t.session(t.id("s"))
    old.subscribe(t.topic(), 1)
    pub = t.connect()
    pub.publish(t.topic(), "one", 1)
    packet_id = old.expect_publish(t.topic(), "one", 1).packet_id
    new = t.session(t.id("s"), _present(t))
    old.expect_refused(0x8E)
    new.expect_message(t.topic(), "one", 1, dup=1, packet_id=packet_id)
    pub.publish(t.topic(), "two", 1)
    new.expect_message(t.topic(), "two", 1)


@case("4:3.1.4-2 5:3.1.4-3", on=ALL)
def takeover_ten_times(t):
    old = t.session(t.id("s"))
    old.subscribe(t.topic(), 1)
    for _ in range(10):
        new = t.session(t.id("s"), _present(t))
        old.expect_refused(0x8E)
        old = new
    t.connect().publish(t.topic(), "x", 1)
    old.expect_message(t.topic(), "x", 1)


@case("4:4.6.0-6 5:4.6.0-5 5:4.6.0-6", on=ALL)
def order_of_a_hundred(t):
    for qos in (0, 1, 2):
        sub, pub = t.connect(), t.connect()
        sub.subscribe(t.topic(str(qos)), qos)
        for n in range(100):
            pub.publish(t.topic(str(qos)), str(n), qos)
        for n in range(100):
            sub.expect_message(t.topic(str(qos)), str(n), qos)


@case("4:4.6.0-2 4:4.6.0-3 5:4.6.0-2 5:4.6.0-3", on=ALL)
def acknowledgements_in_the_order_of_publishes(t):
    c = t.connect()
    for qos, kind in ((1, "PUBACK"), (2, "PUBREC")):
        ids = [9, 3, 7, 1, 5]
        c.send(*(wire.publish(t.v, t.topic(), "x", qos, packet_id=n) for n in ids))
        for n in ids:
            c.expect(kind, packet_id=n)
    c.send(*(wire.pubrel(t.v, n) for n in ids))
    for n in ids:
        c.expect("PUBCOMP", packet_id=n)
