# SPDX-License-Identifier: Apache-2.0
"""A disk that can be filled: a small tmpfs, unmounted when the test ends."""

import os
import subprocess


class SmallDisk:
    def __init__(self, case, folder, size):
        """`folder` is made. Skips the test where nothing may be mounted."""
        case.needs(os.geteuid() == 0, "needs root to mount a small tmpfs")
        os.makedirs(folder, exist_ok=True)
        done = case.command("mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "none", folder)
        case.needs(done.returncode == 0, f"no tmpfs may be mounted here: {done.stderr.strip()}")
        case.addCleanup(subprocess.run, ["umount", "--lazy", folder], check=True)
        self.folder = folder

    def fill(self):
        """To the last byte, as somebody else's log would. Returns the file to remove."""
        path = os.path.join(self.folder, "somebody-else-s")
        with open(path, "ab", buffering=0) as out:
            for size in (1 << 20, 4096, 1):
                try:
                    while True:
                        out.write(b"\0" * size)
                except OSError:
                    continue
        return path
