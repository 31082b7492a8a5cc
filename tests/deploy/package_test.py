# SPDX-License-Identifier: Apache-2.0
"""The Debian package: what is in it; installed, removed and purged; run by a real systemd in a container."""

import os
import re
import shutil
import unittest
from pathlib import Path

from tools.containers import ROOT, Containers, command, missing
from tools.probes import until

MACHINE = "localhost/systemd:test"
TOOLS = ("cpack", "lintian", "man", "dpkg-deb", "file")
# systemd wants to mount; what it may do to this machine's kernel stays closed.
SYSTEMD = ("--systemd=always", "--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined",
           "--security-opt", "apparmor=unconfined", "--network", "none")
# What dpkg, systemd and the journal write about themselves.
NOT_OURS = re.compile(r"^/(proc|sys|dev|run|tmp|var/log|var/cache|var/lib/(dpkg|systemd|apt)|etc/[a-z]*-$)")
CONFIG, DATA, BACKUPS = "/etc/roost/roost.yaml", "/var/lib/roost", "/var/backups/roost"


class PackageCase(unittest.TestCase):
    heavy = True

    @classmethod
    def setUpClass(cls):
        why = missing()
        absent = [tool for tool in TOOLS if shutil.which(tool) is None]
        binary = os.environ.get("ROOST_BINARY")
        if why or absent or not binary:
            raise unittest.SkipTest(why or (f"not installed: {absent}" if absent else "--broker names none"))
        cls.binary = Path(binary)
        cls.containers = Containers()
        cls.addClassCleanup(cls.containers.close)
        cls.package = cls.build()

    @classmethod
    def build(cls):
        folder = cls.containers.folder / "package"
        shutil.rmtree(folder, ignore_errors=True)
        config = cls.binary.parent / "CPackConfig.cmake"
        if not config.exists():
            raise unittest.SkipTest(f"{config} isn't there: the binary is in no build folder")
        command("cpack", "-G", "DEB", "--config", config, "-B", folder, cwd=cls.containers.folder)
        return next(folder.glob("*.deb"))


class Contents(PackageCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.root = cls.containers.folder / "package" / "unpacked"
        command("dpkg-deb", "-R", cls.package, cls.root)

    def field(self, name):
        return command("dpkg-deb", "-f", self.package, name).stdout.strip()

    def test_lintian_finds_no_error(self):
        done = command("lintian", "--allow-root", "--tag-display-limit", "0", "--fail-on", "error",
                       self.package, check=False)
        print("".join(f"  lintian: {line}\n" for line in done.stdout.splitlines()), end="", flush=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_it_depends_on_what_the_binary_is_linked_with(self):
        wanted = command(ROOT / "deploy" / "runtime-packages", self.binary).stdout.split()
        depends = [one.split()[0] for one in self.field("Depends").split(", ")]
        self.assertEqual(sorted(depends), sorted([*wanted, "adduser"]))

    def test_its_version_is_the_programs(self):
        version = command(self.binary, "--version").stdout.split()[-1]
        self.assertEqual(self.field("Version"), f"{version}-1")
        first = (ROOT / "deploy" / "debian" / "changelog").read_text().splitlines()[0]
        self.assertIn(f"({version}-1)", first)
        self.assertIn(f"Roost {version}", (ROOT / "deploy" / "debian" / "roost.1").read_text())

    def test_every_file_is_roots_and_the_config_is_a_conffile(self):
        for line in command("dpkg-deb", "-c", self.package).stdout.splitlines():
            mode, owner = line.split()[:2]
            self.assertEqual(owner, "root/root", line)
            self.assertEqual(mode[5] + mode[8], "--", f"others can write: {line}")
        self.assertEqual((self.root / "DEBIAN/conffiles").read_text().split(), [CONFIG])
        self.assertNotIn(b".debug_info", (self.root / "usr/bin/roost").read_bytes())

    def test_the_man_page_has_every_command_and_warns_of_nothing(self):
        page = self.root / "usr/share/man/man1/roost.1.gz"
        done = command("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page,
                       env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "MANROFFSEQ": "",
                            "MANWIDTH": "80"})
        self.assertEqual(done.stderr, "")
        text = (ROOT / "deploy/debian/roost.1").read_text()
        commands = re.findall(r"^  ([a-z]+) +(\S.*)$", command(self.binary, "--help").stdout, re.MULTILINE)
        commands = [(name, what) for name, what in commands if name != "roost"]
        self.assertGreater(len(commands), 20)
        for name, what in commands:
            self.assertIn(f".TP\n.B {name}\n{what}\n", text)
        for option in re.findall(r"--[a-z-]+", command(self.binary, "serve", "--help").stdout):
            if option != "--help":
                self.assertIn(option.replace("-", r"\-"), text)

    def test_bash_completes_commands(self):
        script = self.root / "usr/share/bash-completion/completions/roost"
        asked = f"source {script}; COMP_WORDS=(roost sess); COMP_CWORD=1; _roost; echo ${{COMPREPLY[@]}}"
        self.assertEqual(command("bash", "-c", asked).stdout, "sessions session\n")


class Machine(PackageCase):
    """A Debian 12 whose libraries are there, with systemd and without."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        wanted = command(ROOT / "deploy" / "runtime-packages", cls.binary).stdout.split()
        cls.containers.debian_image(
            MACHINE, ["systemd", "systemd-sysv", "dbus", "adduser", "procps", "zsh", *wanted])

    def boot(self, *command_line, options=()):
        self.addCleanup(self.containers.remove, "machine")
        self.containers.run(MACHINE, *command_line, name="machine", options=[
            *options, "-v", f"{self.package.parent}:/packages:ro"])

    def sh(self, script, check=True, seconds=120):
        return self.containers.exec("machine", "sh", "-ec", script, check=check, seconds=seconds)

    def said(self, script):
        return self.sh(script, check=False).stdout.strip()

    def install(self):
        self.sh(f"DEBIAN_FRONTEND=noninteractive apt-get install -y /packages/{self.package.name}")

    def every_path(self):
        return {line for line in self.sh("find / -xdev; ls -d /var/lib/*").stdout.splitlines()
                if not NOT_OURS.match(line)}

    def remove_and_purge(self, before):
        """`before`: the paths of the machine without the package."""
        self.sh("dpkg -r roost")
        self.assertFalse(self.said("ls /usr/bin/roost /lib/systemd/system/roost.service 2>/dev/null"))
        self.assertEqual(self.said(f"ls {CONFIG}"), CONFIG)
        self.assertTrue(self.said(f"ls {DATA}"), "the data stays")
        self.install()
        self.assertEqual(self.said("roost --version"), self.said("/usr/bin/roost --version"))
        self.sh(f"touch {BACKUPS}/one; dpkg -P roost")
        self.sh(f"rm {BACKUPS}/one")  # which outlived it
        self.install()
        self.sh("dpkg -P roost")
        self.assertEqual(sorted(self.every_path() - before), [])
        self.assertEqual(self.said("getent passwd roost; getent group roost"), "")

    def test_without_systemd_it_installs_serves_as_its_user_and_leaves_nothing(self):
        self.boot("sleep", "600")
        before = self.every_path()
        self.install()
        self.assertEqual(self.said("roost --version"), command(self.binary, "--version").stdout.strip())
        self.assertIn("fine", self.said(f"roost serve --check --config {CONFIG}"))
        self.assertEqual(self.said(f"stat -c '%U %G %a' {DATA} {BACKUPS}"),
                         "roost roost 700\nroost roost 750")
        self.sh(f"setpriv --reuid roost --regid roost --clear-groups --no-new-privs "
                f"roost serve --config {CONFIG} >/tmp/log 2>&1 & echo $! >/tmp/pid")
        until(lambda: "loopback only" in self.said("cat /tmp/log"), "serves this machine")
        self.sh("roost pub -t home/lamp -m on -q 1 -r")
        self.assertEqual(self.said("roost sub -t home/lamp -C 1 -W 10"), "on")
        self.assertEqual(self.said("ps -o user= -p $(cat /tmp/pid)"), "roost")
        self.sh("kill $(cat /tmp/pid)")
        until(lambda: "stopped" in self.said("cat /tmp/log"), "ends")
        self.remove_and_purge(before)

    def test_systemd_runs_it(self):
        self.boot("/sbin/init", options=SYSTEMD)
        until(lambda: self.said("systemctl is-system-running") == "running", "systemd is up", 60)
        before = self.every_path()
        self.install()
        self.assertEqual(self.said("systemctl is-active roost"), "active", self.journal())
        self.assertEqual(self.said("systemctl is-enabled roost"), "enabled")
        self.closed_and_serving()
        self.backs_up()
        self.reloads_and_is_watched()
        self.stops_and_keeps_its_data()
        self.sh("dpkg -i /packages/*.deb")
        self.assertEqual(self.said("systemctl is-active roost"), "active", "installed over")
        self.remove_and_purge(before)

    def closed_and_serving(self):
        self.assertIn("loopback only", self.journal())
        pid = self.main_pid()
        status = dict(line.split(":\t", 1) for line in self.said(f"cat /proc/{pid}/status").splitlines()
                      if ":\t" in line)
        self.assertEqual(self.said(f"stat -c %U /proc/{pid}"), "roost")
        self.assertEqual(int(status["CapEff"], 16) | int(status["CapBnd"], 16), 0)
        self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))
        self.assertEqual(self.said("systemctl show roost -P StatusText"), "Serves; connections: 0")
        self.sh("roost pub -t home/kept -m 21.5 -q 1 -r")
        self.assertEqual(self.said("roost sub -t home/kept -C 1 -W 10"), "21.5")
        self.assertIn("serving", self.said(f"roost status --config {CONFIG}"))

    def backs_up(self):
        """Out of its sandbox, to the one folder that is open."""
        self.sh(f"roost backup {BACKUPS}/one --config {CONFIG}")
        self.assertIn("is whole", self.said(f"roost restore {BACKUPS}/one --check"))
        elsewhere = self.sh(f"roost backup /srv/one --config {CONFIG}", check=False)
        self.assertNotEqual(elsewhere.returncode, 0, "it writes anywhere")
        self.sh(f"rm -r {BACKUPS}/one")

    def reloads_and_is_watched(self):
        pid = self.main_pid()
        self.sh("systemctl reload roost")
        self.assertEqual(self.main_pid(), pid)
        self.sh("mkdir -p /run/systemd/system/roost.service.d; "
                "printf '[Service]\\nWatchdogSec=5s\\n' "
                ">/run/systemd/system/roost.service.d/fast.conf; systemctl daemon-reload; "
                "systemctl restart roost")
        pid = self.main_pid()
        self.sh("sleep 15")
        self.assertEqual(self.main_pid(), pid, "it feeds the watchdog")
        self.sh(f"kill -STOP {pid}")
        until(lambda: self.main_pid() not in (pid, "0") and
              self.said("systemctl is-active roost") == "active",
              "started again by the watchdog", 90)
        self.assertIn("Watchdog timeout", self.journal())
        self.sh("rm -r /run/systemd/system/roost.service.d; systemctl daemon-reload; "
                "systemctl restart roost")

    def stops_and_keeps_its_data(self):
        self.sh("systemctl stop roost")
        self.assertEqual(self.said("systemctl show roost -P Result -P ExecMainStatus"), "success\n0")
        self.sh("systemctl start roost")
        self.assertEqual(self.said("roost sub -t home/kept -C 1 -W 10"), "21.5")

    def journal(self):
        return self.said("journalctl -u roost -o cat")

    def main_pid(self):
        return self.said("systemctl show roost -P MainPID")

    def test_zsh_completes_commands(self):
        self.boot("sleep", "600")
        self.install()
        script = self.containers.folder / "package" / "complete.zsh"
        script.write_text(
            "zmodload zsh/zpty; zpty -b shell zsh -f -i\n"
            "zpty -w shell 'fpath=(/usr/share/zsh/vendor-completions $fpath); autoload -U compinit; "
            "compinit -u -D; PS1=; echo READY'\n"
            "zpty -r shell text '*READY*READY*'\n"
            "zpty -n -w shell $'roost statu\\t; echo DONE\\n'\n"
            "zpty -r shell text '*DONE*'; print -r -- $text\n")
        done = self.sh(f"timeout 20 zsh /packages/{script.name}", check=False)
        self.assertIn("roost status", done.stdout)
