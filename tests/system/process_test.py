# SPDX-License-Identifier: Apache-2.0
"""The process: commands, exit codes, signals, ports in use, what is wrong with a config."""

import os
import re
import signal
import socket

from harness.broker import yaml
from support.case import SystemCase
from support.roost import connectable, until

USAGE, DATA_DIRECTORY, ADDRESS_IN_USE = 2, 3, 4


class Commands(SystemCase):
    def test_version(self):
        done = self.roost_command("--version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"\d+\.\d+")

    def test_help_of_every_command(self):
        whole = self.roost_command("--help")
        self.assertEqual(whole.returncode, 0)
        for command in ("serve", "pub", "sub", "bench", "passwd"):
            self.assertIn(command, whole.stdout)
            done = self.roost_command(command, "--help")
            self.assertEqual(done.returncode, 0, command)
            self.assertIn(command, done.stdout)
            self.assertGreater(len(done.stdout.splitlines()), 5, done.stdout)

    def test_exit_codes_stand_in_help(self):
        text = self.roost_command("serve", "--help").stdout + self.roost_command("--help").stdout
        for code in ("0", "2", "3", "4"):
            self.assertRegex(text, rf"\b{code}\b")
        self.assertRegex(text.lower(), "address in use")

    def test_usage_errors(self):
        for arguments in (["nonsense"], ["serve", "--nonsense"], ["serve", "--config"]):
            done = self.roost_command(*arguments)
            self.assertEqual(done.returncode, USAGE, f"{arguments}: {done}")
            self.assertNotEqual(done.stderr + done.stdout, "")

    def test_print_config_is_a_valid_config(self):
        done = self.roost_command("serve", "--print-config")
        self.assertEqual(done.returncode, 0)
        path = os.path.join(self.folder, "printed.yaml")
        with open(path, "w", encoding="utf-8") as out:
            out.write(done.stdout)
        checked = self.roost_command("serve", "--check", "--config", path)
        self.assertEqual(checked.returncode, 0, checked.stderr)


class ConfigErrors(SystemCase):
    def check(self, text, env=None):
        path = os.path.join(self.folder, "bad.yaml")
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return self.roost_command("serve", "--check", "--config", path, env=env)

    def wrong(self, text, *patterns):
        done = self.check(text)
        self.assertEqual(done.returncode, USAGE, done)
        for pattern in ("bad.yaml", *patterns):
            self.assertRegex(done.stderr, pattern)
        return done.stderr

    def test_unknown_key_names_file_line_key_and_nearest(self):
        self.wrong("mqtt:\n  max_packet_sise: 5000\n", r"\b2\b", "max_packet_sise",
                   r"max_packet_size\b")
        self.wrong("listners:\n  - port: 1884\n", r"\b1\b", "listners", "listeners")
        self.wrong("listeners:\n  - port: 1884\n    tsl: {}\n", r"\b3\b", "tsl", "tls")

    def test_bad_values(self):
        self.wrong("http:\n  port: 70000\n", r"\b2\b", r"http\.port|port")
        self.wrong("http:\n  port: eighty\n", r"\b2\b", "eighty")
        self.wrong("listeners:\n  - protocol: mqqt\n", r"\b2\b", "mqqt", "mqtt")
        self.wrong("mqtt:\n  max_packet_size: 12 parsecs\n", r"\b2\b", "12 parsecs")
        self.wrong("auth:\n  allow_anonymous: maybe\n", r"\b2\b", "maybe")

    def test_every_error_at_once(self):
        text = self.wrong("http:\n  port: 70000\nnonsense: 1\nmqtt:\n  receive_maximum: 0\n")
        for part in ("port", "nonsense", "receive_maximum"):
            self.assertIn(part, text)

    def test_broken_yaml(self):
        self.wrong("listeners: [\n", r"\d")

    def test_missing_file(self):
        done = self.roost_command("serve", "--config", os.path.join(self.folder, "nowhere.yaml"))
        self.assertEqual(done.returncode, USAGE)
        self.assertIn("nowhere.yaml", done.stderr)

    def test_missing_certificate(self):
        self.wrong("listeners:\n  - port: 1884\n    tls:\n      cert: nowhere.pem\n"
                   "      key: nowhere.key\n", "nowhere")

    def test_a_good_one(self):
        done = self.check("listeners:\n  - port: 1884\nhttp:\n  port: 0\n")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_environment_wins_over_the_file_and_flags_over_both(self):
        port, other, third = (self.free_port() for _ in range(3))
        path = os.path.join(self.folder, "roost.yaml")
        with open(path, "w", encoding="utf-8") as out:
            out.write(yaml({"listeners": [{"address": "127.0.0.1", "port": port}],
                            "http": {"port": 0}, "data_dir": os.path.join(self.folder, "d")}))
        command = [self.broker_path, "serve", "--config", path]
        for flags, wanted in (([], other), (["--port", third], third)):
            tool = self.tool(*command, *flags, cwd=self.folder,
                             env=dict(os.environ, ROOST_LISTENERS_0_PORT=str(other)))
            until(lambda wanted=wanted: connectable(("127.0.0.1", wanted)), f"port {wanted}")
            tool.stop()


class Start(SystemCase):
    def plain(self, *flags):
        """`roost serve` without a config file, on a free port, in a folder of its own."""
        folder, port = self.make_folder(dir=self.folder), self.free_port()
        tool = self.tool(self.broker_path, *flags, "--port", port, "--set", "http.port=0",
                         cwd=folder)
        until(lambda: connectable(("127.0.0.1", port)), "the listener")
        return tool, port, folder

    def test_without_config_loopback_is_served(self):
        tool, port, folder = self.plain("serve")
        self.publish(port, "t", "x", "-q", "1")
        until(lambda: os.path.isdir(os.path.join(folder, "roost-data")), "the data directory")
        tool.wait_for("Roost")

    def test_three_lines_say_what_it_does(self):
        """Exactly three: where it listens and to whom, HTTP, and where sessions are kept."""
        tool, port, _ = self.plain("serve")
        tool.wait_for("PUBACK means")
        said = [line.decode() for line in tool.seen if not re.match(rb"\d{4}-", line)]
        self.assertEqual(len(said), 3, said)
        self.assertRegex(said[0], rf"listens: .*\b{port}\b.*; loopback only")
        self.assertRegex(said[0], "auth.password_file or auth.allow_anonymous: true")
        self.assertRegex(said[1], "^HTTP ")
        self.assertRegex(said[2], "[Ss]essions.* are kept in .*PUBACK means")
        self.assertIn("roost-data", said[2])

    def test_serve_is_the_default_command(self):
        tool = self.tool(self.broker_path, cwd=self.folder,
                         env=dict(os.environ, ROOST_LISTENERS_0_PORT=str(self.free_port()),
                                  ROOST_HTTP_PORT="0"))
        tool.wait_for("listens")
        tool.process.send_signal(signal.SIGTERM)
        self.assertEqual(tool.finish(), 0)

    def test_address_in_use(self):
        first = self.roost()
        second = self.roost({"main": {"port": first.port}}, start=False)
        second.start(wait=False)
        self.assertEqual(second.process.wait(15), ADDRESS_IN_USE)
        self.assertRegex(second.log(), rf"\b{first.port}\b")
        self.publish(first.port, "t", "still here", "-q", "1")

    def test_http_address_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            server = self.roost(start=False, http={"address": "127.0.0.1", "port": port})
            server.start(wait=False)
            self.assertEqual(server.process.wait(15), ADDRESS_IN_USE)
            self.assertIn(str(port), server.log())

    def test_data_directory_that_can_not_be(self):
        blocked = os.path.join(self.folder, "file")
        with open(blocked, "w", encoding="ascii"):
            pass
        server = self.roost(start=False, data_dir=os.path.join(blocked, "data"))
        server.start(wait=False)
        self.assertEqual(server.process.wait(15), DATA_DIRECTORY)
        self.assertIn("file", server.log())

    def test_a_stale_unix_socket_is_taken_over(self):
        path = os.path.join(self.folder, "mqtt.sock")
        server = self.roost({"unix": {"unix": path}})
        server.kill()
        self.assertTrue(os.path.exists(path))
        server.start()
        done = self.command("mosquitto_pub", "--unix", path, "-t", "t", "-m", "x")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_restart_on_the_same_port_at_once(self):
        server = self.roost()
        for _ in range(3):
            self.client(server.port, "c").subscribe("t")
            self.assertEqual(server.stop(), 0)
            server.start()

    def test_a_machine_without_ipv6_falls_back_with_a_line(self):
        self.needs(os.geteuid() == 0, "needs root for a network namespace")
        port = self.free_port()
        script = ("ip link set lo up; echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; "
                  f"exec {self.broker_path} serve --port {port} --set http.port=0")
        tool = self.tool("unshare", "--net", "sh", "-c", script, cwd=self.folder)
        line = tool.wait_for("listens")
        self.assertIn(str(port).encode(), line)


class Threads(SystemCase):
    def cores_of(self, cpus):
        """Threads that are cores, of a broker that may use these CPUs only."""
        server = self.roost(prefix=("taskset", "--cpu-list", ",".join(map(str, cpus))))
        self.client(server.port, "c").expect_nothing()
        threads = f"/proc/{server.process.pid}/task"
        count = int(server.wait_for_log(r"; (\d+) cores\.").group(1))

        def cores():
            names = []
            for thread in os.listdir(threads):
                with open(f"{threads}/{thread}/comm", encoding="utf-8") as file:
                    names.append(file.read().strip())
            return sorted(name for name in names if name.startswith("core "))

        until(lambda: len(cores()) >= count, "each thread has named itself")
        return cores()

    def test_one_for_each_cpu(self):
        cpus = sorted(os.sched_getaffinity(0))
        self.assertEqual(self.cores_of(cpus[:1]), ["core 0"])
        if self.is_cpu_time_limited():
            return  # then fewer threads are right: MemorySizeTest.CpusFollowTheQuotaRoundedUp
        wanted = sorted(f"core {n}" for n in range(min(len(cpus), 64)))
        self.assertEqual(self.cores_of(cpus), wanted)

    def is_cpu_time_limited(self):
        try:
            with open("/sys/fs/cgroup/cpu.max", encoding="ascii") as file:
                return not file.read().startswith("max")
        except OSError:
            return False


class Signals(SystemCase):
    def test_sigterm_and_sigint_end_it_cleanly(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            server = self.roost()
            clients = [self.client(server.port, f"c{n}", v=4 + n % 2) for n in range(4)]
            self.assertEqual(server.stop(number), 0, server.log())
            for c in clients:
                c.expect_end()

    def test_v5_clients_hear_why(self):
        server = self.roost()
        c = self.client(server.port, "five", v=5)
        server.process.send_signal(signal.SIGTERM)
        packet = c.receive()
        self.assertEqual((packet.kind, packet.code), ("DISCONNECT", 0x8B))
        self.assertEqual(server.process.wait(15), 0)

    def test_sighup_never_kills(self):
        server = self.roost()
        c = self.client(server.port, "c")
        for _ in range(3):
            server.process.send_signal(signal.SIGHUP)
            c.expect_nothing()
        self.publish(server.port, "t", "x")
        self.assertIsNone(server.process.poll())

    def test_sigpipe_never_kills(self):
        server = self.roost()
        for n in range(20):
            c = self.client(server.port, f"c{n}")
            c.subscribe("t/#")
            c.abort()
        self.publish(server.port, "t/x", "x", "-q", "1")
        self.assertIsNone(server.process.poll())

    def test_a_second_signal_exits_at_once(self):
        """Even while the first one's clean end is held up: the process is stopped in between."""
        server = self.roost()
        pid = server.process.pid
        os.kill(pid, signal.SIGSTOP)
        for number in (signal.SIGTERM, signal.SIGINT):
            os.kill(pid, number)
        os.kill(pid, signal.SIGCONT)
        server.process.wait(5)
        self.assertEqual(server.process.returncode, 1, "the clean end would have said 0")

    def test_no_crash_in_its_log(self):
        server = self.roost()
        self.client(server.port, "c").disconnect()
        self.assertEqual(server.stop(), 0)
        self.assertIsNone(re.search("CHECK|Sanitizer|terminate|Segmentation", server.log()))
