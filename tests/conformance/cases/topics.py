# SPDX-License-Identifier: Apache-2.0
"""Matching: levels, wildcards and $-topics."""

from harness.case import case, require, rows

ALL = (3, 4, 5)

# filter, topics that match, topics that don't. "~" stands for the case's own prefix.
MATCHES = [
    ("exact", "~/a/b", ["~/a/b"], ["~/a", "~/a/b/", "~/a/b/c", "~/A/b", "~/a/B"]),
    ("hash", "~/#", ["~", "~/", "~/a", "~/a/b", "~//"], ["~a", "x/~"]),
    ("hash deeper", "~/a/#", ["~/a", "~/a/", "~/a/b/c"], ["~", "~/ab", "~/b/a"]),
    ("plus last", "~/+", ["~/a", "~/"], ["~", "~/a/b", "~/a/"]),
    ("plus inside", "~/+/c", ["~/a/c", "~//c"], ["~/c", "~/a/b/c", "~/a/c/"]),
    ("two plus", "~/+/+", ["~/a/b", "~//", "~/a/"], ["~/a", "~/a/b/c"]),
    ("plus and hash", "~/+/#", ["~/a", "~/a/b", "~/", "~//x"], ["~"]),
    ("plus, level, hash", "~/+/b/#", ["~/a/b", "~/a/b/c/d"], ["~/b", "~/a/c/b"]),
    ("leading slash", "/~", ["/~"], ["~", "//~", "/~/"]),
    ("plus before slash", "+/~", ["/~", "a/~"], ["~", "a/b/~"]),
    ("empty levels", "~//b", ["~//b"], ["~/b", "~/a/b", "~///b"]),
    ("trailing slash", "~/a/", ["~/a/"], ["~/a", "~/a//"]),
    ("spaces", "~/a b", ["~/a b"], ["~/ab", "~/a  b"]),
    ("dollar not first", "~/$x/+", ["~/$x/a"], ["~/x/a"]),
    ("plus takes a later dollar", "~/+/a", ["~/$x/a"], []),
    ("question mark and star", "~/?/*", ["~/?/*"], ["~/a/b"]),
]


@rows("4:4.7.1-2 4:4.7.1-3 4:4.7.3-4 4:3.3.2-3 4:3.8.3-2 5:4.7.1-1 5:4.7.1-2 5:4.7.3-4 5:3.3.2-3",
      MATCHES, on=(4, 5))
def matching(t, pattern, matching, others):
    own = f"{t.prefix}v{t.v}"
    sub, pub = t.connect(), t.connect()
    sub.subscribe(pattern.replace("~", own))
    for topic in others + matching:
        pub.publish(topic.replace("~", own), topic)
    for topic in matching:
        sub.expect_publish(topic.replace("~", own), topic)
    t.only(sub, pub)


@rows("4:4.7.2-1 5:4.7.2-1", [("hash", "#"), ("plus", "+/~"), ("plus and hash", "+/#")], on=ALL)
def wildcards_in_front_do_not_match_dollar(t, pattern):
    own = f"{t.prefix}v{t.v}"
    sub, pub = t.connect(), t.connect()
    sub.subscribe(pattern.replace("~", own))
    pub.publish(f"$own/{own}", "hidden")
    pub.publish(f"own/{own}", "seen")
    while (packet := sub.receive()).topic != f"own/{own}":
        assert not packet.topic.startswith("$"), f"got {packet}"


@case("4:4.7.2-1 5:4.7.2-1", on=ALL)
def dollar_topics_match_their_own_prefix(t):
    own = f"$own{t.prefix}"
    sub, pub = t.connect(), t.connect()
    sub.subscribe(f"{own}/#")
    sub.subscribe(f"{own}x/+")
    pub.publish(f"{own}/a", "one")
    pub.publish(f"{own}x/a", "two")
    sub.expect_publish(f"{own}/a", "one")
    sub.expect_publish(f"{own}x/a", "two")


@case("4:4.7.2-1 5:4.7.2-1", on=(4, 5))
def retained_dollar_topics_are_not_matched_by_hash(t):
    topic = f"$own/{t.prefix}v{t.v}"
    pub = t.connect()
    pub.publish(topic, "kept", 1, retain=1)
    sub = t.connect()
    sub.subscribe(topic.replace("$own", "+"))
    t.only(sub, pub)
    sub.subscribe(topic)
    sub.expect_publish(topic, "kept", retain=1)
    pub.publish(topic, "", 1, retain=1)


@rows("4:4.7.3-3 5:4.7.3-3", [("128", 128), ("100", 100), ("64", 64)], on=(4, 5))
def deep_topics(t, levels):
    topic = "/".join([t.prefix] + ["x"] * (levels - 1))
    deep = "/".join([t.prefix] + ["+"] * (levels - 1))
    c = t.connect()
    c.subscribe(topic)
    c.publish(topic, "deep")
    c.expect_publish(topic, "deep")
    c.unsubscribe(topic)
    c.subscribe(deep)
    c.publish(topic, "deeper")
    c.expect_publish(topic, "deeper")


@case("4:3.3.5-1 4:3.3.2-3 5:3.3.4-2", on=ALL)
def a_client_s_filters_do_not_mix_with_another_s(t):
    one, two, pub = t.connect(), t.connect(), t.connect()
    one.subscribe(t.topic("a/+"), 1)
    two.subscribe(t.topic("+/b"), 0)
    pub.publish(t.topic("a/b"), "x", 2)
    one.expect_message(t.topic("a/b"), "x", 1)
    two.expect_message(t.topic("a/b"), "x", 0)
    pub.publish(t.topic("a/c"), "y")
    one.expect_message(t.topic("a/c"), "y")
    t.only(two, pub)


@rows("4:3.3.5-1 5:3.3.4-2", [("0, 1", (0, 1)), ("0, 1, 2", (0, 1, 2)), ("2, 0", (2, 0)),
                             ("1, 1", (1, 1))], on=ALL)
def overlapping_subscriptions_deliver_the_highest_qos(t, levels):
    """One copy or one a subscription: the highest QoS must be among them."""
    filters = [t.topic("a"), t.topic("+"), t.topic("#")]
    sub, pub = t.connect(), t.connect()
    for pattern, qos in zip(filters, levels):
        sub.subscribe(pattern, qos)
    sub.subscribe(t.prefix + "end", 0)
    pub.publish(t.topic("a"), "x", 2)
    pub.publish(t.prefix + "end", "end", 0)
    got = [packet.qos for packet in sub.collect(t.prefix + "end")]
    require(max(got) == max(levels) and len(got) in (1, len(levels)), f"got QoS {got}")
