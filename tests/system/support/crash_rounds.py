# SPDX-License-Identifier: Apache-2.0
"""Rounds of load and kill -9 on one data directory, and what must be true of them."""

import re
import signal
import time

from support import ledger
from support.fleet import Fleet
from support.publisher import Publisher
from support.subscriber import Subscriber

WINDOW = 24
SETTLE_S = 40
EXTRA = ["extra/0", "extra/1", "extra/2"]
STATES = 20


class Retainer(Publisher):
    """Retained values; every 9th clears its topic."""

    def __init__(self, fleet, client_id, v):
        super().__init__(fleet, client_id, v, durable=True, qos=1, retain=True,
                         topics=lambda number: f"state/{number % STATES}")

    def payload(self, sent):
        return b"" if sent.number % 9 == 8 else super().payload(sent)

    def possible(self):
        """{topic: payloads that may be retained now}: the last acknowledged, any sent later."""
        found = {}
        for sent in self.sent:
            if sent.acked_at is not None:
                found[sent.topic] = [self.payload(sent)]
            else:
                found.setdefault(sent.topic, [b""]).append(self.payload(sent))
        return found


class CrashRounds:
    def __init__(self, case, server, seed):
        self.case = case
        self.server = server
        self.seed = seed
        self.fleet = Fleet(server, seed, WINDOW)
        self.random = self.fleet.random
        self.round = 0
        self._people()

    def _people(self):
        fleet = self.fleet

        def load(name):
            return lambda number: f"load/{name}/{number % 4}"

        self.publishers = [
            Publisher(fleet, name, v, durable, qos, load(name))
            for name, v, durable, qos in (
                ("d1", 4, True, 1), ("d2", 4, True, 2), ("e1", 5, True, 1), ("e2", 5, True, 2),
                ("c1", 4, False, 1), ("c2", 5, False, 2))]
        self.publishers.append(Publisher(fleet, "x1", 5, True, 1,
                                         lambda number: EXTRA[number % len(EXTRA)]))
        self.retainer = Retainer(fleet, "keeper", 4)
        self.subscribers = [
            Subscriber(fleet, "all-1", 4, 1, ["load/#"]),
            Subscriber(fleet, "all-2", 5, 2, ["load/#"]),
            Subscriber(fleet, "some-2", 4, 2, ["load/d2/#", "load/c2/#", "load/e1/+"]),
            Subscriber(fleet, "some-1", 5, 1, ["load/+/1", "load/+/3", *EXTRA]),
            Subscriber(fleet, "hopper", 5, 2, EXTRA)]
        self.sleeper = Subscriber(fleet, "sleeper", 4, 2, ["load/d2/0", "load/c1/0", "load/e2/0"])
        self.hoppers = self.subscribers[3:]

    def begin(self):
        """Everybody's first SUBACK is there."""
        everybody = [*self.subscribers, self.sleeper]
        done = self.fleet.run(15, lambda: all(s.is_settled() or s.receipts for s in everybody))
        self.check(done, "not everybody was subscribed in 15 s")
        self.sleeper.wanted = False

    def load(self, seconds):
        """Publishes, subscribes, unsubscribes, goes away and comes back for a while."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.fleet.run(min(left, self.random.uniform(0.02, 0.2)))
            chance = self.random.random()
            if chance < 0.3:
                self.random.choice(self.hoppers).toggle(self.random.choice(EXTRA))
            elif chance < 0.4:
                absent = self.random.choice(self.subscribers)
                absent.wanted = not absent.wanted

    def run_round(self):
        self.round += 1
        self.load(self.random.uniform(0.01, 1.0))
        self.fleet.crash()
        self.server.start(wait=False)
        if self.random.random() < 0.2:  # again, while it starts
            self.fleet.run(self.random.uniform(0, 0.2))
            self.fleet.crash()
            self.server.start(wait=False)
        if self.random.random() < 0.3:
            self.check_retained()
        everybody = [*self.publishers, self.retainer, *self.subscribers]
        back = self.fleet.run(30, lambda: all(a.online or not a.wanted for a in everybody))
        self.check(back, "not everybody was back within 30 s of a restart")

    def check_retained(self):
        """Before anybody else has come back."""
        self.server.wait_until_open()
        possible = self.retainer.possible()
        found = self.case.retained(self.server, "state")
        for topic, payloads in possible.items():
            value = found.get(topic, b"")
            self.check(value in payloads, f"retained {topic} is {value!r}, not one of {payloads}")
        self.check(not set(found) - set(possible), f"retained from nowhere: {found}")

    def settle(self):
        """No more is published; everybody comes home."""
        everybody = [*self.subscribers, self.sleeper]
        senders = [*self.publishers, self.retainer]
        for actor in senders:
            actor.limit = len(actor.sent)
        for actor in everybody:
            actor.wanted = True

        def is_done():
            return (all(a.is_settled() for a in senders) and self.fleet.is_quiet(0.5) and
                    all(s.is_settled() for s in everybody) and
                    not any(ledger.owed(s, self.publishers) for s in everybody))

        self.fleet.run(SETTLE_S, is_done)
        for actor in [*senders, *everybody]:
            if not actor.is_settled():
                self.fleet.wrong(actor, "is still waiting for something at the end")

    def finish(self):
        self.settle()
        self.fleet.faults += ledger.faults([*self.subscribers, self.sleeper], self.publishers)
        self.check_retained()
        self.check(not self.fleet.faults, "")
        self.case.check_log(self.server)

    def terminate(self):
        """SIGTERM while they publish; what was already sent is read to its end."""
        self.fleet.must_be_alive()
        started = time.monotonic()
        self.server.process.send_signal(signal.SIGTERM)
        ended = self.fleet.run(20, lambda: self.server.process.poll() is not None)
        seconds = time.monotonic() - started
        self.check(ended and seconds < 10, f"SIGTERM took {seconds:.1f} s")
        self.check(self.server.process.returncode == 0, f"exit {self.server.process.returncode}")
        self.fleet.run(0.05)

    def check(self, condition, what):
        if condition and not self.fleet.faults:
            return
        faults = [what, *self.fleet.faults] if not condition else self.fleet.faults
        self.case.fail(f"ROOST_SEED={self.seed}, round {self.round}:\n" + "\n".join(faults[:8]) +
                       f"\nthe log's end:\n{self.log_tail()}")

    def log_tail(self):
        lines = [line for line in self.server.log().splitlines()
                 if not re.search(r"\b(connected|disconnected)\b", line)]
        return "\n".join(lines[-25:])

    def figures(self):
        sent = sum(len(p.sent) for p in self.publishers)
        received = sum(len(s.receipts) for s in [*self.subscribers, self.sleeper])
        return f"{self.round} rounds, {sent} published, {received} received"

    def close(self):
        self.fleet.close()
