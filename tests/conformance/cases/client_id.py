# SPDX-License-Identifier: Apache-2.0
"""Client identifiers: what is accepted, what is assigned, what is refused."""

from harness import wire
from harness.case import case, require, rows

ALL = (3, 4, 5)

# Any id of 1 to 65 535 bytes works in every version: a home relies on it.
IDS = [
    ("1 byte", lambda t: str(t.v)), ("23 bytes", lambda t: t.prefix.ljust(23, "x")),
    ("24 bytes", lambda t: t.prefix.ljust(24, "x")),
    ("letters and digits", lambda t: t.prefix + "AZaz09"),
    ("slash", lambda t: f"{t.prefix}/a/b"), ("spaces", lambda t: f" {t.prefix} id "),
    ("wildcards", lambda t: f"{t.prefix}+#"), ("dollar", lambda t: f"$SYS{t.prefix}"),
    ("colons", lambda t: f"{t.prefix}:00:11:22"),
    ("unicode", lambda t: f"{t.prefix}küche-温度-🏠"),
    ("quotes", lambda t: f"{t.prefix}\"'\\%s"), ("256 bytes", lambda t: t.prefix.ljust(256, "y")),
    ("1000 bytes", lambda t: t.prefix.ljust(1000, "y")),
    ("65535 bytes", lambda t: t.prefix.ljust(65535, "z")),
]


@rows("4:3.1.3-2 4:3.1.3-4 4:3.1.3-5 5:3.1.3-2 5:3.1.3-4 5:3.1.3-5", IDS, on=ALL)
def accepted(t, make):
    client_id = make(t) if len(make(t)) in (1, 65535) else f"v{t.v}" + make(t)
    t.session(client_id).disconnect()
    again = t.session(client_id, present=0 if t.v == 3 else 1)
    again.expect_nothing()


@case("4:3.1.3-6 4:3.1.3-7", on=(4,))
def empty_with_clean_session(t):
    one = t.connect("")
    two = t.connect("")
    one.expect_nothing()
    two.expect_nothing()


@case("4:3.1.3-8 4:3.1.3-9 4:3.2.2-4 4:3.2.2-5", on=(4,))
def empty_without_clean_session(t):
    c = t.raw()
    c.send(wire.connect(4, "", clean=False))
    c.expect("CONNACK", code=2, session_present=0)
    c.expect_closed()


@rows("4:3.1.3-9", [("clean", True), ("persistent", False)], on=(3,))
def empty_in_31(t, clean):
    c = t.raw()
    c.send(wire.connect(3, "", clean=clean))
    c.expect("CONNACK", code=2, session_present=0)
    c.expect_closed()


@rows("5:3.1.3-6 5:3.1.3-7 5:3.2.2-16", [("clean", True), ("resumable", False)], on=(5,))
def empty_is_assigned(t, clean):
    ids = set()
    for _ in range(3):
        c = t.connect("", clean=clean)
        ids.add(c.connack.props.get("assigned_client_id"))
        c.expect_nothing()
    require(len(ids) == 3 and None not in ids and "" not in ids, f"assigned ids: {ids}")


@case("5:3.1.3-7")
def assigned_id_names_the_session(t):
    c = t.connect("", props={"session_expiry": 60})
    assigned = c.connack.props["assigned_client_id"]
    c.disconnect()
    t.session(assigned, present=1)


@case("4:3.1.3-2 5:3.1.3-2", on=ALL)
def different_ids_are_different_sessions(t):
    one, two = t.session(t.id("A")), t.session(t.id("a"))
    one.subscribe(t.topic())
    two.publish(t.topic(), "x")
    one.expect_message(t.topic(), "x")
    two.expect_nothing()


@case("4:3.1.3-2 5:3.1.3-2 5:3.1.4-3 4:3.1.4-2", on=(4,))
def versions_share_their_ids(t):
    """An id names one session, whichever version the next connection speaks."""
    four = t.session(t.id())
    four.subscribe(t.topic(), 1)
    five = t.session(t.id(), present=1, v=5)
    four.expect_closed()
    five.publish(t.topic(), "x", 1)
    five.expect_message(t.topic(), "x", 1)
