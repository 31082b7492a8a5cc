# SPDX-License-Identifier: Apache-2.0
"""Stands between a client and a broker and does to one PUBLISH what a broker must not do."""

import socket
import threading

PUBLISH = 3


def lose(_):
    return b""


def send_twice(packet):
    return packet + packet


def send_twice_as_another(packet):
    """Again under another packet identifier: a second QoS 2 message to whoever receives it."""
    head = 1
    while packet[head] & 0x80:
        head += 1
    at = head + 3 + int.from_bytes(packet[head + 1:head + 3], "big")
    return packet + packet[:at] + (60000).to_bytes(2, "big") + packet[at + 2:]


class AlteringProxy:
    """`alter` gets the `number`th PUBLISH to a client and gives what is sent instead; None: it
    waits until the next one has been sent."""

    def __init__(self, port, number, alter=None):
        self._broker = ("127.0.0.1", port)
        self._number = number
        self._alter = alter
        self._lock = threading.Lock()
        self._seen = 0
        self._held = b""
        self._sockets = [socket.create_server(("127.0.0.1", 0))]
        self.port = self._sockets[0].getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        for sock in self._sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._sockets[0].accept()
            except OSError:
                return
            broker = socket.create_connection(self._broker)
            self._sockets += [client, broker]
            for target, ends in ((self._to_broker, (client, broker)),
                                 (self._to_client, (broker, client))):
                threading.Thread(target=self._carry, args=(target, *ends), daemon=True).start()

    @staticmethod
    def _carry(target, source, sink):
        try:
            target(source, sink)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    @staticmethod
    def _to_broker(client, broker):
        while data := client.recv(65536):
            broker.sendall(data)

    def _to_client(self, broker, client):
        stream = broker.makefile("rb")
        while packet := self._read(stream):
            client.sendall(self._altered(packet))

    @staticmethod
    def _read(stream):
        packet = stream.read(1)
        length, shift = 0, 0
        while packet:
            byte = stream.read(1)
            if not byte:
                return b""
            packet += byte
            length |= (byte[0] & 0x7F) << shift
            shift += 7
            if not byte[0] & 0x80:
                return packet + stream.read(length)
        return b""

    def _altered(self, packet):
        if packet[0] >> 4 != PUBLISH:
            return packet
        with self._lock:
            self._seen += 1
            if self._seen == self._number and self._alter is None:
                self._held = packet
                return b""
            if self._seen == self._number:
                return self._alter(packet)
            late, self._held = self._held, b""
            return packet + late
