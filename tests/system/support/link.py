# SPDX-License-Identifier: Apache-2.0
"""A connection that never blocks: many of them share one loop. See fleet.py."""

import socket

from harness import decode
from harness.client import packet_head


class Link:
    def __init__(self, port, v):
        self.v = v
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setblocking(False)
        self.incoming = bytearray()
        self.outgoing = bytearray()
        self.closed = False

    def send(self, raw):
        self.outgoing += raw
        self.flush()

    def flush(self):
        while self.outgoing and not self.closed:
            try:
                del self.outgoing[:self.sock.send(self.outgoing)]
            except BlockingIOError:
                return
            except OSError:
                # What the peer said before it went is still to be read.
                self.outgoing.clear()

    def packets(self):
        """What has come, decoded; `closed` is set when nothing will follow."""
        self._read()
        while (head := packet_head(self.incoming)) and len(self.incoming) >= head[1]:
            raw = bytes(self.incoming[:head[1]])
            del self.incoming[:head[1]]
            yield decode.decode(raw, head[0], self.v)

    def _read(self):
        while not self.closed:
            try:
                data = self.sock.recv(262144)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            self.closed = not data
            self.incoming += data

    def close(self):
        self.sock.close()
