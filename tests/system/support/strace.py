# SPDX-License-Identifier: Apache-2.0
"""Reads `strace -f -y -xx` and judges whether an acknowledgement waited for its fsync.

strace sees one event at a time, so the order of its lines is the order of things: a call begins
where its line begins and ends where its line, or its "resumed" line, is. An acknowledgement is in
order when some file below the data directory was given the whole record, a sync of that file began
after that and came back with 0, and only then the call began that writes the acknowledgement.
"""

import re
from collections import defaultdict

from harness import decode
from harness.client import packet_head

CALLS = ("write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,sendmmsg,read,recvfrom,recvmsg,"
         "fsync,fdatasync,sync_file_range,msync,io_uring_enter,openat,rename")
OPTIONS = ["-f", "-y", "-xx", "-s", "4000000", "-e", f"trace={CALLS}", "-e", "signal=none"]

_LINE = re.compile(r"^(\d+)\s+(.*)$")
_RESUMED = re.compile(r"^<\.\.\. (\w+) resumed>(.*)$", re.DOTALL)
_CALL = re.compile(r"^(\w+)\((.*)$", re.DOTALL)
_FILE = re.compile(r"^(\d+)<((?:[^<>\\]|\\.|<[^<>]*>|->)*)>")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_RESULT = re.compile(r"\)\s+= (-?\d+|\?)[^=]*$")

WRITES = {"write", "writev", "pwrite64", "pwritev", "pwritev2"}
SENDS = WRITES | {"sendto", "sendmsg", "sendmmsg"}
SYNCS = {"fsync", "fdatasync"}


class Call:
    """A system call: its line numbers at entry and exit, the file's name, the bytes, the result."""

    def __init__(self, name, text, began):
        self.name = name
        self.text = text
        self.began = began
        self.ended = None
        self.result = None

    def finish(self, ended):
        self.ended = ended
        result = _RESULT.search(self.text)
        self.result = int(result[1]) if result and result[1] != "?" else None
        file = _FILE.match(self.text)
        self.number = int(file[1]) if file else None
        self.file = re.sub(r"\\x([0-9a-f]{2})", lambda m: chr(int(m[1], 16)),
                           file[2]) if file else ""
        self.data = b"".join(bytes.fromhex(t.replace("\\x", "")) for t in _TEXT.findall(self.text))
        self.is_injected = "(INJECTED)" in self.text
        self.text = ""
        return self


def calls(lines):
    """The finished calls, in the order of their ends."""
    pending = {}
    for at, line in enumerate(lines):
        match = _LINE.match(line.rstrip("\n"))
        if not match:
            continue
        thread, text = match[1], match[2]
        resumed = _RESUMED.match(text)
        if resumed and thread in pending:
            call = pending.pop(thread)
            call.text += resumed[2]
            yield call.finish(at)
        elif begun := _CALL.match(text):
            call = Call(begun[1], begun[2], at)
            if call.text.endswith("<unfinished ...>"):
                call.text = call.text[:-len("<unfinished ...>")]
                pending[thread] = call
            else:
                yield call.finish(at)


class Trace:
    def __init__(self, lines, data_dir):
        self.syncs = defaultdict(list)  # file -> [(began, ended)] of those that came back with 0
        self.writes = []  # those to files below the data directory
        self.acks = []  # (line, socket, kind, packet id), each where its first byte is written
        self.received = defaultdict(list)  # socket -> [(line, kind, packet id, payload)]
        self._begun = {}  # socket -> line where the packet begins that isn't whole yet
        ins, outs = defaultdict(bytearray), defaultdict(bytearray)
        for call in calls(lines):
            if call.name in SYNCS and call.result == 0 and not call.is_injected:
                self.syncs[call.file].append((call.began, call.ended))
            elif call.name in WRITES and call.file.startswith(data_dir):
                self.writes.append(call)
            elif call.name in SENDS and self._is_socket(call) and (call.result or 0) > 0:
                self._sent(call, outs[call.file])
            elif self._is_socket(call) and (call.result or 0) > 0:
                self._came(call, ins[call.file])

    @staticmethod
    def _is_socket(call):
        return call.file.startswith(("TCP", "socket:"))

    def _sent(self, call, stream):
        begun = self._begun.pop(call.file, call.began)
        stream += call.data[:call.result]
        while (head := packet_head(stream)) and len(stream) >= head[1]:
            kind = decode.TYPES.get(stream[0] >> 4)
            if kind in ("PUBACK", "PUBREC"):
                self.acks.append((begun, call.file, kind, int.from_bytes(stream[2:4], "big")))
            del stream[:head[1]]
            begun = call.began
        if stream:
            self._begun[call.file] = begun

    def _came(self, call, stream):
        stream += call.data[:call.result]
        while (head := packet_head(stream)) and len(stream) >= head[1]:
            raw = bytes(stream[:head[1]])
            del stream[:head[1]]
            if raw[0] >> 4 == 3 and raw[0] & 6:
                at = head[0] + 2 + int.from_bytes(raw[head[0]:head[0] + 2], "big")
                self.received[call.file].append((call.ended, int.from_bytes(raw[at:at + 2], "big"),
                                                 raw[at + 2:]))

    def _is_stored(self, token, after, before):
        """Whether a record with this text was written and synced between two lines."""
        return any(write.ended < began and ended < before
                   for write in self.writes
                   if token in write.data and after < write.began and write.ended < before
                   for began, ended in self.syncs[write.file])

    def faults(self, token_of):
        """What is wrong with the acknowledgements. `token_of(payload)`: text that only this
        message's record has; None: nothing was promised."""
        found = []
        for line, sock, kind, packet_id in self.acks:
            came = [r for r in self.received[sock] if r[1] == packet_id and r[0] < line]
            token = token_of(came[-1][2]) if came else None
            if not came:
                found.append(f"{kind} {packet_id} at line {line} for nothing")
            elif token is not None and not self._is_stored(token, came[-1][0], line):
                found.append(f"{kind} {packet_id} at line {line}: {token} came at line "
                             f"{came[-1][0]} and was not written and synced in between")
        return found
