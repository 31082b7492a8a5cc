# SPDX-License-Identifier: Apache-2.0
"""PROXY protocol v1 and v2 in front of MQTT, TLS and WebSocket."""

import ipaddress
import socket
import ssl
import struct

from harness import wire
from harness.client import Client
from support.case import SystemCase

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v1(source="203.0.113.7", target="192.0.2.1", ports=(40001, 1883), family="TCP4"):
    return f"PROXY {family} {source} {target} {ports[0]} {ports[1]}\r\n".encode()


def v2(source="203.0.113.8", target="192.0.2.1", ports=(40002, 1883), command=1, tlvs=b""):
    six = ":" in source
    addresses = b"".join(ipaddress.ip_address(a).packed for a in (source, target))
    body = addresses + struct.pack("!HH", *ports) + tlvs
    return (SIGNATURE + bytes([0x20 | command, 0x21 if six else 0x11])
            + len(body).to_bytes(2, "big") + body)


def v2_local():
    return SIGNATURE + b"\x20\x00\x00\x00"


class Proxy(SystemCase):
    def setUp(self):
        super().setUp()
        self.server = self.roost({"main": {"proxy_protocol": True}}, mqtt={"connect_timeout": "2s"})

    def open(self):
        return self.raw(self.server.port)

    def accepted(self, header, client_id, slowly=False):
        c = self.open()
        c.client_id = client_id
        raw = header + wire.connect(4, client_id)
        if slowly:
            c.send_slowly(raw)
        else:
            c.send(raw)
        c.expect("CONNACK", code=0)
        c.expect_nothing()
        return c

    def test_v1(self):
        self.accepted(v1(), "v1four")
        self.accepted(v1("2001:db8::5", "2001:db8::1", family="TCP6"), "v1six")
        self.accepted(b"PROXY UNKNOWN\r\n", "v1unknown")
        self.accepted(b"PROXY UNKNOWN 1.2.3.4 5.6.7.8 1 2\r\n", "v1unknown2")
        self.server.wait_for_log(r"203\.0\.113\.7")
        self.server.wait_for_log(r"2001:db8::5")

    def test_v2(self):
        self.accepted(v2(), "v2four")
        self.accepted(v2("2001:db8::6", "2001:db8::1"), "v2six")
        self.accepted(v2_local(), "v2local")
        self.accepted(v2("203.0.113.9", tlvs=b"\x04\x00\x03abc"), "v2tlv")
        noop = b"\x04" + (400).to_bytes(2, "big") + b"n" * 400
        self.accepted(v2("203.0.113.10", tlvs=noop), "v2big")
        for address in ("203.0.113.8", "2001:db8::6", "203.0.113.9"):
            self.server.wait_for_log(address.replace(".", r"\."))

    def test_byte_by_byte(self):
        self.accepted(v1("203.0.113.20"), "slow1", slowly=True)
        self.accepted(v2("203.0.113.21"), "slow2", slowly=True)

    def test_refused(self):
        wrong = {
            "no header": b"",
            "bad address": v1("1.2.3.400"),
            "bad port": v1(ports=(70000, 1)),
            "families mixed": v1("2001:db8::5", "192.0.2.1"),
            "too long": b"PROXY TCP4 " + b"1" * 200 + b"\r\n",
            "no line end": b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n\n",
            "v2 of version 3": SIGNATURE + b"\x31\x11\x00\x0c" + b"\0" * 12,
            "v2 too short": SIGNATURE + b"\x21\x11\x00\x04" + b"\0" * 4,
            "v2 unknown command": SIGNATURE + b"\x25\x11\x00\x0c" + b"\0" * 12,
        }
        for name, header in wrong.items():
            with self.subTest(name):
                c = self.open()
                c.send(header + wire.connect(4, "refused"))
                c.expect_closed()

    def test_in_front_of_tls(self):
        certificates = self.certificates()
        server = self.roost({"tls": {"proxy_protocol": True, **certificates.listener()}})
        sock = self.socket(("127.0.0.1", server.port))
        sock.sendall(v2("203.0.113.30"))
        context = ssl.create_default_context(cafile=certificates.ca)
        with context.wrap_socket(sock, server_hostname="localhost") as tls:
            tls.sendall(wire.connect(4, "proxied-tls"))
            self.assertEqual(tls.recv(4), b"\x20\x02\x00\x00")
            server.wait_for_log(r"203\.0\.113\.30")

    def test_a_listener_without_it_takes_none(self):
        server = self.roost()
        c = Client(socket.create_connection(("127.0.0.1", server.port)), 4, "x", [], "[x]")
        self.addCleanup(c.close)
        c.send(v1() + wire.connect(4, "x"))
        c.expect_closed()
