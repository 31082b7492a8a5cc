# SPDX-License-Identifier: Apache-2.0
"""Machines that aren't there: a network namespace each, joined by a bridge that this one is on too.

What goes from one machine to another is dropped by giving the other's address a MAC address that
nobody has: silently, in one direction, for connections that are there and for new ones.
"""

import os
import random
import subprocess

NOBODY = "02:00:00:00:00:00"
TRIES = 50


def _run(*words):
    return subprocess.run(["ip", *words], capture_output=True, text=True, check=False)


class Lan:
    """Made for a test case and gone with it. Skips the case where there can be none."""

    def __init__(self, case, names):
        case.needs(os.geteuid() == 0, "needs root for network namespaces")
        self.case = case
        self.names = list(names)
        self.dropped = set()  # (from, to)
        self._make_bridge()
        for number, name in enumerate(self.names):
            self._make_machine(number, name)

    def _make_bridge(self):
        """Its name says whose it is; the third number of the addresses is taken with it."""
        for number in random.sample(range(1, 255), TRIES):
            self.bridge, self.network = f"rl{number}", f"10.78.{number}"
            done = _run("link", "add", "name", self.bridge, "type", "bridge")
            if done.returncode == 0:
                break
            if "File exists" not in done.stderr:
                self.case.skipTest(f"no bridge here: {done.stderr}")
        else:
            raise AssertionError(f"{TRIES} bridges are taken: old ones left over?")
        self.case.addCleanup(_run, "link", "del", self.bridge)
        self._must("addr", "add", f"{self.network}.1/24", "dev", self.bridge)
        self._must("link", "set", self.bridge, "up")

    def _make_machine(self, number, name):
        space = self.space(name)
        done = _run("netns", "add", space)
        self.case.needs(done.returncode == 0, f"no network namespace here: {done.stderr}")
        self.case.addCleanup(_run, "netns", "del", space)
        end = f"{self.bridge}p{number}"
        self._must("link", "add", end, "type", "veth", "peer", "name", "eth0", "netns", space)
        self.case.addCleanup(_run, "link", "del", end)  # with its space it goes some time later
        self._must("link", "set", end, "master", self.bridge)
        self._must("link", "set", end, "up")
        self._must("-n", space, "addr", "add", f"{self.address(name)}/24", "dev", "eth0")
        self._must("-n", space, "link", "set", "eth0", "up")
        self._must("-n", space, "link", "set", "lo", "up")

    @staticmethod
    def _must(*words):
        done = _run(*words)
        if done.returncode:
            raise AssertionError(f"ip {' '.join(words)}: {done.stderr}")

    def space(self, name):
        return f"{self.bridge}-{name}"

    def address(self, name):
        return f"{self.network}.{self.names.index(name) + 11}"

    def prefix(self, name):
        """In front of a command that shall run on that machine."""
        return ["ip", "netns", "exec", self.space(name)]

    # Faults

    def one_way(self, source, target):
        """What `source` sends to `target` doesn't arrive; the other way it does."""
        self._must("-n", self.space(source), "neigh", "replace", self.address(target), "lladdr",
                   NOBODY, "dev", "eth0", "nud", "permanent")
        self.dropped.add((source, target))

    def partition(self, some, others):
        """Names or lists of names: nothing goes between the two sides."""
        for one in [some] if isinstance(some, str) else some:
            for other in [others] if isinstance(others, str) else others:
                self.one_way(one, other)
                self.one_way(other, one)

    def cut_off(self, name):
        """From all the other machines; not from this one, where the clients are."""
        self.partition(name, [other for other in self.names if other != name])

    def heal(self):
        for source, target in sorted(self.dropped):
            _run("-n", self.space(source), "neigh", "del", self.address(target), "dev", "eth0")
        self.dropped.clear()

    def pull_cable(self, name, out=True):
        """From everything, clients too; or puts it in again."""
        end = f"{self.bridge}p{self.names.index(name)}"
        self._must("link", "set", end, "down" if out else "up")
