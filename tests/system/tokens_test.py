# SPDX-License-Identifier: Apache-2.0
"""Tokens, key sets and an HTTP service instead of passwords; who is asked in which order."""

import json
import os
import time

from harness import wire
from support.case import SystemCase
from support.roost import until
from support.tokens import RsaKey, claims, hs256, unsigned
from support.web_service import WebService

SECRET = b"a secret of more than thirty-two bytes"


class AuthCase(SystemCase):
    def answer(self, port, user, password, v=5, client_id="c"):
        c = self.raw(port, v, client_id)
        c.send(wire.connect(v, client_id, username=user, password=password))
        packet = c.receive()
        return packet and packet.code

    def file(self, name, data):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as out:
            out.write(data)
        return path

    def service(self, answer, port=0):
        service = WebService(answer, port)
        self.addCleanup(service.stop)
        return service


class Tokens(AuthCase):
    def secret(self, **more):
        jwt = {"algorithm": "HS256", "key": self.file("secret", SECRET + b"\n"), **more}
        return self.roost(auth={"jwt": jwt})

    def test_a_right_token_and_wrong_ones(self):
        port = self.secret(issuer="home", audience="mqtt").port
        right = claims("lamp", iss="home", aud="mqtt")
        self.assertEqual(self.answer(port, "x", hs256(SECRET, right)), 0)
        wrong = {
            "signature": hs256(b"x" * 40, right),
            "expired": hs256(SECRET, {**right, "exp": int(time.time()) - 3600}),
            "no exp": hs256(SECRET, {k: v for k, v in right.items() if k != "exp"}),
            "not yet": hs256(SECRET, {**right, "nbf": int(time.time()) + 3600}),
            "issuer": hs256(SECRET, {**right, "iss": "else"}),
            "audience": hs256(SECRET, {**right, "aud": "else"}),
            "none": unsigned({"alg": "none"}, right) + ".",
        }
        for name, token in wrong.items():
            self.assertIn(self.answer(port, "x", token), (0x86, 0x87), name)

    def test_who_the_token_names_is_who_rules_are_about(self):
        rules = self.file("acl.yaml", b"rules:\n"
                          b"  - {allow: all, topics: ['home/%u/#', 'floor/%{floor}']}\n"
                          b"  - {allow: all, groups: [staff], topics: ['plant/#']}\n"
                          b"groups: {staff: []}\n")
        jwt = {"algorithm": "HS256", "key": self.file("secret", SECRET)}
        server = self.roost(auth={"jwt": jwt}, acl={"file": rules})
        token = hs256(SECRET, claims("lamp", groups=["staff"], floor="2"))
        c = self.client(server.port, "c", 5, username="ignored", password=token)
        c.subscribe("home/lamp/#")
        c.subscribe("home/ignored/#", granted=0x87)
        c.subscribe("floor/2")
        c.subscribe("floor/3", granted=0x87)
        c.subscribe("plant/#")
        own = hs256(SECRET, claims("guest", acl=[{"allow": ["publish"], "topics": ["bell"]}]))
        guest = self.client(server.port, "g", 5, username="g", password=own)
        guest.publish("bell", b"x", 1)
        guest.publish("home/guest/x", b"x", 1, code=0x87)
        self.assertNotIn(token[:40], server.log())

    def test_who_stays_longer_than_its_token_is_sent_off(self):
        port = self.secret(leeway="0s").port
        token = hs256(SECRET, claims("lamp", exp=int(time.time()) + 10))
        c = self.client(port, "c", 5, username="x", password=token)
        c.expect("DISCONNECT", timeout=40, code=0x87)
        self.assertIn(self.answer(port, "x", token), (0x86, 0x87))

    def test_a_public_key_is_no_secret(self):
        key = RsaKey(self.folder, "one")
        port = self.roost(auth={"jwt": {"algorithm": "RS256", "key": key.public}}).port
        self.assertEqual(self.answer(port, "x", key.token(claims("lamp"))), 0)
        with open(key.public, "rb") as file:
            forged = hs256(file.read(), claims("lamp"))
        self.assertIn(self.answer(port, "x", forged), (0x86, 0x87))

    def test_keys_from_a_url_rotate_and_outlive_its_server(self):
        first, second = RsaKey(self.folder, "one"), RsaKey(self.folder, "two")
        known = [first]
        web = self.service(lambda _: (200, json.dumps({"keys": [k.jwk() for k in known]})))
        server = self.roost(auth={"jwt": {"algorithm": "RS256", "jwks_url": web.url}})
        until(lambda: self.answer(server.port, "x", first.token(claims("lamp"))) == 0, "first key")
        known.append(second)
        self.assertNotEqual(self.answer(server.port, "x", second.token(claims("lamp"))), 0)
        until(lambda: self.answer(server.port, "x", second.token(claims("lamp"))) == 0,
              "the second key, asked for as a token names it", seconds=25)
        web.stop()
        self.assertEqual(self.answer(server.port, "x", first.token(claims("lamp"))), 0)

    def test_a_token_as_long_as_connect_lets_it_be(self):
        server = self.secret()
        huge = hs256(SECRET, claims("x" * 60000))
        self.assertIn(self.answer(server.port, "x", huge[:65535]), (0x86, 0x87))
        self.assertEqual(self.answer(server.port, "x", hs256(SECRET, claims("lamp"))), 0)


class Service(AuthCase):
    @staticmethod
    def judge(body):
        asked = json.loads(body)
        if asked["user_name"] == "ann" and asked["password"] == "secret":
            return 200, json.dumps({"result": "allow", "groups": ["staff"]})
        result = "ignore" if asked["user_name"] == "bob" else "deny"
        return 200, json.dumps({"result": result})

    def test_it_is_asked_and_remembered(self):
        web = self.service(self.judge)
        server = self.roost(auth={"http": {"url": web.url}})
        for _ in range(3):
            self.assertEqual(self.answer(server.port, "ann", "secret"), 0)
        self.assertEqual(len(web.asked), 1)
        asked = json.loads(web.asked[0])
        self.assertEqual(asked["client_id"], "c")
        self.assertEqual(asked["address"], "127.0.0.1")
        self.assertIn(self.answer(server.port, "ann", "wrong"), (0x86, 0x87))
        self.assertIn(self.answer(server.port, "bob", "x"), (0x86, 0x87))
        self.assertNotIn("secret", server.log())

    def test_without_it_clients_are_told_to_come_again(self):
        web = self.service(self.judge)
        server = self.roost(auth={"http": {"url": web.url, "timeout": "500ms"}})
        web.stop()
        self.assertEqual(self.answer(server.port, "ann", "secret"), 0x88)
        self.assertEqual(self.answer(server.port, "ann", "secret", v=4), 3)
        self.service(self.judge, web.port)
        until(lambda: self.answer(server.port, "ann", "secret") == 0, "it is back")

    def test_one_after_another(self):
        """A token, else the password file, else the service; a listener may have another order."""
        passwords = os.path.join(self.folder, "passwords")
        done = self.roost_command("passwd", passwords, "bob", stdin="file\nfile\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        web = self.service(self.judge)
        server = self.roost({"all": {}, "file": {"auth": "password"}}, auth={
            "password_file": passwords, "http": {"url": web.url},
            "jwt": {"algorithm": "HS256", "key": self.file("secret", SECRET)}})
        port = server.ports["all"]
        self.assertEqual(self.answer(port, "x", hs256(SECRET, claims("lamp"))), 0)
        self.assertEqual(self.answer(port, "bob", "file"), 0)
        self.assertEqual(len(web.asked), 0)
        self.assertEqual(self.answer(port, "ann", "secret"), 0)
        self.assertEqual(len(web.asked), 1)
        self.assertIn(self.answer(port, "bob", "wrong"), (0x86, 0x87))
        self.assertEqual(len(web.asked), 1)
        self.assertIn(self.answer(server.ports["file"], "ann", "secret"), (0x86, 0x87))
        self.assertEqual(self.answer(server.ports["file"], "bob", "file"), 0)
