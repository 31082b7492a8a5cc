# SPDX-License-Identifier: Apache-2.0
"""roost import: a mosquitto.conf that mosquitto runs with, and Roost with what is made of it."""

import os
import re
import shutil
from pathlib import Path

from support.case import SystemCase
from support.roost import Server

EXAMPLE = "/usr/share/doc/mosquitto/examples/mosquitto.conf"
PAGE = Path(__file__).resolve().parents[2] / "deploy" / "docs" / "migrating-from-mosquitto.md"
MANUAL = "/usr/share/man/man5/mosquitto.conf.5.gz"


class Import(SystemCase):
    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        os.chmod(path, 0o644)
        return path

    def translate(self, path, *options, code=0):
        out = os.path.join(self.folder, "roost.yaml")
        done = self.roost_command("import", path, "-o", out, "--force", *options)
        self.assertEqual(done.returncode, code, done.stderr)
        return out, done.stderr

    def serve(self, config, port):
        """What came out, as it is; its ports were free."""
        http = self.free_port()
        server = Server([self.broker_path, "serve", "--config", config, "--set",
                         f"http.port={http}", "--set", f"data_dir={self.folder}/data"],
                        self.folder, [("127.0.0.1", port)], "roost")
        self.addCleanup(server.kill)
        return server.start()

    def test_the_example_is_accepted(self):
        self.needs(os.path.exists(EXAMPLE), "mosquitto is not installed")
        out, said = self.translate(EXAMPLE)
        self.assertEqual(said, "")
        done = self.roost_command("serve", "--check", "--config", out)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_every_option_of_the_manual_is_in_the_table(self):
        self.needs(os.path.exists(MANUAL), "mosquitto's manual is not installed")
        page = self.command("zcat", MANUAL).stdout
        page = page[page.index(".SH \"GENERAL OPTIONS\""):page.index(".SH \"FILES\"")]
        named = set(re.findall(r"^\.PP\n\\fB([a-z_0-9.]+)\\fR", page, re.MULTILINE))
        self.assertGreater(len(named), 100)
        table = self.roost_command("import", "--options").stdout
        have = set(re.findall(r"^\| `([a-z_0-9.]+)` ", table, re.MULTILINE))
        self.assertEqual(named - have, set())

    def test_a_house_with_tls_users_and_rules_moves(self):
        self.needs(shutil.which("mosquitto_passwd"), "mosquitto is not installed")
        certificates = self.certificates()
        listener = certificates.listener()["tls"]
        passwords = os.path.join(self.folder, "pw")
        for user, letter in [("ann", "-c"), ("lamp", None)]:
            done = self.command("mosquitto_passwd", "-b", *([letter] if letter else []), passwords,
                                user, f"secret of {user}")
            self.assertEqual(done.returncode, 0, done.stderr)
        os.chmod(passwords, 0o644)
        rules = self.write("acl", "user ann\ntopic readwrite home/#\n"
                                  "user lamp\ntopic write home/lamp/#\n")
        port = self.free_port()
        config = self.write("mosquitto.conf", f"""
            listener {port} 127.0.0.1
            certfile {listener["cert"]}
            keyfile {listener["key"]}
            allow_anonymous false
            password_file {passwords}
            acl_file {rules}
            max_inflight_messages 20
            persistence false
            user root
            log_dest stderr
            """)
        address = ("-h", "localhost", "-p", port, "--cafile", certificates.ca)
        out, said = self.translate(config)
        self.assertEqual(said, "")

        def says(user, password, topic):
            return self.command("mosquitto_pub", *address, "-u", user, "-P", password, "-t", topic,
                                "-m", "1", "-q", "1", "-V", "mqttv5").stderr

        def both_ways():
            sub = self.subscriber(*address, "-u", "ann", "-P", "secret of ann", "-t", "home/#",
                                  "-C", "1", "-F", "%t")
            self.assertEqual(says("lamp", "secret of lamp", "home/lamp/on"), "")
            self.assertEqual(sub.message(), "home/lamp/on")
            self.assertNotEqual(says("lamp", "wrong", "home/lamp/on"), "")
            self.assertIn("Not authorized", says("lamp", "secret of lamp", "home/door"))

        theirs = Server([shutil.which("mosquitto") or "/usr/sbin/mosquitto", "-c", config],
                        self.folder, [("127.0.0.1", port)], "mosquitto")
        self.addCleanup(theirs.kill)
        theirs.start()
        both_ways()
        theirs.kill()
        self.serve(out, port)
        both_ways()

    def test_retained_messages_are_carried_over(self):
        """By the commands of the documentation."""
        text = PAGE.read_text(encoding="utf-8")
        lines = text.split("while both run:\n\n")[1].split("\n\n")[0]
        old_port = self.free_port()
        self.mosquitto("", old_port)
        new = self.roost()
        for topic, payload in [("home/a", "21.5"), ("home/b", "on, off")]:
            self.publish(old_port, topic, payload, "-r", "-q", "1")
        script = lines.replace("-h OLD", f"-h 127.0.0.1 -p {old_port}").replace(
            "-h NEW", f"-h 127.0.0.1 -p {new.port}")
        done = self.command("bash", "-c", script)
        self.assertEqual(done.stderr, "Timed out\n", "mosquitto_sub's word for -W")
        kept = self.command("mosquitto_sub", "-p", new.port, "-t", "home/#", "-C", "2", "-W", "20",
                            "-F", "%r %t %p").stdout
        self.assertEqual(sorted(kept.splitlines()), ["1 home/a 21.5", "1 home/b on, off"])

    def test_what_is_not_possible_is_said(self):
        config = self.write("mosquitto.conf", "listener 1\nmount_point a/\nconnection cloud\n"
                                              "address mqtt.example\ntopic # out\n"
                                              "bridge_insecure true\n")
        out, said = self.translate(config, code=3)
        lines = said.splitlines()
        self.assertEqual(len(lines), 2, said)
        self.assertRegex(lines[0], rf"^{re.escape(config)}:2: mount_point: .*acl\.file")
        self.assertRegex(lines[1], rf"^{re.escape(config)}:6: bridge_insecure: certificates are checked")
        with open(out, encoding="utf-8") as text:
            self.assertIn("mount_point", text.read())

    def test_a_file_that_is_there_is_not_written_over(self):
        config = self.write("mosquitto.conf", "listener 1\n")
        out = self.write("mine.yaml", "mine\n")
        done = self.roost_command("import", config, "-o", out)
        self.assertEqual(done.returncode, 1)
        self.assertIn("--force", done.stderr)
        with open(out, encoding="utf-8") as text:
            self.assertEqual(text.read(), "mine\n")
        done = self.roost_command("import", config)
        self.assertIn("listeners:\n  - port: 1\n", done.stdout)
