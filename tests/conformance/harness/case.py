# SPDX-License-Identifier: Apache-2.0
"""What a case is, how it is declared, and what it gets to work with."""

import itertools
import socket

from harness import wire
from harness.client import Client, Failure

CASES = []
_numbers = itertools.count(1)


class Skip(Exception):
    """The case can't run here; the text says why."""


class Case:
    def __init__(self, name, clauses, v, body, slow, needs):
        self.name = name
        self.clauses = clauses
        self.v = v
        self.body = body
        self.slow = slow
        self.needs = needs
        self.number = next(_numbers)


def _for_version(clauses, v):
    """The clause ids of one version out of "4:3.1.0-1 5:3.1.0-1". 3.1 has none: it borrows."""
    wanted = "5:" if v == 5 else "4:"
    return [c[2:] for c in clauses.split() if c.startswith(wanted)]


def case(clauses, on=None, slow=0, needs="open"):
    """Registers a function for each version in `on` (by default those with a clause).

    `slow` is how many seconds it waits for a deadline: the slowest start first. `needs` names
    the broker that it runs against: "open" has defaults, "tight" has small limits.
    """
    versions = on or sorted({int(c[0]) for c in clauses.split()})

    def register(function):
        chapter = function.__module__.rsplit(".", 1)[-1]
        for v in versions:
            name = f"v{v}/{chapter}/{function.__name__}"
            CASES.append(Case(name, _for_version(clauses, v), v, function, slow, needs))
        return function
    return register


def rows(clauses, table, on, needs="open"):
    """Registers a function once for each row of a table: a label, then its other arguments."""
    def register(function):
        chapter = function.__module__.rsplit(".", 1)[-1]
        for (label, *arguments), v in itertools.product(table, on):
            def body(t, arguments=tuple(arguments)):
                function(t, *arguments)
            name = f"v{v}/{chapter}/{function.__name__}[{label}]"
            CASES.append(Case(name, _for_version(clauses, v), v, body, 0, needs))
        return function
    return register


class Context:
    """One run of one case: its version, its names, its connections."""

    def __init__(self, the_case, broker):
        self.v = the_case.v
        self.broker = broker
        self.prefix = f"t{the_case.number}"
        self.transcript = []
        self.clients = []

    def topic(self, name="a"):
        return f"{self.prefix}/{name}"

    def id(self, name="a"):
        return f"{self.prefix}-{name}"

    def raw(self, v=None, client_id=None, label=None):
        """A connection on which nothing was said yet."""
        sock = socket.create_connection((self.broker.host, self.broker.port), timeout=10)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number = len(self.clients) + 1
        client_id = self.id(f"c{number}") if client_id is None else client_id
        label = label or f"[{client_id[-20:] or number}]"
        client = Client(sock, v or self.v, client_id, self.transcript, label)
        self.clients.append(client)
        return client

    def connect(self, client_id=None, v=None, present=0, **more):
        """A connected client; `present` is the session-present flag that CONNACK must have."""
        client = self.raw(v, client_id)
        client.send(wire.connect(client.v, client.client_id, **more))
        client.connack = client.expect("CONNACK", session_present=present, code=0)
        return client

    def session(self, client_id, present=0, v=None, expiry=600, **more):
        """A connection to a session that outlives it."""
        if (v or self.v) == 5:
            more["props"] = dict(more.get("props") or {}, session_expiry=expiry)
        return self.connect(client_id, v, present, clean=False, **more)

    def only(self, sub, pub, name="marker"):
        """Nothing has reached `sub` that should not: what `pub` sends now is next."""
        topic = f"{self.prefix}-{name}"
        sub.subscribe(topic)
        pub.publish(topic, name)
        sub.expect_publish(topic, name)

    def close(self):
        for client in self.clients:
            client.close()


def require(condition, message):
    if not condition:
        raise Failure(message)
