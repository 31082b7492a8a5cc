# SPDX-License-Identifier: Apache-2.0
"""A command whose output lines are read while it runs: mosquitto_sub, node, roost sub."""

import json
import queue
import re
import subprocess
import threading

PATIENCE_S = 15
_DEBUG = re.compile(rb"^(Client |Subscribed |Sending |Received )")


class Tool:
    def __init__(self, command, env=None, cwd=None):
        self.command = command
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, env=env, cwd=cwd)
        self.lines = queue.Queue()
        self.seen = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip(b"\n"))
        self.lines.put(None)

    def line(self, seconds=PATIENCE_S):
        """The next line; None when the command has ended."""
        try:
            line = self.lines.get(timeout=seconds)
        except queue.Empty:
            raise AssertionError(f"no line within {seconds} s from {self._told()}") from None
        if line is not None:
            self.seen.append(line)
        return line

    def _told(self):
        return f"{' '.join(map(str, self.command))}; so far: {self.seen[-20:]}"

    def wait_for(self, pattern, seconds=PATIENCE_S):
        while True:
            line = self.line(seconds)
            if line is None:
                raise AssertionError(f"ended without /{pattern}/: {self._told()}")
            if re.search(pattern.encode(), line):
                return line

    def message(self, seconds=PATIENCE_S):
        """The next line that is no debug line of mosquitto's clients."""
        while True:
            line = self.line(seconds)
            if line is None:
                raise AssertionError(f"ended without a message: {self._told()}")
            if not _DEBUG.match(line):
                return line.decode("utf-8", "replace")

    def tell(self, **command):
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        self.process.stdin.flush()

    def event(self, seconds=PATIENCE_S):
        """The next line as JSON."""
        line = self.line(seconds)
        if line is None:
            raise AssertionError(f"ended: {self._told()}")
        return json.loads(line)

    def finish(self, seconds=PATIENCE_S):
        """Waits for its end; the exit code."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still runs after {seconds} s: {self._told()}") from None

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.reader.join(5)  # who closes a pipe that is being read gets odd errors
        for pipe in (self.process.stdin, self.process.stdout):
            try:
                pipe.close()
            except OSError:
                pass
