# SPDX-License-Identifier: Apache-2.0
"""The admin socket and `roost status`."""

import os
import shutil
import stat

from support.admin import DATA_DIRECTORY, NO_NODE, USAGE, AdminCase, fingerprints
from support.roost import until


class Status(AdminCase):
    def filled(self):
        """A connected and an offline durable session, a clean one, 5 queued, 3 retained."""
        server = self.broker()
        self.offline(server.port, "lamp", "home/lamp/#")
        here = self.session(server.port, "here")
        here.subscribe("elsewhere/#", 1)
        here.subscribe("more/+", 1)
        pub = self.client(server.port, "pub")
        for number in range(5):
            pub.publish("home/lamp/set", f"secret {number}", 1)
        for number in range(3):
            pub.publish(f"kept/{number}", "value", 1, retain=1)
        return server, here, pub

    def test_counts_what_is_there(self):
        server, _, pub = self.filled()
        status = self.status(server)
        self.assertEqual(status["pid"], server.process.pid)
        self.assertIs(status["ready"], True)
        self.assertRegex(status["version"], r"^\d+\.\d+")
        self.assertEqual(status["data_dir"], self.data_dir(server))
        self.assertTrue(any(str(server.port) in line for line in status["listeners"]), status)
        self.assertEqual(status["connections"], 2)
        self.assertEqual(status["sessions"], {"durable": 2, "durable_connected": 1,
                                              "durable_offline": 1, "clean_connected": 1})
        self.assertEqual((status["subscriptions"], status["retained_messages"],
                          status["queued_messages"]), (3, 3, 5))
        self.assertGreater(status["queued_bytes"], 5 * len("secret 0"))
        self.assertIs(status["store"]["refuses_new_messages"], False)
        self.assertGreater(status["store"]["bytes"], 1000)
        self.assertGreater(status["store"]["disk_free_bytes"], 1000)
        self.assertEqual(status["start"], {"replayed_records": 0, "unreadable_records": 0})
        self.assertEqual(set(status["damage"].values()), {0})
        pub.disconnect()
        until(lambda: self.status(server)["connections"] == 1, "one connection less")

    def test_says_what_a_start_replayed_and_when_the_state_was_written(self):
        server, _, _ = self.filled()
        self.assertIsNone(self.status(server)["checkpoint"]["last"])
        self.crash(server)
        status = self.status(server)
        self.assertGreater(status["start"]["replayed_records"], 5)
        self.assertEqual((status["queued_messages"], status["retained_messages"]), (5, 3))
        self.assertEqual(server.stop(), 0)
        server.start()
        self.assertEqual(self.status(server)["start"]["replayed_records"], 0)

    def test_is_a_table_for_people(self):
        server, _, _ = self.filled()
        shown = self.run_ok("status", "--data-dir", self.data_dir(server))
        for line in (rf"version +\S+, pid {server.process.pid}\n", r"state +serving, up ",
                     rf"data +{self.data_dir(server)}\n", rf"listeners +.*{server.port}",
                     r"connections +2\n", r"sessions +2 durable \(1 connected, 1 offline\), 1 that",
                     r"subscriptions +3\n", r"retained +3\n", r"queued +5 messages, \d",
                     r"disk +\S+ \S+ used here, \S+ \S+ free\n", r"new messages +taken\n",
                     r"checkpoint +none yet\n", r"start +0 log records replayed, 0 unreadable\n",
                     r"damage +none met\n"):
            self.assertRegex(shown, line)
        self.assertNotIn("secret", shown)

    def test_damage_is_shown(self):
        server, _, _ = self.filled()
        server.kill()
        logs = [name for name in os.listdir(self.data_dir(server) + "/db") if name.endswith(".log")]
        for name in logs:
            path = os.path.join(self.data_dir(server), "db", name)
            with open(path, "rb") as file:
                at = file.read().find(b"secret 1")
            if at > 0:
                with open(path, "r+b") as file:
                    file.seek(at)
                    file.write(b"SECRET")
        server.start()
        self.assertGreater(self.status(server)["damage"]["files_put_aside"], 0)
        self.assertIn("PUT ASIDE", self.run_ok("status", "--data-dir", self.data_dir(server)))


class Place(AdminCase):
    """Which node a command finds."""

    def test_by_folder_config_environment_and_default(self):
        server = self.broker()
        pid = f"pid {server.process.pid}"
        self.assertIn(pid, self.run_ok("status", "--data-dir", self.data_dir(server)))
        self.assertIn(pid, self.run_ok("status", "--config", server.config))
        self.assertIn(pid, self.run_ok("status", env={"ROOST_CONFIG": server.config}))
        self.assertIn(pid, self.run_ok("status", env={"ROOST_DATA_DIR": self.data_dir(server)}))
        self.assertIn(pid, self.run_ok("status", "--config", server.config, "--data-dir",
                                       "data", cwd=server.folder))
        os.symlink(self.data_dir(server), os.path.join(self.folder, "roost-data"))
        self.assertIn(pid, self.run_ok("status", cwd=self.folder))

    def test_no_node_is_said_with_the_folder_and_what_to_try(self):
        said = self.refused(NO_NODE, "status", "--data-dir", "nowhere", cwd=self.folder)
        self.assertIn(os.path.join(self.folder, "nowhere") + ", which isn't there", said)
        self.assertIn("--data-dir", said)
        server = self.broker()
        self.assertEqual(server.stop(), 0)
        for command in (["status"], ["backup", "new"]):
            said = self.refused(NO_NODE, *command, "--data-dir", self.data_dir(server))
            self.assertIn(f"no node answers in {self.data_dir(server)};", said)
        server.start()
        server.kill()
        self.assertTrue(os.path.exists(self.socket_path(server)), "a dead one's socket")
        self.refused(NO_NODE, "status", "--data-dir", self.data_dir(server))

    def test_a_wrong_config_is_a_usage_error(self):
        config = os.path.join(self.folder, "wrong.yaml")
        with open(config, "w", encoding="utf-8") as out:
            out.write("data_dirr: x\n")
        self.assertIn("data_dirr", self.refused(USAGE, "status", "--config", config))
        self.refused(USAGE, "status", "--no-such-flag")

    def test_another_user_may_not(self):
        self.needs(os.geteuid() == 0 and shutil.which("setpriv"), "needs root and setpriv")
        server = self.broker()
        os.chmod(self.data_dir(server), 0o755)
        done = self.command("setpriv", "--reuid", "65534", "--clear-groups", self.broker_path,
                            "status", "--data-dir", self.data_dir(server))
        if "Permission denied" not in done.stderr or "setpriv" in done.stderr:
            self.skipTest(f"the binary can't be run by another user here: {done.stderr}")
        self.assertEqual(done.returncode, DATA_DIRECTORY, done.stderr)

    def test_help_lists_the_commands_and_codes(self):
        shown = self.run_ok("--help")
        for word in ("status", "backup", "restore", "inspect", "5 no node answers"):
            self.assertIn(word, shown)
        for command in ("status", "backup", "restore", "inspect"):
            shown = self.run_ok(command, "--help")
            self.assertIn("Exit codes: 0; 1 ", shown)
            self.assertIn("ROOST_DATA_DIR", shown)


class Socket(AdminCase):
    def mode(self, server):
        return stat.S_IMODE(os.stat(self.socket_path(server)).st_mode)

    def test_is_its_owner_s_whatever_the_umask_and_goes_at_the_end(self):
        server = self.broker(prefix=["sh", "-c", 'umask 0; exec "$0" "$@"'])
        self.assertEqual(self.mode(server), 0o600)
        self.assertEqual(server.stop(), 0)
        self.assertFalse(os.path.exists(self.socket_path(server)))

    def test_that_of_a_dead_node_is_replaced(self):
        server = self.broker()
        self.crash(server)
        self.assertEqual(self.mode(server), 0o600)
        self.assertEqual(self.status(server)["pid"], server.process.pid)

    def test_a_second_node_leaves_the_first_one_s(self):
        server = self.broker()
        done = self.roost_command("serve", "--port", "0", "--set", "http.port=0", "--data-dir",
                                  self.data_dir(server))
        self.assertEqual(done.returncode, DATA_DIRECTORY, done.stderr)
        self.assertEqual(self.status(server)["pid"], server.process.pid)

    def test_a_long_data_directory(self):
        deep = os.path.join(self.folder, *("d" * 90 for _ in range(4)))
        server = self.broker(data_dir=deep)
        shown = self.run_ok("status", "--data-dir", deep)
        self.assertIn(f"pid {server.process.pid}", shown)
        self.run_ok("backup", os.path.join(self.folder, "saved"), "--data-dir", deep)
        self.assertEqual(server.stop(), 0)
        self.assertFalse(os.path.exists(os.path.join(deep, "admin.sock")))
        self.assertEqual(self.inspect(deep)["total"]["sessions"], 0)

    def test_where_no_socket_can_be_the_broker_serves(self):
        folder = self.make_folder(dir=self.folder)
        os.mkdir(os.path.join(folder, "data"))
        os.mkdir(os.path.join(folder, "data", "admin.sock"))
        server = self.broker(data_dir=os.path.join(folder, "data"))
        server.wait_for_log("no admin API.*admin.sock")
        self.client(server.port, "a").publish("t", "x", 1)

    def test_errors_are_json_and_name_the_way(self):
        server = self.broker()
        status, body = self.ask(server, "GET", "/api/v1/nothing")
        self.assertEqual(status, 404)
        for verb in ("GET /api/v1/status", "GET /api/v1/backup", "POST /api/v1/backup"):
            self.assertIn(verb, body["error"])
        status, body = self.ask(server, "DELETE", "/api/v1/status")
        self.assertEqual((status, body), (405, {"error": "allowed here: GET, HEAD"}))
        for wrong in (b"", b"{", b"[]", b"{}", b'{"directory": 7}', b'{"directory": ""}',
                      b"[" * 60000):
            status, body = self.ask(server, "POST", "/api/v1/backup", wrong)
            self.assertEqual(status, 400, wrong[:20])
            self.assertIn("directory", body["error"])
        status, body = self.ask(server, "POST", "/api/v1/backup", b'{"directory": "relative"}')
        self.assertEqual(status, 400)
        self.assertIn("absolute", body["error"])
        status, body = self.ask(server, "POST", "/api/v1/backup", b"x" * ((1 << 20) + 1))
        self.assertEqual(status, 413)
        self.assertIn("too large", body["error"])
        self.assertEqual(self.ask(server, "GET", "/api/v1/backup"), (200, {"state": "none"}))
        self.check_log(server)


class Inspect(AdminCase):
    def filled(self):
        server = self.broker()
        self.offline(server.port, "lamp", "home/lamp/+", 2)
        sleepy = self.session(server.port, "sleepy", v=5, expiry_s=3600)
        sleepy.subscribe("home/#", 1, props={"subscription_id": 7})
        sleepy.subscribe("other", 0)
        sleepy.disconnect()
        pub = self.client(server.port, "pub")
        for number in range(4):
            pub.publish("home/lamp/set", f"secret {number}", 1)
        pub.publish("home/only/sleepy", b"x" * 100, 1)
        pub.publish("kept/empty", b"secret", 1, retain=1)
        pub.publish("kept/empty", b"", 1, retain=1)
        pub.publish("kept/one", b"secret", 1, retain=1)
        return server

    def check(self, data_dir, replayed):
        before = fingerprints(data_dir)
        found = self.inspect(data_dir, "--sessions", "--retained")
        total = found["total"]
        self.assertEqual((total["sessions"], total["subscriptions"], total["retained_messages"],
                          total["queued_messages"], total["unreadable"]), (2, 3, 1, 9, 0))
        self.assertEqual(total["replayed"] > 0, replayed)
        self.assertEqual((found["format"], found["shard_count"], found["damage"]), (1, 64, []))
        self.assertEqual(found["retained"], [{"topic": "kept/one", "bytes": 6, "qos": 1,
                                              "expires_in_s": None}])
        lamp, sleepy = found["sessions"]
        self.assertEqual(lamp["client_id"], "lamp")
        self.assertEqual(lamp["filters"],
                         [{"filter": "home/lamp/+", "qos": 2, "subscription_id": 0}])
        self.assertEqual((lamp["queued_messages"], lamp["expires_in_s"], lamp["was_connected"]),
                         (4, None, False))
        self.assertEqual(sleepy["client_id"], "sleepy")
        self.assertEqual(sleepy["filters"],
                         [{"filter": "home/#", "qos": 1, "subscription_id": 7},
                          {"filter": "other", "qos": 0, "subscription_id": 0}])
        self.assertEqual((sleepy["queued_messages"], sleepy["expiry_s"]), (5, 3600))
        self.assertTrue(3400 < sleepy["expires_in_s"] <= 3600, sleepy)
        one = self.inspect(data_dir, "--session", "lamp")
        self.assertEqual(one["sessions"], [lamp])
        for shard in found["shards"]:
            self.assertGreaterEqual(shard["log_last"] or shard["applied"], shard["applied"])
        shown = self.run_ok("inspect", "--data-dir", data_dir, "--sessions", "--retained")
        for line in ("2 sessions, 3 subscriptions, 1 retained messages, 9 queued messages",
                     "filter home/#  QoS 1  id 7", "kept/one  6 B  QoS 1", "never expires",
                     "expires in 59 min", "queued: 5 messages"):
            self.assertIn(line, shown)
        shards = self.run_ok("inspect", "--data-dir", data_dir)
        self.assertRegex(shards, r"shard +epoch +applied +log ")
        self.assertNotIn("secret", shown + shards)
        self.assertEqual(fingerprints(data_dir), before)

    def test_after_a_clean_stop(self):
        server = self.filled()
        self.assertEqual(server.stop(), 0)
        self.check(self.data_dir(server), replayed=False)

    def test_after_a_crash_with_all_of_it_in_the_log(self):
        server = self.filled()
        server.kill()
        self.check(self.data_dir(server), replayed=True)
        server.start()
        self.assertEqual(self.status(server)["queued_messages"], 9, "and it starts as before")

    def test_of_a_backup(self):
        server = self.filled()
        saved = os.path.join(self.folder, "saved")
        self.run_ok("backup", saved, "--data-dir", self.data_dir(server))
        self.check(saved, replayed=True)
        self.assertIs(self.inspect(saved)["is_copy"], True)

    def test_a_running_one_is_refused(self):
        server = self.filled()
        said = self.refused(DATA_DIRECTORY, "inspect", "--data-dir", self.data_dir(server))
        self.assertIn(f"pid {server.process.pid}", said)
        self.assertIn("roost status", said)

    def test_what_holds_nothing_is_refused(self):
        empty = self.make_folder(dir=self.folder)
        self.assertIn("no data", self.refused(DATA_DIRECTORY, "inspect", "--data-dir", empty))
        self.assertEqual(os.listdir(empty), [])
        self.refused(DATA_DIRECTORY, "inspect", "--data-dir", os.path.join(empty, "none"))
        server = self.filled()
        server.kill()
        said = self.refused(1, "inspect", "--data-dir", self.data_dir(server), "--session",
                            "nobody")
        self.assertIn("nobody", said)

    def test_damage_is_named_and_the_rest_shown(self):
        server = self.broker()
        self.offline(server.port, "away", "queue/#")
        pub = self.client(server.port, "pub")
        self.publish_all(pub, [("queue/x", os.urandom(400).hex()) for _ in range(2000)])
        for number in range(50):
            pub.publish(f"kept/{number}", "value", 1, retain=1)
        self.assertEqual(server.stop(), 0)
        data = self.data_dir(server)
        tables = [os.path.join(data, "db", n) for n in os.listdir(data + "/db")
                  if n.endswith(".sst")]
        largest = max(tables, key=os.path.getsize)
        with open(largest, "r+b") as file:
            file.seek(os.path.getsize(largest) // 2)
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte[0] ^ 0x10]))
        before = fingerprints(data)
        found = self.inspect(data, "--retained", code=1)
        self.assertTrue(any(os.path.basename(largest) in line for line in found["damage"]), found)
        self.assertEqual(found["total"]["sessions"], 1)
        self.assertEqual(len(found["retained"]), 50)
        self.assertEqual(fingerprints(data), before)
