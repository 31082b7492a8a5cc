# SPDX-License-Identifier: Apache-2.0
"""WebSocket, byte by byte: handshakes, frames split and joined. [MQTT-6.0.0-1] to -4."""

import base64
import hashlib
import os

from harness import wire
from support.case import SystemCase

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def frame(opcode, payload=b"", fin=True, masked=True, rsv=0):
    head = bytes([(0x80 if fin else 0) | rsv | opcode])
    bit = 0x80 if masked else 0
    if len(payload) < 126:
        head += bytes([bit | len(payload)])
    elif len(payload) < 65536:
        head += bytes([bit | 126]) + len(payload).to_bytes(2, "big")
    else:
        head += bytes([bit | 127]) + len(payload).to_bytes(8, "big")
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + bytes(b ^ mask[n % 4] for n, b in enumerate(payload))


class WebSocket:
    """A client that says exactly what it is told to."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = b""

    def request(self, path="/mqtt", protocols="mqtt", version="13", extra=()):
        """Sends the handshake; the status line and headers of the answer."""
        self.key = base64.b64encode(os.urandom(16))
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Upgrade: websocket",
                 "Connection: keep-alive, Upgrade", f"Sec-WebSocket-Key: {self.key.decode()}",
                 f"Sec-WebSocket-Version: {version}", *extra]
        if protocols is not None:
            lines.append(f"Sec-WebSocket-Protocol: {protocols}")
        self.sock.sendall("\r\n".join(lines + ["", ""]).encode())
        return self.answer()

    def answer(self):
        while b"\r\n\r\n" not in self.buffer:
            data = self.sock.recv(65536)
            if not data:
                return self.buffer.decode("latin-1"), {}
            self.buffer += data
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        status, *lines = head.decode("latin-1").split("\r\n")
        return status, {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines)}

    def accepted(self):
        return base64.b64encode(hashlib.sha1(self.key + GUID).digest()).decode()

    def _exactly(self, count):
        while len(self.buffer) < count:
            data = self.sock.recv(65536)
            if not data:
                raise EOFError
            self.buffer += data
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def receive(self):
        """(opcode, payload) of the next frame; None at the end of the connection."""
        try:
            first, second = self._exactly(2)
            size = second & 0x7F
            if size >= 126:
                size = int.from_bytes(self._exactly(2 if size == 126 else 8), "big")
            return first & 0x0F, self._exactly(size)
        except (EOFError, ConnectionResetError):
            return None

    def mqtt(self, count):
        """`count` bytes of MQTT, however they are framed."""
        data = b""
        while len(data) < count:
            received = self.receive()
            if received is None or received[0] not in (BINARY, CONTINUATION):
                raise AssertionError(f"got {received} after {data!r}")
            data += received[1]
        return data


CONNECT = wire.connect(4, "ws")
CONNACK = b"\x20\x02\x00\x00"


class Handshake(SystemCase):
    def open(self, server=None, **settings):
        server = server or self.roost({"ws": {"protocol": "ws", **settings}})
        return WebSocket(self.socket(("127.0.0.1", server.port)))

    def test_subprotocols(self):
        server = self.roost({"ws": {"protocol": "ws"}})
        for offered, chosen in (("mqtt", "mqtt"), ("mqttv3.1", "mqttv3.1"), ("other, mqtt", "mqtt"),
                                ("mqttv3.1,mqtt", None), ("mqtt, other", "mqtt")):
            ws = self.open(server)
            status, headers = ws.request(protocols=offered)
            self.assertIn(" 101 ", status, offered)
            self.assertEqual(headers["sec-websocket-accept"], ws.accepted())
            self.assertEqual(headers["upgrade"].lower(), "websocket")
            got = headers["sec-websocket-protocol"]
            self.assertIn(got, [chosen] if chosen else ["mqtt", "mqttv3.1"])

    def test_any_path_by_default(self):
        server = self.roost({"ws": {"protocol": "ws"}})
        for path in ("/", "/mqtt", "/ws", "/a/b/c", "/mqtt?token=1", "/%20"):
            ws = self.open(server)
            self.assertIn(" 101 ", ws.request(path)[0], path)
            ws.sock.sendall(frame(BINARY, CONNECT))
            self.assertEqual(ws.mqtt(4), CONNACK)

    def test_one_path_when_set(self):
        server = self.roost({"ws": {"protocol": "ws", "websocket_path": "/only"}})
        self.assertIn(" 101 ", self.open(server).request("/only")[0])
        self.assertRegex(self.open(server).request("/other")[0], r" 40\d ")

    def test_header_names_and_values_in_any_case(self):
        ws = self.open()
        ws.key = base64.b64encode(b"0123456789abcdef")
        ws.sock.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nUPGRADE: WebSocket\r\n"
                        b"connection: upgrade\r\n"
                        b"sec-websocket-key: " + ws.key + b"\r\nSEC-WEBSOCKET-VERSION: 13\r\n"
                        b"sec-websocket-protocol: mqtt\r\nOrigin: http://example.org\r\n\r\n")
        status, headers = ws.answer()
        self.assertIn(" 101 ", status)
        self.assertEqual(headers["sec-websocket-accept"], ws.accepted())

    def test_handshake_byte_by_byte_with_frames_behind(self):
        ws = self.open()
        ws.key = base64.b64encode(b"0123456789abcdef")
        for byte in (b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     b"Sec-WebSocket-Key: " + ws.key + b"\r\nSec-WebSocket-Version: 13\r\n"
                     b"Sec-WebSocket-Protocol: mqtt\r\n\r\n" + frame(BINARY, CONNECT)):
            ws.sock.sendall(bytes([byte]))
        self.assertIn(" 101 ", ws.answer()[0])
        self.assertEqual(ws.mqtt(4), CONNACK)

    def test_refused_requests(self):
        server = self.roost({"ws": {"protocol": "ws"}})
        bad = {
            "plain GET": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "POST": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
            "no key": b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n",
            "not HTTP": b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00\r\n\r\n",
        }
        for name, request in bad.items():
            ws = self.open(server)
            ws.sock.sendall(request)
            status, _ = ws.answer()
            self.assertTrue(status == "" or status.startswith("HTTP/1.1 4"), f"{name}: {status}")
        ws = self.open(server)
        self.assertRegex(ws.request(version="8")[0], r" 4(26|00) ")

    def test_a_client_that_offers_no_mqtt(self):
        """[MQTT-6.0.0-3]: the subprotocol is a must; never an answer that was not offered."""
        server = self.roost({"ws": {"protocol": "ws"}})
        for offered in (None, "chat"):
            status, headers = self.open(server).request(protocols=offered)
            self.assertNotIn("sec-websocket-protocol", headers)
            self.assertTrue(" 101 " in status or status.startswith("HTTP/1.1 4"), status)

    def test_endless_header(self):
        ws = self.open()
        try:
            ws.sock.sendall(b"GET / HTTP/1.1\r\n" + b"X: " + b"a" * 1_000_000)
        except OSError:
            return
        status, _ = ws.answer()
        self.assertTrue(status == "" or status.startswith("HTTP/1.1 4"), status[:100])


class Frames(SystemCase):
    def setUp(self):
        super().setUp()
        self.server = self.roost({"ws": {"protocol": "ws"}})

    def open(self):
        ws = WebSocket(self.socket(("127.0.0.1", self.server.port)))
        self.assertIn(" 101 ", ws.request()[0])
        return ws

    def connected(self):
        ws = self.open()
        ws.sock.sendall(frame(BINARY, CONNECT))
        self.assertEqual(ws.mqtt(4), CONNACK)
        return ws

    def closed(self, ws, codes):
        """A close frame with one of the codes, then the end."""
        received = ws.receive()
        if received is not None:
            self.assertEqual(received[0], CLOSE, received)
            self.assertIn(int.from_bytes(received[1][:2], "big"), codes)
            ws.sock.sendall(frame(CLOSE, received[1][:2]))
            self.assertIsNone(ws.receive())

    def test_packets_in_one_frame(self):
        ws = self.open()
        ws.sock.sendall(frame(BINARY, CONNECT + wire.subscribe(4, 1, [("t", 0)]) + wire.pingreq()))
        self.assertEqual(ws.mqtt(4 + 5 + 2), CONNACK + b"\x90\x03\x00\x01\x00\xd0\x00")

    def test_a_packet_in_many_frames(self):
        """[MQTT-6.0.0-2]: packets are not aligned to frames."""
        ws = self.open()
        stream = CONNECT + wire.pingreq()
        ws.sock.sendall(b"".join(frame(BINARY, stream[n:n + 1]) for n in range(len(stream))))
        self.assertEqual(ws.mqtt(6), CONNACK + b"\xd0\x00")

    def test_fragments_with_control_frames_between(self):
        ws = self.open()
        ws.sock.sendall(frame(BINARY, CONNECT[:3], fin=False) + frame(PING, b"hey")
                        + frame(CONTINUATION, CONNECT[3:9], fin=False) + frame(PONG, b"unasked")
                        + frame(CONTINUATION, b"", fin=False) + frame(CONTINUATION, CONNECT[9:]))
        self.assertEqual(ws.receive(), (PONG, b"hey"))
        self.assertEqual(ws.mqtt(4), CONNACK)

    def test_every_byte_in_its_own_segment(self):
        ws = self.open()
        for raw, answer in ((frame(BINARY, CONNECT), (BINARY, CONNACK)),
                            (frame(PING, b""), (PONG, b"")),
                            (frame(BINARY, wire.pingreq()), (BINARY, b"\xd0\x00"))):
            for byte in raw:
                ws.sock.sendall(bytes([byte]))
            self.assertEqual(ws.receive(), answer)

    def test_frame_sizes(self):
        ws = self.connected()
        ws.sock.sendall(frame(BINARY, wire.subscribe(4, 1, [("t", 0)])))
        ws.mqtt(5)
        for size in (1, 100, 125, 126, 127, 65535, 65536, 200_000):
            packet = wire.publish(4, "t", b"z" * size)
            ws.sock.sendall(frame(BINARY, packet))
            self.assertEqual(ws.mqtt(len(packet)), packet)

    def test_empty_frames(self):
        ws = self.open()
        ws.sock.sendall(frame(BINARY) + frame(BINARY, CONNECT) + frame(BINARY) * 10)
        self.assertEqual(ws.mqtt(4), CONNACK)

    def test_text_frame(self):
        """[MQTT-6.0.0-1]: data other than binary frames ends the connection."""
        ws = self.connected()
        ws.sock.sendall(frame(TEXT, wire.pingreq()))
        self.closed(ws, (1002, 1003))

    def test_protocol_errors(self):
        wrong = {
            "unmasked": frame(BINARY, wire.pingreq(), masked=False),
            "reserved bit": frame(BINARY, wire.pingreq(), rsv=0x40),
            "reserved opcode": frame(3, b"x"),
            "continuation of nothing": frame(CONTINUATION, b"x"),
            "fragmented ping": frame(PING, b"x", fin=False),
            "long ping": frame(PING, b"x" * 126),
            "new message inside one": frame(BINARY, b"\xc0", fin=False) + frame(BINARY, b"\0"),
        }
        for name, raw in wrong.items():
            with self.subTest(name):
                ws = self.connected()
                ws.sock.sendall(raw)
                self.closed(ws, (1002,))

    def test_close_is_answered(self):
        ws = self.connected()
        ws.sock.sendall(frame(CLOSE, (1000).to_bytes(2, "big")))
        received = ws.receive()
        self.assertEqual((received[0], received[1][:2]), (CLOSE, b"\x03\xe8"))
        self.assertIsNone(ws.receive())

    def test_a_closed_websocket_is_a_lost_connection(self):
        sub = self.open()
        sub.sock.sendall(frame(BINARY, wire.connect(4, "watch") + wire.subscribe(4, 1, [("w", 0)])))
        sub.mqtt(9)
        dying = self.open()
        dying.sock.sendall(frame(BINARY, wire.connect(4, "dying", will=wire.Will("w", b"gone"))))
        dying.mqtt(4)
        dying.sock.sendall(frame(CLOSE, (1001).to_bytes(2, "big")))
        packet = wire.publish(4, "w", b"gone")
        self.assertEqual(sub.mqtt(len(packet)), packet)

    def test_mqtt_disconnect_ends_the_websocket(self):
        ws = self.connected()
        ws.sock.sendall(frame(BINARY, wire.disconnect()))
        self.closed(ws, (1000,))

    def test_malformed_mqtt_inside(self):
        ws = self.connected()
        ws.sock.sendall(frame(BINARY, b"\x36\x04\x00\x01a\x00"))
        self.closed(ws, (1000, 1002, 1003, 1007, 1008, 1011))
