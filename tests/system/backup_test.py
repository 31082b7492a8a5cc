# SPDX-License-Identifier: Apache-2.0
"""`roost backup` from a running node, `roost restore`, and what must not pass for either."""

import json
import os
import subprocess
import threading

from support.admin import DATA_DIRECTORY, NO_NODE, NOT_OK, AdminCase, fingerprints, flip
from support.roost import until

DISK_BYTES = 4 << 20


class Load:
    """A client that publishes numbers, one handshake after the other, until it is told to stop."""

    def __init__(self, client, topic, qos):
        self.client, self.topic, self.qos = client, topic, qos
        self.acknowledged = 0
        self.error = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        try:
            while not self._stop.is_set():
                self.client.publish(self.topic, str(self.acknowledged), self.qos)
                self.acknowledged += 1
        except Exception as error:  # told by stop()
            self.error = error

    def stop(self):
        self._stop.set()
        self._thread.join(30)
        if self.error:
            raise self.error


class Backup(AdminCase):
    def saved(self, server, name="saved"):
        path = os.path.join(self.folder, name)
        self.run_ok("backup", path, "--data-dir", self.data_dir(server))
        return path

    def restored(self, backup):
        """A broker on a new data directory made of a backup."""
        server = self.broker(start=False)
        self.run_ok("restore", backup, "--data-dir", self.data_dir(server))
        return server.start()

    def payloads(self, server, client_id, topic):
        client = self.session(server.port, client_id, present=1)
        packets = self.drain(server, client, topic)
        client.close()  # the last handshakes of QoS 2 may be under way
        return [int(packet.payload) for packet in packets]

    def test_under_load_nothing_acknowledged_before_is_missing(self):
        server = self.broker()
        self.offline(server.port, "one", "load/one", 1)
        self.offline(server.port, "two", "load/two", 2)
        pub = self.client(server.port, "pub")
        for number in range(200):
            pub.publish(f"kept/{number}", f"value {number}", 1, retain=1)
        loads = [Load(self.session(server.port, "p1"), "load/one", 1),
                 Load(self.session(server.port, "p2"), "load/two", 2)]
        backups = []
        for name in ("first", "second"):
            until(lambda: all(load.acknowledged > 300 * (1 + len(backups)) for load in loads),
                  "some load", 60)
            before = [load.acknowledged for load in loads]
            backups.append((self.saved(server, name), before))
        for load in loads:
            load.stop()
        after = [load.acknowledged for load in loads]
        server.kill()
        for path, before in backups:
            again = self.restored(path)
            for name, qos, least, most in zip(("one", "two"), (1, 2), before, after):
                got = self.payloads(again, name, f"load/{name}")
                self.assertEqual(got, list(range(len(got))), f"QoS {qos}: missing, or twice")
                self.assertTrue(least <= len(got) <= most + 1, f"{least} {len(got)} {most}")
            self.assertEqual(self.retained(again, "kept"),
                             {f"kept/{n}": f"value {n}".encode() for n in range(200)})
            self.check_log(again)
            again.kill()
        self.assertLess(backups[0][1], backups[1][1])

    def test_comes_back_as_often_as_one_likes_and_stays_as_it_is(self):
        server = self.broker()
        self.offline(server.port, "lamp", "home/lamp/set")
        pub = self.client(server.port, "pub")
        for number in range(10):
            pub.publish("home/lamp/set", str(number), 1)
        saved = self.saved(server)
        pub.publish("home/lamp/set", "10", 1)
        before = fingerprints(saved)
        self.assertIn("is whole", self.run_ok("restore", "--check", saved))
        for _ in range(2):
            again = self.restored(saved)
            self.assertEqual(self.payloads(again, "lamp", "home/lamp/set"), list(range(10)))
            self.assertEqual(again.stop(), 0)
        self.assertEqual(fingerprints(saved), before)
        self.assertEqual(self.payloads(server, "lamp", "home/lamp/set"), list(range(11)))

    def test_a_relative_folder_is_the_caller_s(self):
        server = self.broker()
        here = self.make_folder(dir=self.folder)
        shown = self.run_ok("backup", "saved", "--data-dir", self.data_dir(server), cwd=here)
        self.assertIn(os.path.join(here, "saved"), shown)
        self.assertTrue(os.path.exists(os.path.join(here, "saved", "manifest.json")))
        os.mkdir(os.path.join(here, "empty"))
        told = json.loads(self.run_ok("backup", "empty/", "--json", "--data-dir",
                                      self.data_dir(server), cwd=here))
        self.assertEqual(told["state"], "done")
        self.assertGreater(told["files"], 3)

    def test_agrees_with_sha256sum(self):
        server = self.broker()
        saved = self.saved(server)
        done = self.command("sha256sum", "-c", "manifest.json.sha256", cwd=saved)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(os.path.join(saved, "manifest.json"), encoding="utf-8") as file:
            manifest = json.load(file)
        lines = "".join(f"{f['sha256']}  {f['name']}\n" for f in manifest["files"])
        done = self.command("sha256sum", "-c", "-", stdin=lines, cwd=saved)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(manifest["shards"], 64)

    def test_bad_places_are_refused_and_left_alone(self):
        server = self.broker()
        data = self.data_dir(server)
        full = self.make_folder(dir=self.folder)
        with open(os.path.join(full, "mine"), "w", encoding="utf-8") as out:
            out.write("mine")
        for place, word in ((full, "not empty"), (os.path.join(data, "x"), "inside the data"),
                            (data, "inside the data"), (full + "/mine", "already there"),
                            (os.path.join(self.folder, "no", "where"), "no folder")):
            said = self.refused(NOT_OK, "backup", place, "--data-dir", data)
            self.assertIn(word, said)
        self.assertEqual(os.listdir(full), ["mine"])
        self.assertEqual(self.status(server)["pid"], server.process.pid)

    def test_is_counted(self):
        server = self.broker()
        self.saved(server)
        self.assertEqual(self.metric("roost_backups_total", result="done"), 1)
        self.assertGreater(self.metric("roost_last_backup_timestamp_seconds"), 1.6e9)
        status, state = self.ask(server, "GET", "/api/v1/backup")
        self.assertEqual((status, state["state"], state["number"]), (200, "done", 1))

    def small_disk(self, size):
        self.needs(os.geteuid() == 0, "needs root to mount a small tmpfs")
        disk = self.make_folder(dir=self.folder)
        done = self.command("mount", "-t", "tmpfs", "-o", f"size={size}", "none", disk)
        self.needs(done.returncode == 0, f"no tmpfs may be mounted here: {done.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "--lazy", disk], check=True)
        return disk

    def test_the_data_s_own_disk_is_given_back_where_it_runs_full(self):
        disk = self.small_disk(64 << 20)
        data = os.path.join(disk, "data")
        server = self.broker(data_dir=data, store={"reserve_bytes": "8MiB"})
        self.offline(server.port, "away", "queue/#")
        pub = self.client(server.port, "pub")
        messages = [("queue/x", os.urandom(10_000).hex()) for _ in range(800)]
        self.publish_all(pub, messages)
        about = os.statvfs(disk)
        with open(os.path.join(disk, "filler"), "wb") as out:  # room for half of a copy
            out.write(b"\0" * (about.f_bavail * about.f_frsize - (12 << 20)))
        said = self.refused(NOT_OK, "backup", os.path.join(disk, "saved"), "--data-dir", data)
        self.assertRegex(said, "No space left|no room left")
        self.assertEqual(sorted(os.listdir(disk)), ["data", "filler"])
        self.assertIsNone(server.process.poll(), server.log()[-2000:])
        os.remove(os.path.join(disk, "filler"))
        until(lambda: not json.loads(self.run_ok("status", "--json", "--data-dir", data))
              ["store"]["refuses_new_messages"], "room again", 30)
        pub.publish("queue/x", "after", 1)
        client = self.session(server.port, "away", present=1)
        got = [packet.payload for packet in self.drain(server, client, "queue/end")]
        self.assertEqual(got, [payload.encode() for _, payload in messages] + [b"after"])

    def test_a_full_disk_fails_it_and_leaves_nothing(self):
        disk = self.small_disk(DISK_BYTES)
        server = self.broker()
        self.offline(server.port, "away", "queue/#")
        pub = self.client(server.port, "pub")
        messages = [("queue/x", os.urandom(10_000).hex()) for _ in range(400)]
        self.publish_all(pub, messages)
        said = self.refused(NOT_OK, "backup", os.path.join(disk, "saved"), "--data-dir",
                            self.data_dir(server))
        self.assertIn("No space left", said)
        self.assertEqual(os.listdir(disk), [])
        self.assertEqual(self.metric("roost_backups_total", result="failed"), 1)
        pub.publish("queue/x", "after", 1)
        again = self.restored(self.saved(server))
        client = self.session(again.port, "away", present=1)
        got = [packet.payload for packet in self.drain(again, client, "queue/end")]
        self.assertEqual(got, [payload.encode() for _, payload in messages] + [b"after"])

    def test_a_node_that_ends_meanwhile_leaves_a_whole_one_or_none(self):
        server = self.broker(mqtt={"max_packet_size": "16MiB"})
        pub = self.client(server.port, "pub")
        for number in range(6):
            pub.publish(f"kept/{number}", os.urandom(8 << 20), 1, retain=1)
        for name, end in (("stopped", server.stop), ("killed", server.kill)):
            saved = os.path.join(self.folder, name)
            tool = self.tool(self.broker_path, "backup", saved, "--data-dir",
                             self.data_dir(server))
            until(lambda: self.ask(server, "GET", "/api/v1/backup")[1]["state"] != "none",
                  "a backup that has begun")
            end()
            self.assertIn(tool.finish(), (0, NO_NODE))
            if os.path.exists(saved):
                self.assertIn("is whole", self.run_ok("restore", "--check", saved))
            elif end == server.stop:
                self.assertFalse(os.path.exists(saved + ".partial"))
            server.start()
            self.assertEqual(self.status(server)["retained_messages"], 6)

    def test_a_backup_that_a_crash_cut_short_is_none(self):
        server = self.broker()
        saved = self.saved(server)
        os.rename(saved, saved + ".partial")
        os.remove(os.path.join(saved + ".partial", "manifest.json"))
        said = self.refused(NOT_OK, "restore", saved, "--data-dir", os.path.join(self.folder, "n"))
        self.assertIn("no backup", said)
        said = self.refused(NOT_OK, "backup", saved, "--data-dir", self.data_dir(server))
        self.assertIn(".partial", said)


class Restore(AdminCase):
    def setUp(self):
        super().setUp()
        self.server = self.broker()
        self.offline(self.server.port, "lamp", "home/lamp/set")
        self.client(self.server.port, "pub").publish("home/lamp/set", "on", 1)
        self.data = self.data_dir(self.server)
        self.saved = os.path.join(self.folder, "saved")
        self.run_ok("backup", self.saved, "--data-dir", self.data)
        self.target = os.path.join(self.folder, "target")

    def test_to_a_running_one_is_refused(self):
        said = self.refused(DATA_DIRECTORY, "restore", self.saved, "--data-dir", self.data)
        self.assertIn(f"pid {self.server.process.pid}", said)
        self.assertEqual(self.status(self.server)["queued_messages"], 1)

    def test_to_one_that_holds_data_is_refused(self):
        self.assertEqual(self.server.stop(), 0)
        before = fingerprints(self.data)
        said = self.refused(DATA_DIRECTORY, "restore", self.saved, "--data-dir", self.data)
        self.assertIn("move it away", said)
        self.assertEqual(fingerprints(self.data), before)
        os.rename(self.data, self.data + ".old")
        self.run_ok("restore", self.saved, "--config", self.server.config)
        self.server.start()
        self.assertEqual(self.status(self.server)["queued_messages"], 1)

    def test_of_a_flipped_byte_is_refused_by_name(self):
        for folder, _, names in os.walk(self.saved):
            for name in names:
                path = os.path.join(folder, name)
                if os.path.getsize(path) == 0:
                    continue
                flip(path)
                said = self.refused(NOT_OK, "restore", self.saved, "--data-dir", self.target)
                self.assertIn(name, said)
                self.assertFalse(os.path.exists(self.target), name)
                flip(path)
        self.run_ok("restore", self.saved, "--data-dir", self.target)

    def test_a_backup_is_not_served(self):
        before = fingerprints(self.saved)
        done = self.roost_command("serve", "--port", "0", "--set", "http.port=0", "--data-dir",
                                  self.saved)
        self.assertEqual(done.returncode, DATA_DIRECTORY, done.stderr)
        self.assertIn("roost restore", done.stderr)
        self.assertEqual(fingerprints(self.saved), before)

    def test_one_that_was_cut_short_serves_nobody_until_it_is_made_again(self):
        os.makedirs(os.path.join(self.target, "restore.partial", "db"))
        serve = ("serve", "--port", "0", "--set", "http.port=0", "--data-dir", self.target)
        done = self.roost_command(*serve)
        self.assertEqual(done.returncode, DATA_DIRECTORY, done.stderr)
        self.assertIn("run `roost restore` again", done.stderr)
        self.run_ok("restore", self.saved, "--data-dir", self.target)
        self.assertEqual(self.inspect(self.target)["total"]["queued_messages"], 1)

    def test_with_another_number_of_shards_is_refused(self):
        self.run_ok("restore", self.saved, "--data-dir", self.target)
        done = self.roost_command("serve", "--port", "0", "--set", "http.port=0", "--set",
                                  "shards=32", "--data-dir", self.target)
        self.assertEqual(done.returncode, DATA_DIRECTORY, done.stderr)
        self.assertIn("made with shards: 64", done.stderr)

    def test_needs_no_node(self):
        self.server.kill()
        self.run_ok("restore", self.saved, "--data-dir", self.target)
        self.refused(NO_NODE, "status", "--data-dir", self.target)
