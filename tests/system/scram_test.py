# SPDX-License-Identifier: Apache-2.0
"""SCRAM-SHA-256 by MQTT 5's AUTH packets, with a client of Python's own hmac and pbkdf2."""

import base64
import hashlib
import hmac
import os

from harness import wire
from support.case import SystemCase

METHOD = "SCRAM-SHA-256"
GO_ON, AGAIN = 0x18, 0x19


class Scram:
    """The client's side (RFC 5802)."""

    def __init__(self, user, password, nonce="rOprNGfwEbeRWgbNEkqO"):
        self.password, self.nonce = password, nonce
        self.bare = f"n={user},r={nonce}"
        self.first = ("n,," + self.bare).encode()

    def final(self, server_first):
        text = server_first.decode()
        fields = dict(part.split("=", 1) for part in text.split(","))
        assert fields["r"].startswith(self.nonce), text
        salted = hashlib.pbkdf2_hmac("sha256", self.password.encode(),
                                     base64.b64decode(fields["s"]), int(fields["i"]))

        def mac(key, data):
            return hmac.new(key, data, hashlib.sha256).digest()
        key = mac(salted, b"Client Key")
        without = f"c=biws,r={fields['r']}"
        signed = f"{self.bare},{text},{without}".encode()
        signature = mac(hashlib.sha256(key).digest(), signed)
        proof = bytes(a ^ b for a, b in zip(key, signature))
        self.wanted = b"v=" + base64.b64encode(mac(mac(salted, b"Server Key"), signed))
        return f"{without},p={base64.b64encode(proof).decode()}".encode()


class ScramLogin(SystemCase):
    def setUp(self):
        super().setUp()
        self.file = os.path.join(self.folder, "passwords")
        for user, kind in (("ann", "scram-sha-256"), ("bob", "scram-sha-256"),
                           ("old", "argon2id")):
            done = self.roost_command("passwd", "--hash", kind, self.file, user,
                                      stdin=f"{user}'s\n{user}'s\n")
            self.assertEqual(done.returncode, 0, done.stderr)

    def begin(self, port, scram, client_id="c", method=METHOD, **more):
        c = self.raw(port, 5, client_id)
        props = {"auth_method": method, "auth_data": scram.first, **more.pop("props", {})}
        c.send(wire.connect(5, client_id, props=props, **more))
        return c

    def go_on(self, c, scram, data=None):
        challenge = c.expect("AUTH", code=GO_ON)
        self.assertEqual(challenge.props["auth_method"], METHOD)
        answer = data or scram.final(challenge.props["auth_data"])
        c.send(wire.auth(GO_ON, {"auth_method": METHOD, "auth_data": answer}))

    def log_in(self, port, user, password, **more):
        scram = Scram(user, password)
        c = self.begin(port, scram, **more)
        self.go_on(c, scram)
        return c, scram

    def test_right_and_wrong(self):
        server = self.roost(auth={"password_file": self.file})
        c, scram = self.log_in(server.port, "ann", "ann's")
        connack = c.expect("CONNACK", code=0)
        self.assertEqual(connack.props["auth_method"], METHOD)
        self.assertEqual(connack.props["auth_data"], scram.wanted)
        c.subscribe("t", 1)
        c.publish("t", b"x", 1)
        c.expect_message("t", b"x", 1)
        for user, password in (("ann", "bob's"), ("nobody", "x"), ("old", "old's")):
            c, _ = self.log_in(server.port, user, password, client_id=user + "2")
            c.expect("CONNACK", code=0x87)
            c.expect_closed()

    def test_a_line_of_scram_takes_the_plain_password_too(self):
        port = self.roost(auth={"password_file": self.file}).port
        self.client(port, "plain", 4, username="ann", password="ann's")

    def test_who_it_is_counts_for_rules(self):
        rules = os.path.join(self.folder, "acl.yaml")
        with open(rules, "w", encoding="ascii") as file:
            file.write("rules: [{allow: all, topics: ['home/%u/#']}]\n")
        server = self.roost(auth={"password_file": self.file}, acl={"file": rules})
        c, _ = self.log_in(server.port, "ann", "ann's", username="bob")
        c.expect("CONNACK", code=0)
        c.subscribe("home/ann/x")
        c.subscribe("home/bob/x", granted=0x87)

    def test_again_on_a_living_connection(self):
        port = self.roost(auth={"password_file": self.file}).port
        c, _ = self.log_in(port, "ann", "ann's")
        c.expect("CONNACK", code=0)
        scram = Scram("ann", "ann's", "another")
        c.send(wire.auth(AGAIN, {"auth_method": METHOD, "auth_data": scram.first}))
        self.go_on(c, scram)
        done = c.expect("AUTH", code=0)
        self.assertEqual(done.props["auth_data"], scram.wanted)
        c.subscribe("t")
        other = Scram("bob", "bob's", "third")
        c.send(wire.auth(AGAIN, {"auth_method": METHOD, "auth_data": other.first}))
        self.go_on(c, other)
        c.expect("DISCONNECT", code=0x87)

    def test_a_wrong_proof_again_ends_the_connection(self):
        port = self.roost(auth={"password_file": self.file}).port
        c, _ = self.log_in(port, "ann", "ann's")
        c.expect("CONNACK", code=0)
        scram = Scram("ann", "wrong", "another")
        c.send(wire.auth(AGAIN, {"auth_method": METHOD, "auth_data": scram.first}))
        self.go_on(c, scram)
        c.expect("DISCONNECT", code=0x87)

    def test_what_is_out_of_place(self):
        server = self.roost({"main": {}, "open": {"auth": "jwt"}}, auth={
            "password_file": self.file,
            "jwt": {"algorithm": "HS256", "key": self.secret()}})
        port = server.ports["main"]
        self.begin(port, Scram("ann", "x"), method="GSSAPI").expect("CONNACK", code=0x8C)
        self.begin(server.ports["open"], Scram("ann", "x")).expect("CONNACK", code=0x8C)
        c = self.begin(port, Scram("ann", "x"))  # something else than AUTH
        c.expect("AUTH", code=GO_ON)
        c.send(wire.pingreq())
        c.expect("CONNACK", code=0x82)
        c = self.begin(port, Scram("ann", "x"))  # another method
        c.expect("AUTH", code=GO_ON)
        c.send(wire.auth(GO_ON, {"auth_method": "SCRAM-SHA-1", "auth_data": b"x"}))
        c.expect("CONNACK", code=0x82)
        c = self.begin(port, Scram("ann", "x"))
        self.go_on(c, None, b"garbled")
        c.expect("CONNACK", code=0x82)
        plain = self.client(port, "plain", 5, username="ann", password="ann's")
        plain.send(wire.auth(AGAIN, {"auth_method": METHOD, "auth_data": b"n,,n=ann,r=x"}))
        plain.expect("DISCONNECT", code=0x82)

    def secret(self):
        path = os.path.join(self.folder, "secret")
        with open(path, "wb") as file:
            file.write(b"s" * 40)
        return path

    def test_a_session_that_lasts(self):
        port = self.roost(auth={"password_file": self.file}).port
        for present in (0, 1):
            scram = Scram("ann", "ann's")
            c = self.begin(port, scram, clean=False, props={"session_expiry": 3600})
            self.go_on(c, scram)
            c.expect("CONNACK", code=0, session_present=present)
            c.disconnect()
