# SPDX-License-Identifier: Apache-2.0
"""`roost pub` and `roost sub`: mosquitto_pub's and mosquitto_sub's letters, output and codes."""

import os

from support.case import SystemCase


class Cli(SystemCase):
    def setUp(self):
        super().setUp()
        self.needs(not self.broker_path.endswith("mosquitto"), "only Roost has this")
        self.server = self.roost()
        self.port = self.server.port

    def pub(self, *arguments, **more):
        done = self.roost_command("pub", "-h", "127.0.0.1", "-p", self.port, *arguments, **more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def sub(self, *arguments, **more):
        return self.roost_command("sub", "-h", "127.0.0.1", "-p", self.port, *arguments, **more)

    def kept(self, *topic_and_more):
        """What stands retained under a topic, through mosquitto_sub."""
        return self.command("mosquitto_sub", "-p", self.port, "-C", "1", "-W", "5",
                            *topic_and_more).stdout


class Pub(Cli):
    def test_message(self):
        for version in ("mqttv31", "mqttv311", "mqttv5", "31", "311", "5"):
            for qos in "012":
                self.pub("-t", "t", "-m", f"{version} {qos}", "-q", qos, "-r", "-V", version)
                self.assertEqual(self.kept("-t", "t"), f"{version} {qos}\n")

    def test_file(self):
        path = os.path.join(self.folder, "payload")
        with open(path, "wb") as out:
            out.write(b"line one\nline two\n")
        self.pub("-t", "t", "-f", path, "-r")
        self.assertEqual(self.kept("-t", "t", "-N"), "line one\nline two\n")

    def test_standard_input_whole_and_by_line(self):
        self.pub("-t", "t", "-s", "-r", stdin="a\nb\n")
        self.assertEqual(self.kept("-t", "t", "-N"), "a\nb\n")
        sub = self.subscriber("-p", self.port, "-t", "lines", "-C", "3")
        self.pub("-t", "lines", "-l", "-q", "1", stdin="one\ntwo\nthree\n")
        self.assertEqual([sub.message() for _ in range(3)], ["one", "two", "three"])

    def test_null_message_clears(self):
        self.pub("-t", "t", "-m", "x", "-r")
        self.pub("-t", "t", "-n", "-r")
        self.assertEqual(self.kept("-t", "t", "-W", "1"), "")

    def test_will(self):
        sub = self.subscriber("-p", self.port, "-t", "will", "-F", "%q %p")
        tool = self.tool(self.broker_path, "sub", "-p", self.port, "-t", "x", "-i", "dying", "-d",
                         "--will-topic", "will", "--will-payload", "gone", "--will-qos", "1")
        tool.wait_for("(?i)suback|subscribed")
        tool.process.kill()
        self.assertEqual(sub.message(), "0 gone")

    def test_url(self):
        self.roost_command("pub", "-L", f"mqtt://127.0.0.1:{self.port}/by/url", "-m", "x", "-r")
        self.assertEqual(self.kept("-t", "by/url"), "x\n")

    def test_user_client_id_keep_alive(self):
        self.pub("-t", "t", "-m", "x", "-u", "me", "-P", "pw", "-i", "my-id", "-k", "30")
        self.server.wait_for_log(r"client=my-id .* keep_alive=30 user=me")

    def test_password(self):
        path = os.path.join(self.folder, "passwords")
        done = self.roost_command("passwd", path, "me", stdin="secret\nsecret\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        port = self.roost(auth={"password_file": path}).port
        for password, wanted in (("secret", True), ("wrong", False)):
            done = self.roost_command("pub", "-h", "127.0.0.1", "-p", port, "-t", "t", "-m", "x",
                                      "-u", "me", "-P", password)
            self.assertEqual(done.returncode == 0, wanted, password + done.stderr)

    def test_debug_output(self):
        done = self.pub("-t", "t", "-m", "x", "-q", "1", "-d")
        for word in ("CONNECT", "CONNACK", "PUBLISH", "PUBACK"):
            self.assertIn(word, done.stdout + done.stderr)

    def test_nobody_there(self):
        done = self.roost_command("pub", "-p", self.free_port(), "-t", "t", "-m", "x")
        self.assertNotEqual(done.returncode, 0)
        self.assertNotEqual(done.stderr, "")

    def test_wrong_usage(self):
        for arguments in (["-t", "a/#", "-m", "x"], ["-m", "x"], ["-t", "t"],
                          ["-t", "t", "-q", "3", "-m", "x"]):
            done = self.roost_command("pub", "-p", self.port, *arguments)
            self.assertNotEqual(done.returncode, 0, arguments)


class Sub(Cli):
    def keep(self, **messages):
        for topic, text in messages.items():
            self.publish(self.port, topic, text, "-r", "-q", "1")

    def test_count_and_verbose(self):
        self.keep(a="one")
        self.assertEqual(self.sub("-t", "a", "-C", "1").stdout, "one\n")
        self.assertEqual(self.sub("-t", "a", "-C", "1", "-v").stdout, "a one\n")
        self.assertEqual(self.sub("-t", "a", "-C", "1", "-N").stdout, "one")

    def test_same_output_as_mosquitto_sub(self):
        self.keep(a="one")
        formats = ["%t %p", "%q|%r|%l", "%x", "%X", "%%", "%p\\n%t\\t|", "@%p", "%m"]
        for text in formats:
            options = ["-t", "a", "-C", "1", "-W", "5", "-q", "1", "-F", text]
            theirs = self.command("mosquitto_sub", "-p", self.port, *options).stdout
            self.assertEqual(self.sub(*options).stdout, theirs, text)

    def test_timeout_has_mosquitto_s_code(self):
        ours = self.sub("-t", "nothing", "-W", "1")
        theirs = self.command("mosquitto_sub", "-p", self.port, "-t", "nothing", "-W", "1")
        self.assertEqual(ours.returncode, theirs.returncode)

    def test_several_topics(self):
        self.keep(a="one", b="two", c="three")
        done = self.sub("-t", "a", "-t", "c", "-C", "2")
        self.assertEqual(sorted(done.stdout.split()), ["one", "three"])

    def test_retained_only_and_no_stale(self):
        self.keep(a="one")
        self.assertEqual(self.sub("-t", "a", "--retained-only", "-W", "5").stdout, "one\n")
        self.assertEqual(self.sub("-t", "a", "-R", "-W", "1").stdout, "")

    def test_persistent_session(self):
        away = ["-t", "t", "-q", "1", "-c", "-i", "away"]
        self.assertEqual(self.sub(*away, "-E").returncode, 0)
        self.publish(self.port, "t", "while away", "-q", "1")
        self.assertEqual(self.sub(*away, "-C", "1", "-W", "5").stdout, "while away\n")

    def test_versions(self):
        self.keep(a="one")
        for version in ("mqttv31", "mqttv311", "mqttv5"):
            self.assertEqual(self.sub("-t", "a", "-C", "1", "-V", version).stdout, "one\n")

    def test_url(self):
        self.keep(a="one")
        done = self.roost_command("sub", "-L", f"mqtt://127.0.0.1:{self.port}/a", "-C", "1")
        self.assertEqual(done.stdout, "one\n")

    def test_tls_options(self):
        certificates = self.certificates()
        port = self.roost({"tls": certificates.listener()}).port
        done = self.roost_command("pub", "-h", "localhost", "-p", port, "--cafile", certificates.ca,
                                  "-t", "t", "-m", "secret", "-r", "-q", "1")
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.roost_command("sub", "-L", f"mqtts://localhost:{port}/t", "--cafile",
                                  certificates.ca, "-C", "1")
        self.assertEqual(done.stdout, "secret\n")
        done = self.roost_command("pub", "-h", "localhost", "-p", port, "-t", "t", "-m", "x",
                                  "--capath", "/nonexistent")
        self.assertNotEqual(done.returncode, 0, "an unknown authority was believed")

    def test_ends_on_sigint_like_mosquitto_sub(self):
        tool = self.tool(self.broker_path, "sub", "-p", self.port, "-t", "t", "-d")
        tool.wait_for("(?i)suback|subscribed")
        tool.process.terminate()
        tool.finish()
