# SPDX-License-Identifier: Apache-2.0
"""deploy/run with the machine around it replaced by stubs: apt, dpkg, sudo, cmake and the broker."""

import errno
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOBODY = 65534

STUBS = {
    # Prints "installed:NAME " for the names that are in the file `installed`.
    "dpkg-query": """
for name in "$@"; do
  grep -qx -- "$name" "$STUBS/installed" && printf 'installed:%s ' "$name"
done
exit 0
""",
    "apt-get": """
echo "apt-get $*" >>"$STUBS/log"
for name in "$@"; do
  [ "$name" = install ] && [ -s "$STUBS/locked" ] && {
    sed -i 1d "$STUBS/locked"
    echo 'E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 1' >&2
    exit 100
  }
done
exit 0
""",
    "sudo": """
echo "sudo $*" >>"$STUBS/log"
[ -e "$STUBS/no-sudo" ] && exit 1
[ "$1" = -n ] && shift
exec "$@"
""",
    "sleep": "exit 0",
    # Configures nothing; "builds" a broker that says how it was started and waits for a signal.
    "cmake": """
echo "cmake[$(id -u)] $*" >>"$STUBS/log"
case "$*" in --build*) ;; *) exit 0 ;; esac
mkdir -p build/release
cat >build/release/roost <<'BROKER'
#!/usr/bin/python3
import os, signal, sys
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
print("broker", os.getpid(), *sys.argv[1:], flush=True)
signal.pause()
BROKER
chmod +x build/release/roost
""",
}


class DeployRun(unittest.TestCase):
    def setUp(self):
        self.tree = pathlib.Path(tempfile.mkdtemp(prefix="roost-deploy-"))
        self.addCleanup(shutil.rmtree, self.tree, ignore_errors=True)
        self.stubs = self.tree / "stubs"
        self.stubs.mkdir()
        shutil.copytree(ROOT / "deploy", self.tree / "deploy")
        for name, text in STUBS.items():
            path = self.stubs / name
            path.write_text("#!/bin/sh\n" + text)
            path.chmod(0o755)
        (self.stubs / "log").write_text("")
        self.install(*self.product_packages())
        for path in [self.tree, self.stubs, *self.stubs.iterdir()]:
            path.chmod(path.stat().st_mode | 0o777 if path.is_dir() else path.stat().st_mode | 0o666)
        self.environment = {
            "PATH": f"{self.stubs}:/usr/sbin:/usr/bin:/sbin:/bin",
            "STUBS": str(self.stubs),
            "HOME": "/tmp",
        }
        self.prefix = []

    def product_packages(self):
        script = 'source deploy/packages.sh; printf "%s\\n" "${product_packages[@]}"'
        return subprocess.run(["bash", "-c", script], cwd=ROOT, check=True, text=True,
                              capture_output=True).stdout.split()

    def test_npm_is_wanted_where_there_is_none(self):
        """Debian's conflicts with a nodejs from elsewhere, which brings its own."""
        script = ('command() {{ [[ $* != "-v npm" ]] || return {}; builtin command "$@"; }}; '
                  'source deploy/packages.sh; printf "%s\\n" "${{product_packages[@]}}"')
        for found, wanted in ((0, False), (1, True)):
            done = subprocess.run(["bash", "-c", script.format(found)], cwd=ROOT, check=True,
                                  text=True, capture_output=True)
            self.assertEqual("npm" in done.stdout.split(), wanted)

    def install(self, *names):
        (self.stubs / "installed").write_text("".join(name + "\n" for name in names))

    def as_nobody(self):
        if os.geteuid() == 0:
            self.prefix = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]

    def free_port(self):
        # Below the range that outgoing connections take theirs from.
        while True:
            try:
                with socket.create_server(("127.0.0.1", random.randrange(12000, 32000))) as free:
                    return str(free.getsockname()[1])
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise

    def run_it(self, *arguments, **more):
        return subprocess.run(
            [*self.prefix, "bash", str(self.tree / "deploy/run"), *arguments], cwd="/",
            env=self.environment | more, text=True, stdin=subprocess.DEVNULL, capture_output=True,
            timeout=60)

    def log(self):
        return (self.stubs / "log").read_text().splitlines()

    def apt_lines(self):
        return [line for line in self.log() if line.startswith("apt-get")]

    def test_leaves_apt_alone_when_everything_is_there(self):
        done = self.run_it("--build-only")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.apt_lines(), [])
        self.assertTrue(any("--build --preset release" in line for line in self.log()))

    def test_runs_twice_in_a_row(self):
        self.assertEqual(self.run_it("--build-only").returncode, 0)
        self.assertEqual(self.run_it("--build-only").returncode, 0)

    def test_installs_only_what_is_missing_and_removes_nothing(self):
        self.install(*[name for name in self.product_packages() if name != "libwslay-dev"])
        done = self.run_it("--build-only")
        self.assertEqual(done.returncode, 0, done.stderr)
        update, install = self.apt_lines()
        self.assertTrue(update.endswith(" update"), update)
        self.assertTrue(install.endswith(
            "install -y --no-install-recommends --no-remove libwslay-dev"), install)

    def test_installs_no_test_package(self):
        for name in self.product_packages():
            for word in ("gtest", "gmock", "benchmark", "mosquitto", "paho", "clang", "node"):
                self.assertNotIn(word, name)

    def test_explains_the_boost_that_is_in_the_way(self):
        others = [name for name in self.product_packages() if "boost" not in name]
        self.install(*others, "libboost1.74-dev")
        done = self.run_it("--build-only")
        self.assertEqual(done.returncode, 1)
        self.assertIn("libboost1.74-dev", done.stderr)
        self.assertIn("conflict", done.stderr)
        self.assertEqual(self.apt_lines(), [])

    def test_without_root_or_sudo_prints_the_exact_line_and_stops(self):
        self.as_nobody()
        (self.stubs / "no-sudo").write_text("")
        self.install(*[name for name in self.product_packages() if name != "cmake"])
        done = self.run_it("--build-only")
        self.assertEqual(done.returncode, 1)
        self.assertIn("apt-get install -y --no-install-recommends --no-remove cmake\n", done.stderr)
        self.assertEqual(self.apt_lines(), [])
        self.assertFalse(any(line.startswith("cmake") for line in self.log()))

    def test_as_a_user_only_apt_goes_through_sudo(self):
        self.as_nobody()
        self.install(*[name for name in self.product_packages() if name != "cmake"])
        done = self.run_it("--build-only")
        self.assertEqual(done.returncode, 0, done.stderr)
        through_sudo = [line for line in self.log() if line.startswith("sudo")]
        self.assertTrue(any("install -y" in line for line in through_sudo))
        self.assertFalse(any("cmake --" in line for line in through_sudo))

    @unittest.skipUnless(os.geteuid() == 0, "only root can play sudo")
    def test_through_sudo_builds_as_the_one_who_called(self):
        done = self.run_it("--build-only", SUDO_UID=str(NOBODY), SUDO_GID=str(NOBODY),
                           SUDO_USER="nobody")
        self.assertEqual(done.returncode, 0, done.stderr)
        builds = [line for line in self.log() if line.startswith("cmake")]
        self.assertTrue(builds)
        for line in builds:
            self.assertTrue(line.startswith(f"cmake[{NOBODY}]"), line)

    def test_waits_for_another_package_manager(self):
        self.install(*[name for name in self.product_packages() if name != "cmake"])
        (self.stubs / "locked").write_text("once\ntwice\n")
        done = self.run_it("--build-only")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sum("install -y" in line for line in self.apt_lines()), 3)

    def test_serves_in_the_foreground_and_control_c_reaches_the_broker(self):
        port = self.free_port()
        process = subprocess.Popen(["bash", str(self.tree / "deploy/run"), "--port", port,
                                    "--http-port=0", f"--websocket-port={self.free_port()}"],
                                   env=self.environment, text=True, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL)
        try:
            lines = []
            while not lines or not lines[-1].startswith("broker"):
                lines.append(process.stdout.readline())
                self.assertNotEqual(lines[-1], "", "ended without serving")
            self.assertEqual(lines[-1].split(), ["broker", str(process.pid), "serve", "--port", port])
            self.assertIn(f"mosquitto_sub -p {port} -t 'home/#' -v\n", [x.lstrip() for x in lines])
            self.assertIn("mqtt.connect('ws://127.0.0.1:", "".join(lines))
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(timeout=10), 0)
        finally:
            process.kill()
            process.stdout.close()
            process.wait()

    def test_names_who_holds_the_port_and_the_flag_for_another(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            done = self.run_it("--port", str(port))
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"port {port} is in use by", done.stderr)
        self.assertIn(f"(pid {os.getpid()})", done.stderr)
        self.assertIn("--port", done.stderr)
        self.assertEqual(self.log(), [], "nothing is installed or built for a port that is taken")

    def test_names_who_holds_the_http_port(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            done = self.run_it("--port", self.free_port(), "--http-port", str(port))
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"port {port} is in use by", done.stderr)
        self.assertIn("--http-port", done.stderr)

    def test_help_and_wrong_arguments(self):
        self.assertIn("--build-only", self.run_it("--help").stdout)
        for wrong in (["--prot"], ["--port"], ["--port", "0"], ["--port", "65536"], ["--port=x"],
                      ["--http-port", "-1"], ["--http-port"]):
            self.assertEqual(self.run_it(*wrong).returncode, 2, wrong)

    def jobs(self, cores):
        (self.stubs / "nproc").write_text(f"#!/bin/sh\necho {cores}\n")
        (self.stubs / "nproc").chmod(0o755)
        return int(subprocess.run(["bash", "-c", "source deploy/packages.sh; build_jobs"], cwd=ROOT,
                                  env=self.environment, check=True, capture_output=True).stdout)

    def test_jobs_follow_cores_and_free_memory(self):
        self.assertEqual(self.jobs(1), 1)
        with open("/proc/meminfo", encoding="ascii") as lines:
            memory_kb = int(next(x for x in lines if x.startswith("MemTotal")).split()[1])
        most = self.jobs(100_000)
        self.assertGreaterEqual(most, 1)
        self.assertLessEqual(most, max(1, memory_kb / 1024 / 1536))
