# SPDX-License-Identifier: Apache-2.0
"""The image of deploy/Dockerfile: what is in it, and containers of it as an operator runs them."""

import os
import stat
import subprocess
import time
import unittest
from pathlib import Path

from tools.containers import BASE, ROOST, ROOT, CommandFailed, Containers, command, missing
from tools.probes import HTTP, MQTT, PEERS, TLS, WEBSOCKET, http, until

SUBNET = "10.89.71.0/24"
MB = 1_000_000
WHOLE_MB, ABOVE_BASE_MB = 200, 110
UID = 10001
HARDENED = ("--read-only", "--read-only-tmpfs=false", "--cap-drop", "all",
            "--security-opt", "no-new-privileges")
TOKEN = "a-token-of-this-test-only"
NO_PLACE_IN_IT = ("cc", "gcc", "g++", "c++", "clang", "ld", "as", "make", "cmake", "ninja", "git",
                  "curl", "wget", "python3", "perl5.36", "gdb", "ccache")


class ImageCase(unittest.TestCase):
    heavy = True

    @classmethod
    def setUpClass(cls):
        why = missing()
        if why:
            raise unittest.SkipTest(why)
        cls.containers = Containers()
        cls.addClassCleanup(cls.containers.close)
        cls.make_image()

    @classmethod
    def make_image(cls):
        binary = os.environ.get("ROOST_BINARY")
        if not binary:
            raise unittest.SkipTest("--broker names no binary")
        cls.containers.roost_image(binary)

    def in_image(self, *parts, check=True):
        return self.containers.run_once(ROOST, *parts[1:], check=check,
                                        options=["--entrypoint", parts[0]])


class Folders:
    """The unpacked files of the image and of its base, by path."""

    def __init__(self, containers):
        self.containers = containers
        self.image, self.base = (Path(containers.podman("image", "mount", name).stdout.strip())
                                 for name in (ROOST, BASE))

    def close(self):
        for name in (ROOST, BASE):
            self.containers.podman("image", "unmount", name)

    @staticmethod
    def files(root):
        for folder, _, names in os.walk(root):
            for name in names:
                path = Path(folder, name)
                yield path, path.lstat()

    def size(self, root):
        links = set()
        total = 0
        for _, status in self.files(root):
            if status.st_nlink > 1 and (status.st_dev, status.st_ino) in links:
                continue
            links.add((status.st_dev, status.st_ino))
            total += status.st_size
        return total


class Image(ImageCase):
    def setUp(self):
        self.folders = Folders(self.containers)
        self.addCleanup(self.folders.close)

    def test_sizes(self):
        whole, base = (self.folders.size(root) / MB for root in (self.folders.image, self.folders.base))
        print(f"  image: {whole:.1f} MB unpacked, {whole - base:.1f} MB above the base of {base:.1f} MB",
              flush=True)
        self.assertLess(whole, WHOLE_MB)
        self.assertLessEqual(whole - base, ABOVE_BASE_MB)
        self.assertGreater(whole - base, 10)

    def test_how_it_starts(self):
        config = self.containers.inspect(ROOST)["Config"]
        self.assertEqual(config["User"], f"{UID}:{UID}")
        self.assertEqual((config["Entrypoint"], config["Cmd"]), (["/usr/bin/roost"], ["serve"]))
        self.assertEqual(set(config["ExposedPorts"]),
                         {f"{port}/tcp" for port in (MQTT, TLS, WEBSOCKET, HTTP, PEERS)})
        self.assertEqual(list(config["Volumes"]), ["/var/lib/roost"])
        self.assertEqual(config["StopSignal"], "SIGTERM")

    def test_labels_and_version(self):
        labels = self.containers.inspect(ROOST)["Config"]["Labels"]
        for name in ("title", "description", "licenses", "version", "revision", "base.name"):
            self.assertTrue(labels.get(f"org.opencontainers.image.{name}"), name)
        said = self.in_image("/usr/bin/roost", "--version").stdout
        built = command(os.environ["ROOST_BINARY"], "--version").stdout
        self.assertEqual(said, built)
        self.assertIn(labels["org.opencontainers.image.version"], said.split())

    def test_the_config_in_it_is_the_one_of_the_repository_and_good(self):
        self.assertEqual((self.folders.image / "etc/roost/roost.yaml").read_text(),
                         (ROOT / "deploy/roost.yaml").read_text())
        self.in_image("/usr/bin/roost", "serve", "--check")

    def test_no_setuid_file_beyond_the_bases(self):
        def risen(root):
            return {str(path.relative_to(root)) for path, status in self.folders.files(root)
                    if stat.S_ISREG(status.st_mode) and status.st_mode & (stat.S_ISUID | stat.S_ISGID)}
        self.assertIn("usr/bin/su", risen(self.folders.base))
        self.assertEqual(risen(self.folders.image) - risen(self.folders.base), set())

    def test_nothing_that_builds_or_fetches_and_no_source(self):
        image = self.folders.image
        found = [name for name in NO_PLACE_IN_IT for folder in ("usr/bin", "usr/local/bin")
                 if (image / folder / name).exists()]
        self.assertEqual(found, [])
        def sources(root):
            return {str(path.relative_to(root)) for path, _ in self.folders.files(root)
                    if path.suffix in (".cc", ".cpp", ".h", ".proto", ".a", ".o", ".py")}
        self.assertEqual(sources(image) - sources(self.folders.base), set())
        self.assertFalse((image / "src").exists())
        self.assertEqual(list((image / "var/lib/apt/lists").iterdir()), [])
        packages = self.in_image("dpkg-query", "-W", "-f", "${Package}\n").stdout.split()
        self.assertEqual([name for name in packages if name.endswith("-dev")], [])

    def test_the_binary_is_stripped_and_nothing_but_the_data_is_the_users(self):
        sections = command("readelf", "-S", self.folders.image / "usr/bin/roost").stdout
        self.assertIn(".text", sections)
        self.assertNotIn(".debug_info", sections)
        self.assertNotIn(".symtab", sections)
        theirs = [str(path.relative_to(self.folders.image))
                  for path, status in self.folders.files(self.folders.image) if status.st_uid == UID]
        self.assertEqual(theirs, [])
        data = (self.folders.image / "var/lib/roost").stat()
        self.assertEqual((data.st_uid, data.st_gid, stat.S_IMODE(data.st_mode)), (UID, UID, 0o700))


class InContainers(ImageCase):
    @classmethod
    def make_image(cls):
        super().make_image()
        cls.containers.network("image-test", SUBNET)
        cls.secrets = cls.containers.folder / "secrets"
        cls.secrets.mkdir(exist_ok=True)
        users = cls.secrets / "users.pw"
        users.unlink(missing_ok=True)
        command(os.environ["ROOST_BINARY"], "passwd", "-b", users, "ann", "anns-password")
        os.chmod(users, 0o644)

    def start(self, *options, name="one", hardened=True):
        """A container of the image; its address, once it is ready."""
        self.addCleanup(self.containers.remove, name)
        self.containers.run(ROOST, name=name, network="image-test",
                            options=[*(HARDENED if hardened else ()), *options])
        address = self.containers.address(name)
        try:
            until(lambda: http(address, "/readyz")[0] == 200, "ready")
        except AssertionError as error:
            raise CommandFailed(f"{error}\n{self.containers.logs(name)}") from None
        return address

    def with_users(self):
        return ("-v", f"{self.secrets}:/run/secrets:ro", "-e",
                "ROOST_AUTH_PASSWORD_FILE=/run/secrets/users.pw")

    def pub(self, address, *more, password="anns-password"):
        return command("mosquitto_pub", "-h", address, "-u", "ann", "-P", password, "-q", "1", *more,
                       check=False)

    def sub(self, address, *more):
        return command("mosquitto_sub", "-h", address, "-u", "ann", "-P", "anns-password", "-q", "1",
                       "-W", "10", *more, check=False)

    def health(self):
        parts = self.containers.inspect(ROOST)["Healthcheck"]["Test"]
        self.assertEqual(parts[0], "CMD")
        return parts[1:]

    def test_a_bare_one_starts_says_what_is_next_and_serves_no_stranger(self):
        address = self.start(hardened=False)
        log = self.containers.logs("one")
        self.assertIn("for remote clients set auth.password_file", log)
        refused = command("mosquitto_pub", "-h", address, "-t", "a", "-m", "1", check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertEqual(self.containers.exec("one", "roost", "pub", "-t", "a", "-m", "1").returncode, 0)
        self.assertEqual(http(address, "/metrics")[0], 200)
        self.assertEqual(http(address, "/api/v1/status", TOKEN)[0], 403)

    def test_serves_read_only_as_nobody_in_particular(self):
        address = self.start(*self.with_users(), "-e", f"ROOST_HTTP_TOKEN={TOKEN}")
        status = dict(line.split(":\t", 1) for line in
                      self.containers.exec("one", "cat", "/proc/1/status").stdout.splitlines()
                      if ":\t" in line)
        self.assertEqual(status["Uid"].split(), [str(UID)] * 4)
        self.assertEqual(status["Gid"].split(), [str(UID)] * 4)
        self.assertEqual(int(status["CapEff"], 16) | int(status["CapBnd"], 16), 0)
        self.assertEqual(status["NoNewPrivs"], "1")
        touched = self.containers.exec("one", "touch", "/tmp/x", check=False)
        self.assertIn("Read-only file system", touched.stderr)

        self.assertEqual(self.pub(address, "-t", "home/lamp", "-m", "on", "-r").returncode, 0)
        self.assertEqual(self.sub(address, "-t", "home/#", "-C", "1", "-v").stdout, "home/lamp on\n")
        self.assertNotEqual(self.pub(address, "-t", "a", "-m", "1", password="wrong").returncode, 0)
        self.assertEqual(http(address, "/api/v1/status")[0], 401)
        self.assertEqual(http(address, "/api/v1/status", "another-token-than-that")[0], 401)
        self.assertEqual(http(address, "/api/v1/status", TOKEN)[0], 200)

    def test_the_data_outlives_its_container(self):
        self.containers.podman("volume", "create", "lasting")
        options = (*self.with_users(), "-v", "lasting:/var/lib/roost")
        address = self.start(*options)
        sleeper = ("-i", "sleeper", "-c", "-t", "home/#", "-V", "5", "-x", "3600")
        self.sub(address, *sleeper, "-E")
        self.assertEqual(self.pub(address, "-t", "home/kept", "-m", "21.5", "-r").returncode, 0)
        self.containers.remove("one")  # kill -9
        address = self.start(*options, name="another")
        self.assertEqual(self.sub(address, *sleeper, "-C", "1", "-v").stdout, "home/kept 21.5\n")
        self.assertEqual(self.sub(address, "-t", "home/kept", "-C", "1").stdout, "21.5\n")

    def test_sigterm_sends_clients_off_and_ends_it_with_0(self):
        address = self.start(*self.with_users())
        with subprocess.Popen(["mosquitto_sub", "-h", address, "-u", "ann", "-P", "anns-password", "-V",
                               "5", "-t", "#", "-i", "watcher"], stderr=subprocess.DEVNULL) as client:
            self.addCleanup(client.kill)
            until(lambda: "watcher" in self.containers.exec("one", "roost", "clients").stdout, "a client")
            begun = time.monotonic()
            self.containers.signal("one", "TERM")
            self.assertEqual(self.containers.wait("one"), 0)
            # docker stop waits 10 s by default; the rest is for containers on a busy machine.
            self.assertLess(time.monotonic() - begun, 30)
            client.kill()
        self.assertIn("stopped", self.containers.logs("one"))

    def test_the_health_check_passes_and_fails_when_it_should(self):
        address = self.start(*self.with_users())
        self.assertEqual(self.containers.exec("one", *self.health()).returncode, 0)
        self.assertEqual(self.pub(address, "-t", "a", "-m", "1").returncode, 0)
        self.containers.signal("one", "STOP")  # it is there and does nothing
        frozen = self.containers.exec("one", "timeout", "3", *self.health(), check=False)
        self.containers.signal("one", "CONT")
        self.assertEqual(frozen.returncode, 124)
        until(lambda: self.containers.exec("one", *self.health(), check=False).returncode == 0,
              "healthy again")

        self.addCleanup(self.containers.remove, "empty")
        self.containers.run(ROOST, "60", name="empty", options=["--entrypoint", "sleep"])
        self.assertEqual(self.containers.exec("empty", *self.health(), check=False).returncode, 5)

    def test_the_health_check_is_bounded_and_cheap(self):
        check = self.containers.inspect(ROOST)["Healthcheck"]
        second = 1_000_000_000
        self.assertLessEqual(check["Timeout"], 5 * second)
        self.assertGreaterEqual(check["Interval"], 10 * second)
        self.start()
        script = 'for i in 1 2 3 4 5 6 7 8 9 10; do "$@" >/dev/null; done; times'
        done = self.containers.exec("one", "sh", "-c", script, "-", *self.health())
        minutes, seconds = done.stdout.split()[2].rstrip("s").split("m")
        self.assertLess(60 * float(minutes) + float(seconds), 2)  # user time of ten


if os.environ.get("ROOST_FULL"):  # compiles for ten minutes
    class FromSource(ImageCase):
        @classmethod
        def make_image(cls):
            begun = time.monotonic()
            cls.containers.build(name=ROOST, seconds=3600)
            print(f"  built from source in {time.monotonic() - begun:.0f} s", flush=True)

        def test_it_is_as_small_and_serves(self):
            folders = Folders(self.containers)
            self.addCleanup(folders.close)
            whole, base = (folders.size(root) / MB for root in (folders.image, folders.base))
            print(f"  image from source: {whole:.1f} MB, {whole - base:.1f} MB above the base", flush=True)
            self.assertLess(whole, WHOLE_MB)
            self.assertLessEqual(whole - base, ABOVE_BASE_MB)
            self.addCleanup(self.containers.remove, "built")
            self.containers.run(ROOST, name="built", options=HARDENED)
            until(lambda: self.containers.exec("built", "roost", "status", check=False).returncode == 0, "up")
            self.containers.exec("built", "roost", "pub", "-t", "a", "-m", "1", "-q", "1", "-r")
            heard = self.containers.exec("built", "roost", "sub", "-t", "a", "-C", "1", "-W", "10")
            self.assertEqual(heard.stdout, "1\n")
