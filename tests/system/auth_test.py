# SPDX-License-Identifier: Apache-2.0
"""Who may connect: passwords, anonymous clients, client certificates, remote addresses."""

import os
import signal
import socket
import subprocess

from harness import wire
from support.case import SystemCase
from support.roost import until


class Passwords(SystemCase):
    def setUp(self):
        super().setUp()
        self.file = os.path.join(self.folder, "passwords")

    def passwd(self, *arguments, stdin=None):
        done = self.roost_command("passwd", *arguments, stdin=stdin)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done

    def answer(self, port, v=4, **more):
        """CONNACK's code; None when it closes without one."""
        c = self.raw(port, v, "c")
        c.send(wire.connect(v, "c", **more))
        packet = c.receive()
        return packet and packet.code

    def add(self, user, password):
        self.passwd(self.file, user, stdin=f"{password}\n{password}\n")

    def test_the_file(self):
        self.add("alice", "secret")
        self.add("bob", "other")
        with open(self.file, encoding="ascii") as file:
            text = file.read()
        self.assertEqual(text.count("$argon2id$"), 2)
        self.assertNotIn("secret", text)
        self.assertEqual(os.stat(self.file).st_mode & 0o077, 0, "others may read it")

    def test_scrypt(self):
        self.passwd("--hash", "scrypt", self.file, "alice", stdin="secret\nsecret\n")
        with open(self.file, encoding="ascii") as file:
            self.assertIn("alice:$scrypt$ln=15,r=8,p=3$", file.read())
        port = self.roost(auth={"password_file": self.file}).port
        self.assertEqual(self.answer(port, username="alice", password="secret"), 0)
        self.assertIn(self.answer(port, username="alice", password="Secret"), (4, 5))

    def test_a_line_for_scram_takes_a_plain_password(self):
        self.passwd("--hash", "scram-sha-256", self.file, "alice", stdin="secret\nsecret\n")
        with open(self.file, encoding="ascii") as file:
            self.assertIn("alice:$scram-sha-256$i=100000$", file.read())
        port = self.roost(auth={"password_file": self.file}).port
        self.assertEqual(self.answer(port, username="alice", password="secret"), 0)
        self.assertIn(self.answer(port, username="alice", password="Secret"), (4, 5))

    def test_a_file_of_mosquitto(self):
        """As it is, and goes on with `roost passwd`."""
        for user, kind in (("alice", "sha512-pbkdf2"), ("bob", "sha512")):
            done = subprocess.run(["mosquitto_passwd", "-H", kind, "-b",
                                   *(["-c"] if user == "alice" else []), self.file, user,
                                   f"{user}'s secret"], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.add("carol", "carol's secret")
        with open(self.file, encoding="ascii") as file:
            self.assertEqual([line.split("$")[1] for line in file], ["7", "6", "argon2id"])
        port = self.roost(auth={"password_file": self.file}).port
        for user in ("alice", "bob", "carol"):
            self.assertEqual(self.answer(port, username=user, password=f"{user}'s secret"), 0, user)
            self.assertIn(self.answer(port, username=user, password="alice"), (4, 5), user)

    def test_right_and_wrong(self):
        self.add("alice", "secret")
        port = self.roost(auth={"password_file": self.file}).port
        self.assertEqual(self.answer(port, username="alice", password="secret"), 0)
        for v, refused in ((3, {4, 5}), (4, {4, 5}), (5, {0x86, 0x87})):
            for user, password in (("alice", "wrong"), ("nobody", "secret"), ("alice", None),
                                   ("alice", ""), ("", "secret"), ("ALICE", "secret")):
                code = self.answer(port, v, username=user, password=password)
                self.assertIn(code, refused, f"v{v} {user} {password}")

    def test_anonymous(self):
        self.add("alice", "secret")
        closed = self.roost(auth={"password_file": self.file}).port
        self.assertEqual(self.answer(closed), 5)
        self.assertEqual(self.answer(closed, 5), 0x87)
        opened = self.roost(auth={"password_file": self.file, "allow_anonymous": True}).port
        self.assertEqual(self.answer(opened), 0)
        self.assertIn(self.answer(opened, username="alice", password="wrong"), (4, 5))

    def test_a_listener_s_own_word(self):
        self.add("alice", "secret")
        server = self.roost({"closed": {}, "open": {"allow_anonymous": True}},
                            auth={"password_file": self.file, "allow_anonymous": False})
        self.assertEqual(self.answer(server.ports["closed"]), 5)
        self.assertEqual(self.answer(server.ports["open"]), 0)

    def test_sighup_reads_it_again(self):
        self.add("alice", "secret")
        server = self.roost(auth={"password_file": self.file})
        here = self.client(server.port, "here", username="alice", password="secret")
        self.add("carol", "new")
        server.process.send_signal(signal.SIGHUP)
        until(lambda: self.answer(server.port, username="carol", password="new") == 0, "carol")
        here.expect_nothing()

    def test_changed_and_deleted(self):
        self.add("alice", "one")
        self.add("alice", "two")
        self.add("bob", "x")
        self.passwd("-D", self.file, "bob")
        port = self.roost(auth={"password_file": self.file}).port
        self.assertIn(self.answer(port, username="alice", password="one"), (4, 5))
        self.assertEqual(self.answer(port, username="alice", password="two"), 0)
        self.assertIn(self.answer(port, username="bob", password="x"), (4, 5))

    def test_binary_and_long_passwords_are_just_wrong(self):
        self.add("alice", "secret")
        port = self.roost(auth={"password_file": self.file}).port
        for password in (b"\xff\x00", b"p" * 65535):
            self.assertIn(self.answer(port, username="alice", password=password), (4, 5))

    def test_mosquitto_pub_with_a_password(self):
        self.add("alice", "secret")
        port = self.roost(auth={"password_file": self.file}).port
        self.publish(port, "t", "x", "-u", "alice", "-P", "secret")
        done = self.command("mosquitto_pub", "-p", port, "-t", "t", "-m", "x", "-u", "alice", "-P",
                            "no")
        self.assertNotEqual(done.returncode, 0)


class ClientCertificates(SystemCase):
    def publish_tls(self, port, certificates, *more):
        return self.command("mosquitto_pub", "-h", "localhost", "-p", port, "--cafile",
                            certificates.ca, "-t", "t", "-m", "x", "-q", "1", *more).returncode

    def listener(self, certificates, mode):
        settings = certificates.listener(ca=certificates.ca, client_certificate=mode)
        return self.roost({"tls": settings}).port

    def test_required(self):
        certificates = self.certificates()
        port = self.listener(certificates, "required")
        cert, key = certificates.issue("device")
        self.assertNotEqual(self.publish_tls(port, certificates), 0)
        self.assertEqual(self.publish_tls(port, certificates, "--cert", cert, "--key", key), 0)

    def test_optional(self):
        certificates = self.certificates()
        port = self.listener(certificates, "optional")
        cert, key = certificates.issue("device")
        self.assertEqual(self.publish_tls(port, certificates), 0)
        self.assertEqual(self.publish_tls(port, certificates, "--cert", cert, "--key", key), 0)

    def test_of_a_stranger(self):
        certificates = self.certificates()
        self.folder, kept = self.make_folder(dir=self.folder), self.folder
        stranger = self.certificates()
        self.folder = kept
        cert, key = stranger.issue("device")
        for mode in ("optional", "required"):
            port = self.listener(certificates, mode)
            self.assertNotEqual(
                self.publish_tls(port, certificates, "--cert", cert, "--key", key), 0, mode)

    def test_plain_mqtt_on_a_tls_port(self):
        certificates = self.certificates()
        port = self.roost({"tls": certificates.listener()}).port
        c = self.raw(port)
        c.send(wire.connect(4, "plain"))
        try:
            while c.sock.recv(4096):
                pass
        except ConnectionResetError:
            pass
        self.assertEqual(self.publish_tls(port, certificates), 0)


class RemoteClients(SystemCase):
    """A network namespace makes a second machine: 10.99.x.1 here, 10.99.x.2 there."""

    def namespace(self):
        self.needs(os.geteuid() == 0, "needs root for a network namespace")
        name = f"rt{os.getpid() % 10000}{id(self) % 1000}"
        number = os.getpid() % 200 + 20
        if self.command("ip", "netns", "add", name).returncode:
            self.skipTest("network namespaces can't be made here")
        self.addCleanup(self.command, "ip", "netns", "del", name)
        here, there = f"10.99.{number}.1", f"10.99.{number}.2"
        done = self.command("ip", "link", "add", f"{name}a", "type", "veth", "peer", "name",
                            f"{name}b",
                            "netns", name)
        self.needs(done.returncode == 0, f"no veth here: {done.stderr}")
        self.addCleanup(self.command, "ip", "link", "del", f"{name}a")
        self.command("ip", "addr", "add", f"{here}/24", "dev", f"{name}a")
        self.command("ip", "link", "set", f"{name}a", "up")
        self.command("ip", "-n", name, "addr", "add", f"{there}/24", "dev", f"{name}b")
        self.command("ip", "-n", name, "link", "set", f"{name}b", "up")
        self.command("ip", "-n", name, "link", "set", "lo", "up")
        return name, here, there

    def remote_publish(self, name, address, port, *more):
        return self.command("ip", "netns", "exec", name, "mosquitto_pub", "-h", address, "-p", port,
                            "-t", "t", "-m", "x", "-q", "1", *more)

    def test_without_config_remote_clients_are_refused(self):
        name, here, there = self.namespace()
        port = self.free_port()
        tool = self.tool(self.broker_path, "serve", "--port", port, "--set", "http.port=0",
                         cwd=self.folder)
        tool.wait_for("listens")
        self.publish(port, "t", "from here", "-q", "1")
        for version, code in (("mqttv311", "5"), ("mqttv5", "135")):
            done = self.remote_publish(name, here, port, "-V", version)
            self.assertNotEqual(done.returncode, 0)
            self.assertRegex(done.stderr.lower(), r"not authori[sz]ed|code: 5|135")
        line = tool.wait_for(there.replace(".", r"\.")).decode()
        self.assertIn("allow_anonymous", line)
        self.assertIn("password_file", line)

    def test_allow_anonymous_opens_the_door(self):
        name, here, _ = self.namespace()
        server = self.roost({"main": {"address": "0.0.0.0"}}, start=False)
        server.addresses = [("127.0.0.1", server.port)]
        server.start()
        self.assertEqual(self.remote_publish(name, here, server.port).returncode, 0)

    def test_the_link_vanishes(self):
        """No FIN and no RST: the cable is pulled. The will fires after 1.5 x keep alive."""
        name, here, _ = self.namespace()
        server = self.roost({"main": {"address": "0.0.0.0"}}, start=False)
        server.addresses = [("127.0.0.1", server.port)]
        server.start()
        watcher = self.subscriber("-p", server.port, "-t", "will")
        device = self.tool("ip", "netns", "exec", name, "stdbuf", "-oL", "mosquitto_sub", "-d",
                           "-h", here, "-p", server.port,
                           "-k", "5", "-t", "x", "--will-topic", "will", "--will-payload", "gone")
        device.wait_for("^Subscribed ")
        self.command("ip", "link", "set", f"{name}a", "down")
        self.assertEqual(watcher.message(20), "gone")
        device.stop()


class Loopback(SystemCase):
    def test_every_loopback_address_counts_as_here(self):
        self.needs(os.path.exists("/proc/net/if_inet6"), "this machine has no IPv6")
        port = self.free_port()
        tool = self.tool(self.broker_path, "serve", "--port", port, "--set", "http.port=0",
                         cwd=self.folder)
        tool.wait_for("listens")
        for address in ("127.0.0.1", "127.0.0.9", "::1"):
            try:
                sock = self.socket((address, port))
            except ConnectionRefusedError:
                self.fail(f"{address} isn't served")
            sock.sendall(wire.connect(4, "c"))
            self.assertEqual(sock.recv(4), b"\x20\x02\x00\x00", address)
            sock.shutdown(socket.SHUT_RDWR)
