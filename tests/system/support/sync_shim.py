# SPDX-License-Identifier: Apache-2.0
"""A disk of a process of ours that lies, fails, is slow or hangs: what sync_shim.c makes of fsync.

    shim = SyncShim(self)
    server = self.broker(env=shim.env())
    shim.say("delay 300")
"""

import os

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sync_shim.c")


class SyncShim:
    def __init__(self, case):
        case.needs(case.command("gcc", "--version").returncode == 0, "gcc is not installed")
        self.library = os.path.join(case.folder, "sync_shim.so")
        self.folder = case.folder
        done = case.command("gcc", "-shared", "-fPIC", "-O1", "-o", self.library, SOURCE, "-ldl")
        case.assertEqual(done.returncode, 0, done.stderr)

    def _control(self, name):
        return os.path.join(self.folder, f"shim-says{name and '-' + name}")

    def env(self, name=""):
        """The environment of a process; of each that has a name of its own."""
        return {"LD_PRELOAD": self.library, "ROOST_SHIM": self._control(name),
                "ASAN_OPTIONS": "verify_asan_link_order=0"}

    def say(self, word, name=""):
        """At once and whole, for whoever reads meanwhile; "" is the disk as it is."""
        path = self._control(name)
        with open(path + ".new", "w", encoding="ascii") as out:
            out.write(word)
        os.replace(path + ".new", path)
