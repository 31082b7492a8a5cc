# SPDX-License-Identifier: Apache-2.0
"""deploy/systemd/roost.service as systemd reads it; package_test.py runs it under one, in a container."""

import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

UNIT = Path(__file__).resolve().parents[2] / "deploy" / "systemd" / "roost.service"
BACKUPS = "/var/backups/roost"
EXPOSURE = 1.5  # of 10; what is left is the network, sockets and the file tree that a broker needs


@unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
class Unit(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="roost-unit-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def written(self, change=lambda text: text):
        """A copy with a binary that is there."""
        path = self.folder / "roost.service"
        path.write_text(change(UNIT.read_text().replace("/usr/bin/roost", "/bin/true")))
        return path

    def analyze(self, *parts):
        return subprocess.run(["systemd-analyze", *map(str, parts)], capture_output=True, text=True,
                              timeout=60, check=False, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})

    def verify(self, path):
        done = self.analyze("verify", "--man=no", "--recursive-errors=no", path)
        return done.returncode, done.stdout + done.stderr

    def test_systemd_finds_nothing_to_say_of_it(self):
        self.assertEqual(self.verify(self.written()), (0, ""))

    def test_what_systemd_does_not_know_would_be_said(self):
        _, said = self.verify(self.written(lambda text: text.replace("WatchdogSec", "WatchDogSecs")))
        self.assertIn("WatchDogSecs", said)

    def test_it_is_closed(self):
        done = self.analyze("security", "--offline=yes", UNIT)
        level = float(re.search(r"exposure level for roost\.service: ([0-9.]+)", done.stdout)[1])
        print(f"  exposure of the unit: {level} of 10", flush=True)
        self.assertLess(level, EXPOSURE)

    def test_the_data_and_backups_are_all_it_can_write(self):
        """The folder that the package makes, and that config, manual and runbook name."""
        unit = UNIT.read_text()
        self.assertIn("ProtectSystem=strict\n", unit)
        self.assertEqual(re.findall(r"^ReadWritePaths=(.*)", unit, re.MULTILINE), [f"-{BACKUPS}"])
        deploy = UNIT.parents[1]
        for name in ("debian/postinst", "debian/postrm", "debian/roost.yaml", "debian/roost.1",
                     "README.md", "runbooks/RoostBackupFailed.md"):
            self.assertIn(BACKUPS, (deploy / name).read_text(), name)

    def test_an_open_one_would_be_seen(self):
        path = self.written(lambda text: re.sub(r"^(Protect|Private|Restrict|System).*\n", "", text,
                                                flags=re.MULTILINE))
        done = self.analyze("security", "--offline=yes", "--threshold", int(10 * EXPOSURE), path)
        self.assertNotEqual(done.returncode, 0, done.stdout)
