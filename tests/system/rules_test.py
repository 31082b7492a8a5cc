# SPDX-License-Identifier: Apache-2.0
"""Rules about topics, names from certificates, and files that change while the broker runs."""

import json
import os
import signal
import socket
import ssl

from harness import wire
from harness.client import Client, Failure
from support.case import SystemCase
from support.roost import until

HOMES = """rules:
  - allow: [publish, subscribe]
    topics: ["home/%u/#"]
  - deny: [publish]
    topics: ["plant/secret"]
  - allow: all
    users: [ann]
    topics: ["plant/#"]
"""


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


class RulesCase(SystemCase):
    def setUp(self):
        super().setUp()
        self.passwords = os.path.join(self.folder, "passwords")
        self.rules = os.path.join(self.folder, "acl.yaml")
        for user in ("ann", "bob"):
            done = self.roost_command("passwd", self.passwords, user, stdin=f"{user}\n{user}\n")
            self.assertEqual(done.returncode, 0, done.stderr)

    def open(self, rules=HOMES, **more):
        write(self.rules, rules)
        return self.roost(auth={"password_file": self.passwords}, acl={"file": self.rules}, **more)

    def log_in(self, port, user, client_id=None, v=5, **more):
        return self.client(port, client_id or user, v, username=user, password=user, **more)

    def until_so(self, does):
        """Its value once it has what it expects: all cores have new rules only after the log
        tells of them, and a connection to one of the others is ended by them."""
        def done():
            try:
                return does() or True
            except Failure:
                return None
        return until(done, "the new rules hold")

    def explain(self, server, *words):
        return self.roost_command("explain", "acl", *words, "--data-dir",
                                  os.path.join(server.folder, "data"))


class Rules(RulesCase):
    def test_suback_and_puback_tell_the_truth(self):
        port = self.open().port
        ann = self.log_in(port, "ann")
        ann.subscribe("home/ann/#", 1)
        ann.subscribe("home/bob/#", 1, granted=0x87)
        ann.subscribe("#", 0, granted=0x87)
        ann.publish("home/bob/x", b"1", 1, code=0x87)
        ann.publish("plant/secret", b"1", 2, code=0x87)
        ann.publish("home/ann/x", b"mine", 1)
        ann.expect_message("home/ann/x", b"mine", 1)
        bob = self.log_in(port, "bob", v=4)
        bob.subscribe("home/ann/#", 1, granted=0x80)
        bob.subscribe("home/bob/#", 1)
        ann.publish("home/bob/x", b"not his", 1, code=0x87)
        bob.publish("home/bob/x", b"own", 1)
        bob.expect_message("home/bob/x", b"own", 1)

    def test_a_file_of_mosquitto(self):
        path = os.path.join(self.folder, "acl")
        write(path, "user ann\ntopic read open/#\ntopic deny open/secret\npattern readwrite own/%c\n")
        port = self.roost(auth={"password_file": self.passwords},
                          acl={"mosquitto_file": path}).port
        ann = self.log_in(port, "ann", "lamp")
        ann.subscribe("#", 1)
        ann.subscribe("closed/#", 1, granted=0x87)
        ann.publish("own/lamp", b"x", 1)
        ann.expect_message("own/lamp", b"x", 1)
        ann.publish("open/x", b"x", 1, code=0x87)

    def test_explain_names_the_rule(self):
        server = self.open()
        ann = self.log_in(server.port, "ann", "lamp")
        done = self.explain(server, "lamp", "publish", "plant/secret")
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("DENIED: publish plant/secret", done.stdout)
        self.assertIn("acl.yaml:4: deny publish on plant/secret", done.stdout)
        self.assertIn("user ann", done.stdout)
        done = self.explain(server, "lamp", "subscribe", "plant/#")
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("acl.yaml:6: allow", done.stdout)
        done = self.explain(server, "other", "publish", "home/bob/x", "--user", "bob", "--json")
        self.assertEqual(done.returncode, 0, done)
        answer = json.loads(done.stdout)
        self.assertTrue(answer["allowed"])
        self.assertFalse(answer["connected_here"])
        self.assertIn("acl.yaml:2: allow publish", answer["why"])
        done = self.explain(server, "other", "publish", "nowhere")
        self.assertIn("no rule of", done.stdout)
        self.assertEqual(self.explain(server, "lamp", "fly", "x").returncode, 1)
        ann.disconnect()

    def test_changed_rules_reach_living_connections(self):
        server = self.open()
        ann, bob = self.log_in(server.port, "ann"), self.log_in(server.port, "bob")
        ann.subscribe("home/ann/#")
        ann.subscribe("plant/#")
        bob.subscribe("home/bob/#")
        write(self.rules, 'rules:\n  - {allow: all, topics: ["home/%u/#"]}\n'
                          '  - {allow: [publish], users: [bob], topics: ["plant/x"]}\n')
        server.wait_for_log(f"reloaded the rules in {self.rules}")
        ann.expect("DISCONNECT", code=0x87)
        self.until_so(lambda: bob.publish("plant/x", b"now he may", 1))
        self.until_so(lambda: self.log_in(server.port, "ann").subscribe("plant/#", granted=0x87))

    def test_broken_rules_leave_the_old_ones(self):
        server = self.open()
        ann = self.log_in(server.port, "ann")
        write(self.rules, "rules:\n  - allow: [fly]\n    topics: [x]\n")
        line = server.wait_for_log(r"can't reload the rules in .*").group()
        self.assertIn(f"{self.rules}:2:", line)
        self.assertIn("fly", line)
        self.assertIn("publish", line)  # what is allowed there
        ann.publish("plant/x", b"x", 1)
        ann.publish("plant/secret", b"x", 1, code=0x87)

    def test_an_unknown_rule_stops_the_start_with_words(self):
        write(self.rules, "rules:\n  - permit: [publish]\n    topics: [x]\n")
        server = self.roost(start=False, acl={"file": self.rules})
        server.start(wait=False)
        self.assertEqual(server.process.wait(20), 2)
        self.assertIn("acl.yaml:2:", server.log())
        self.assertIn("permit", server.log())
        self.assertIn("allow", server.log())

    def test_a_will_that_is_not_allowed_is_refused_at_connect(self):
        port = self.open().port
        c = self.raw(port, 5, "ann")
        c.send(wire.connect(5, "ann", username="ann", password="ann",
                            will=wire.Will("home/bob/last", b"words")))
        c.expect("CONNACK", code=0x87)

    def test_a_session_that_comes_back_lost_what_is_forbidden_now(self):
        server = self.open()
        ann = self.log_in(server.port, "ann", clean=False, props={"session_expiry": 3600})
        ann.subscribe("plant/#", 1)
        ann.disconnect()
        write(self.rules, 'rules:\n  - {allow: all, topics: ["home/%u/#"]}\n'
                          '  - {allow: [publish], topics: ["plant/x", "new"]}\n')
        server.wait_for_log("reloaded the rules")
        bob = self.log_in(server.port, "bob")
        self.until_so(lambda: bob.publish("new", b"x", 1))

        def comes_back():
            ann = self.log_in(server.port, "ann", clean=False, present=1,
                              props={"session_expiry": 3600})
            ann.publish("new", b"x", 1)
            return ann

        ann = self.until_so(comes_back)
        bob.publish("plant/x", b"x", 1)
        ann.expect_nothing()


class Certified(RulesCase):
    def connect_tls(self, port, certificates, cert=None, client_id="c", code=0, **more):
        """A v5 client over TLS; None where the handshake fails."""
        context = ssl.create_default_context(cafile=certificates.ca)
        if cert:
            context.load_cert_chain(*cert)
        sock = socket.create_connection(("127.0.0.1", port), 15)
        self.addCleanup(sock.close)
        try:
            sock = context.wrap_socket(sock, server_hostname="localhost")
            client = Client(sock, 5, client_id, [], f"[{client_id}]")
            client.send(wire.connect(5, client_id, **more))
            client.expect("CONNACK", code=code)
        except (ssl.SSLError, ConnectionResetError, Failure) as error:
            self.assertRegex(str(error), "SSL|reset")
            return None
        return client

    def start(self, certificates, user="%cn", mode="optional", **tls):
        write(self.rules, HOMES)
        listener = certificates.listener(ca=certificates.ca, client_certificate=mode, user=user,
                                         **tls)
        return self.roost({"tls": listener}, auth={"password_file": self.passwords},
                          acl={"file": self.rules})

    def test_the_certificate_names_the_user(self):
        certificates = self.certificates()
        server = self.start(certificates)
        device = self.connect_tls(server.port, certificates, certificates.issue("lamp-17"),
                                  username="ann", password="wrong")
        device.subscribe("home/lamp-17/#")
        device.subscribe("home/ann/#", granted=0x87)
        self.connect_tls(server.port, certificates, code=0x87)  # none shown: needs a password
        self.connect_tls(server.port, certificates, username="ann", password="ann")

    def test_patterns_and_alternative_names(self):
        certificates = self.certificates()
        names = "subjectAltName=DNS:lamp.example,email:lamp@example,URI:urn:lamp"
        shown = certificates.issue("lamp", names)
        for pattern, user in (("device-%cn", "device-lamp"), ("%dns", "lamp.example"),
                              ("%email", "lamp@example"), ("%uri", "urn:lamp")):
            server = self.start(certificates, pattern)
            device = self.connect_tls(server.port, certificates, shown)
            device.subscribe(f"home/{user}/x")
            server.stop()
        server = self.start(certificates, "%dns")
        self.connect_tls(server.port, certificates, certificates.issue("none"), code=0x87)
        server.wait_for_log("its certificate names no user")

    def test_new_certificates_are_taken_without_a_disconnect(self):
        certificates = self.certificates()
        for number in (1, 2):  # as Kubernetes keeps secrets
            os.mkdir(os.path.join(self.folder, f"..{number}"))
            cert, key = certificates.issue(f"server{number}", "subjectAltName=DNS:localhost")
            os.rename(cert, os.path.join(self.folder, f"..{number}", "tls.crt"))
            os.rename(key, os.path.join(self.folder, f"..{number}", "tls.key"))
        data = os.path.join(self.folder, "..data")
        os.symlink("..1", data)
        certificates.cert, certificates.key = (os.path.join(data, n) for n in ("tls.crt", "tls.key"))
        server = self.start(certificates)
        here = self.connect_tls(server.port, certificates, certificates.issue("lamp"))
        self.assertIn("server1", str(here.sock.getpeercert()))
        os.symlink("..2", data + "_tmp")
        os.rename(data + "_tmp", data)
        server.wait_for_log("reloaded TLS of listener tls")
        other = self.connect_tls(server.port, certificates, certificates.issue("lamp2"), "o")
        self.assertIn("server2", str(other.sock.getpeercert()))
        here.subscribe("home/lamp/#")  # still there

    def test_a_broken_certificate_leaves_the_old_one(self):
        certificates = self.certificates()
        server = self.start(certificates)
        write(certificates.key, "nonsense\n")
        line = server.wait_for_log(r"can't reload TLS of listener tls, the old goes on: .*").group()
        self.assertIn(certificates.key, line)
        self.connect_tls(server.port, certificates, certificates.issue("lamp"))

    def test_a_revoked_certificate_is_refused_once_its_list_is_there(self):
        certificates = self.certificates()
        revoked, good = certificates.issue("stolen"), certificates.issue("lamp")
        crl = certificates.revoke([])
        server = self.start(certificates, crl=crl)
        before = self.connect_tls(server.port, certificates, revoked)
        self.assertIsNotNone(before)
        certificates.revoke([revoked[0]])
        server.process.send_signal(signal.SIGHUP)
        server.wait_for_log("reloaded TLS of listener tls")
        self.assertIsNone(self.connect_tls(server.port, certificates, revoked, "again"))
        self.assertIsNotNone(self.connect_tls(server.port, certificates, good, "good"))


class Mistakes(RulesCase):
    """What somebody meets on the way from an open broker to a closed one."""

    def refused(self, **config):
        server = self.roost(start=False, **config)
        server.start(wait=False)
        self.assertEqual(server.process.wait(20), 2, server.log())
        return server.log()

    def refused_tls(self, **tls):
        server = self.roost({"tls": {"tls": tls}}, start=False)
        server.start(wait=False)
        self.assertEqual(server.process.wait(20), 2, server.log())
        return server.log()

    def test_a_wrong_path(self):
        said = self.refused_tls(cert="/nowhere/x.pem", key="/nowhere/x.key")
        self.assertIn('listeners.0.tls.cert: "/nowhere/x.pem" can\'t be read', said)

    def test_keys_that_do_not_fit(self):
        certificates = self.certificates()
        other = certificates.issue("other")
        said = self.refused_tls(cert=certificates.cert, key=other[1])
        self.assertIn("doesn't belong to the certificate", said)

    def test_an_expired_certificate(self):
        certificates = self.certificates()
        cert, key = certificates.issue("old", days=-1)
        server = self.roost({"tls": {"tls": {"cert": cert, "key": key}}})
        line = server.wait_for_log(r".*expired.*").group()
        self.assertIn(cert, line)
        self.assertIn("renew", line)

    def test_words_that_are_nobody(self):
        said = self.refused(auth={"password_file": self.passwords, "jwt": {"key": self.passwords}})
        self.assertIn("auth.jwt.algorithm", said)
        server = self.roost({"main": {"auth": "ldap"}}, start=False)
        server.start(wait=False)
        self.assertEqual(server.process.wait(20), 2)
        self.assertIn('"ldap" is nobody to ask; allowed are password, jwt, http', server.log())

    def test_two_files_of_rules(self):
        write(self.rules, HOMES)
        said = self.refused(acl={"file": self.rules, "mosquitto_file": self.rules})
        self.assertIn("acl.mosquitto_file", said)


class ChangesOnDisk(RulesCase):
    def test_new_users_come_in_without_sighup(self):
        server = self.open()
        here = self.log_in(server.port, "ann")
        done = self.roost_command("passwd", self.passwords, "carol", stdin="carol\ncarol\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        server.wait_for_log(f"reloaded the password file {self.passwords}")

        def is_in():
            c = self.raw(server.port, 5, "carol")
            c.send(wire.connect(5, "carol", username="carol", password="carol"))
            return c.receive().code == 0
        until(is_in, "carol")
        here.expect_nothing()
