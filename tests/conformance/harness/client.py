# SPDX-License-Identifier: Apache-2.0
"""A test's connection: sends bytes, expects exact packets, silence or a close."""

import select
import socket
import time

from harness import decode, wire
from harness.properties import WireError

PATIENCE_S = 10.0

# For brokers that close without saying why: a DISCONNECT is what ours owes, the letter allows less.
lenient = False


class Failure(Exception):
    """An expectation was not met."""


def packet_head(raw):
    """(size of the fixed header, size of the packet), or None while it isn't complete."""
    length = 0
    for at in range(1, 5):
        if len(raw) <= at:
            return None
        length |= (raw[at] & 0x7F) << 7 * (at - 1)
        if not raw[at] & 0x80:
            return at + 1, at + 1 + length
    raise WireError(f"remaining length of five bytes: {raw[:6].hex(' ')}")


class Client:
    def __init__(self, sock, v, client_id, transcript, label):
        self.sock = sock
        self.v = v
        self.client_id = client_id
        self.connack = None
        self.buffer = bytearray()
        self.closed = False
        self.early = []
        self.transcript = transcript
        self.label = label
        self.next_packet_id = 1

    # Bytes and packets

    def note(self, arrow, raw, what=""):
        shown = raw[:120].hex(" ") + (f" ...({len(raw)} bytes)" if len(raw) > 120 else "")
        self.transcript.append(f"{self.label} {arrow} {shown}  {what}".rstrip())

    def send(self, *parts):
        raw = b"".join(parts)
        kind = decode.TYPES.get(raw[0] >> 4, "?") if raw else "nothing"
        self.note("->", raw, kind)
        try:
            self.sock.sendall(raw)
        except OSError as error:
            # The server may have closed already; what it said is still to be read.
            self.transcript.append(f"{self.label} (send: {error.strerror})")

    def send_slowly(self, raw):
        """One byte a write."""
        self.note("->", raw, "(one byte a write)")
        for at in range(len(raw)):
            self.sock.sendall(raw[at:at + 1])

    def receive(self, timeout=PATIENCE_S):
        """The next packet; None at the end of the connection; Failure when nothing comes."""
        if self.early:
            return self.early.pop(0)
        deadline = time.monotonic() + timeout
        while True:
            packet = self._take()
            if packet:
                return packet
            if self.closed:
                if self.buffer:
                    raise WireError(f"closed inside a packet: {bytes(self.buffer).hex(' ')}")
                return None
            if not self._read(deadline):
                raise Failure(f"{self.label}: nothing came within {timeout} s")

    def _take(self):
        head = packet_head(self.buffer)
        if head is None or len(self.buffer) < head[1]:
            return None
        raw = bytes(self.buffer[:head[1]])
        del self.buffer[:head[1]]
        self.note("<-", raw)
        packet = decode.decode(raw, head[0], self.v)
        self.transcript[-1] += f"  {packet}"
        return packet

    def is_readable(self, seconds):
        """Whether something has come or comes in that time."""
        if self.early or packet_head(self.buffer) is not None:
            return True
        return self._poll(seconds)

    def _poll(self, seconds):
        # poll, not select: a run may hold descriptors beyond 1024.
        poller = select.poll()
        poller.register(self.sock, select.POLLIN)
        return bool(poller.poll(seconds * 1000))

    def _read(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0 or not self._poll(left):
            return False
        try:
            data = self.sock.recv(65536)
        except (ConnectionResetError, BrokenPipeError):
            data = b""
        except OSError as error:
            raise Failure(f"{self.label}: {error}") from error
        if not data:
            self.closed = True
            self.transcript.append(f"{self.label} <- closed")
        self.buffer += data
        return True

    def close(self):
        self.sock.close()

    def abort(self):
        """Drops the connection with a reset, as a crashed peer does."""
        self.transcript.append(f"{self.label} -> reset")
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    def cut(self):
        """Ends the connection without DISCONNECT and waits until the server has closed too."""
        self.transcript.append(f"{self.label} -> end of stream")
        self.sock.shutdown(socket.SHUT_WR)
        while self.receive() is not None:
            pass
        self.sock.close()

    # Expectations

    def expect(self, kind, timeout=PATIENCE_S, **fields):
        packet = self.receive(timeout)
        wanted = ", ".join(f"{k}={decode.shorten(v)}" for k, v in fields.items())
        if packet is None:
            raise Failure(f"{self.label}: expected {kind}({wanted}), got the end of the connection")
        wrong = [k for k, v in fields.items() if getattr(packet, k, None) != v]
        if packet.kind != kind or wrong:
            raise Failure(f"{self.label}: expected {kind}({wanted}),\n     got {packet}")
        return packet

    def expect_closed(self):
        packet = self.receive()
        if packet is not None:
            raise Failure(f"{self.label}: expected a close without a packet, got {packet}")

    def expect_end(self):
        """A close; a DISCONNECT that says why may come before it (v5), nothing else."""
        packet = self.receive()
        if packet is not None and packet.kind == "DISCONNECT":
            packet = self.receive()
        if packet is not None:
            raise Failure(f"{self.label}: expected the end of the connection, got {packet}")

    def expect_refused(self, *codes):
        """The connection is ended for a fault: v5 says which by DISCONNECT, v3 just closes."""
        if self.v < 5:
            return self.expect_closed()
        wanted = " or ".join(f"0x{code:02x}" for code in codes)
        packet = self.receive()
        if packet is None and lenient:
            return None
        if packet is None or packet.kind != "DISCONNECT" or packet.code not in codes:
            raise Failure(f"{self.label}: expected DISCONNECT {wanted}, got {packet or 'a close'}")
        return self.expect_closed()

    def expect_connect_refused(self, *codes, silent=True):
        """CONNECT is refused: a close, or where `codes` are given CONNACK with one of them."""
        packet = self.receive()
        wanted = " or ".join(f"0x{code:02x}" for code in codes)
        if packet is None:
            if not silent:
                raise Failure(f"{self.label}: expected CONNACK {wanted}, got a close")
            return
        if packet.kind != "CONNACK" or packet.code not in codes:
            raise Failure(f"{self.label}: expected a close or CONNACK [{wanted}], got {packet}")
        self.expect_closed()

    def expect_publish(self, topic, payload, qos=0, retain=0, dup=0, props=None, packet_id=None,
                       timeout=PATIENCE_S):
        payload = payload.encode() if isinstance(payload, str) else payload
        fields = dict(topic=topic, payload=payload, qos=qos, retain=retain, dup=dup,
                      props=props or {})
        if packet_id is not None:
            fields["packet_id"] = packet_id
        return self.expect("PUBLISH", timeout, **fields)

    def expect_message(self, topic, payload, qos=0, **more):
        """A PUBLISH and its whole acknowledgement."""
        packet = self.expect_publish(topic, payload, qos, **more)
        self.acknowledge(packet)
        return packet

    def expect_nothing(self):
        """Nothing is waiting: PINGRESP is the next that comes."""
        self.send(wire.pingreq())
        self.expect("PINGRESP")

    def expect_quiet(self, seconds):
        """Nothing comes for a while: only where no later event could stand as a marker."""
        deadline = time.monotonic() + seconds
        while self._read(deadline):
            packet = self._take()
            if packet or self.closed:
                raise Failure(f"{self.label}: expected silence, got {packet or 'a close'}")

    def collect(self, last_topic):
        """All messages until one on `last_topic`, acknowledged as they come, and what it took."""
        messages = []
        while True:
            packet = self.receive()
            if packet is None:
                raise Failure(f"{self.label}: closed before {last_topic!r} came")
            if packet.kind == "PUBREL":
                self.send(wire.pubcomp(self.v, packet.packet_id))
            elif packet.kind == "PUBLISH" and packet.topic == last_topic:
                return messages
            elif packet.kind == "PUBLISH":
                messages.append(packet)
                if packet.qos:
                    make = wire.puback if packet.qos == 1 else wire.pubrec
                    self.send(make(self.v, packet.packet_id))

    # Conversations

    def acknowledge(self, packet):
        if packet.qos == 1:
            self.send(wire.puback(self.v, packet.packet_id))
        elif packet.qos == 2:
            self.send(wire.pubrec(self.v, packet.packet_id))
            self.answer("PUBREL", packet_id=packet.packet_id, code=0)
            self.send(wire.pubcomp(self.v, packet.packet_id))

    def answer(self, kind, **fields):
        """Expects an answer; messages may come before it and wait in `early`."""
        early = []
        while True:
            packet = self.receive()
            if packet is None or packet.kind != "PUBLISH":
                break
            early.append(packet)
        self.early = [packet]
        try:
            return self.expect(kind, **fields)
        finally:
            self.early = early

    def take_id(self):
        packet_id = self.next_packet_id
        self.next_packet_id = packet_id % 65535 + 1
        return packet_id

    def subscribe(self, topic_filter, qos=0, no_local=0, rap=0, rh=0, granted=None, props=None):
        """SUBSCRIBE to one filter; the SUBACK must grant what was asked for."""
        packet_id = self.take_id()
        option = wire.options(qos, no_local, rap, rh)
        self.send(wire.subscribe(self.v, packet_id, [(topic_filter, option)], props))
        codes = [qos if granted is None else granted]
        return self.answer("SUBACK", packet_id=packet_id, codes=codes)

    def unsubscribe(self, topic_filter, code=0):
        packet_id = self.take_id()
        self.send(wire.unsubscribe(self.v, packet_id, [topic_filter]))
        codes = [code] if self.v == 5 else []
        self.answer("UNSUBACK", packet_id=packet_id, codes=codes)

    def publish(self, topic, payload=b"", qos=0, retain=0, props=None, code=None):
        """PUBLISH and its whole handshake. `code` checks the first acknowledgement's reason."""
        packet_id = self.take_id() if qos else None
        self.send(wire.publish(self.v, topic, payload, qos, retain, 0, packet_id, props))
        if not qos:
            return
        first = self.answer("PUBACK" if qos == 1 else "PUBREC", packet_id=packet_id)
        if first.code not in ((0, 0x10) if code is None else (code,)):
            raise Failure(f"{self.label}: {first.kind} with reason code 0x{first.code:02x}")
        if qos == 2 and first.code < 0x80:
            self.send(wire.pubrel(self.v, packet_id))
            self.answer("PUBCOMP", packet_id=packet_id, code=0)

    def disconnect(self, code=None, props=None):
        """DISCONNECT, and the server's close."""
        self.send(wire.disconnect(self.v, code, props))
        while (packet := self.receive()) is not None:
            if packet.kind != "PUBLISH":
                raise Failure(f"{self.label}: {packet} after DISCONNECT")
        self.sock.close()
