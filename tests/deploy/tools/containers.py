# SPDX-License-Identifier: Apache-2.0
"""Images and containers without a Docker engine: buildah and podman with a storage of their own.

    containers = Containers(folder)
    containers.network("nodes", "10.89.7.0/24")
    containers.run(containers.roost_image(binary), name="one", network="nodes", ip="10.89.7.2")
    containers.exec("one", "roost", "status").stdout
    containers.close()

Needs root and what `deploy_packages` of tests/run names. Images stay in the folder for the next run,
where they are made in no time; containers, pods, volumes and networks go with remove_all(), which
close() does, too. A folder serves one Containers at a time; the next one waits for close().
"""

import fcntl
import hashlib
import ipaddress
import json
import os
import resource
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DEFAULT_FOLDER = ROOT / "build" / "deploy-containers"
BASE = "docker.io/library/debian:bookworm-slim"  # the name that the Dockerfile's FROM wants
ROOST = "localhost/roost:test"
ETCD = "localhost/etcd:test"
TOOLS = ("buildah", "podman", "runc", "conmon", "mmdebstrap", "iptables", "dpkg-shlibdeps")
BASE_AGE_S = 3 * 24 * 3600
RUN_ROOT_MAX = 50  # podman takes no longer path
PATIENCE_S = 900

# What the public image leaves out of each package that is installed, too.
SLIM = ["path-exclude=/usr/share/doc/*", "path-include=/usr/share/doc/*/copyright",
        "path-exclude=/usr/share/man/*", "path-exclude=/usr/share/groff/*",
        "path-exclude=/usr/share/info/*", "path-exclude=/usr/share/locale/*",
        "path-include=/usr/share/locale/locale.alias", "path-exclude=/usr/share/lintian/*"]

CONTAINERS_CONF = """
[containers]
default_ulimits = ["nofile={files}:{files}", "nproc=4096:4096"]
cgroups = "enabled"
log_driver = "k8s-file"
[network]
network_backend = "netavark"
network_config_dir = "{folder}/networks"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
tmp_dir = "{run}/tmp"
"""
STORAGE_CONF = """
[storage]
driver = "overlay"
graphroot = "{folder}/graph"
runroot = "{run}"
"""


class CommandFailed(AssertionError):
    pass


def missing():
    """Why there can be no containers here; None where there can."""
    if os.geteuid() != 0:
        return "containers are made by root"
    absent = [tool for tool in TOOLS if shutil.which(tool) is None]
    return f"not installed: {', '.join(absent)} (tests/run --deploy does it)" if absent else None


def command(*parts, check=True, seconds=120, **more):
    """Runs it to its end; CompletedProcess with text. CommandFailed says what it printed."""
    try:
        done = subprocess.run([str(p) for p in parts], capture_output=True, text=True,
                              errors="replace", timeout=seconds, check=False, **more)
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(f"{parts}: not ended after {seconds} s\n{error.stderr}") from None
    if check and done.returncode != 0:
        raise CommandFailed(f"{' '.join(map(str, parts))}: {done.returncode}\n"
                            f"{done.stdout[-3000:]}\n{done.stderr[-6000:]}")
    return done


def debian_sources():
    """Apt's lines for Debian 12 from wherever this machine gets its own."""
    lines = command("apt-get", "indextargets", "--format", "deb $(REPO_URI) $(RELEASE) $(COMPONENT)",
                    "Created-By: Packages").stdout.splitlines()
    suites = ("bookworm", "bookworm-updates", "bookworm-security")
    ours = sorted({line for line in lines
                   if line.split()[2:] and line.split()[2] in suites and line.split()[3] == "main"})
    if not ours:
        raise CommandFailed("this machine's apt sources name no Debian 12 (bookworm) mirror")
    return "\n".join(ours) + "\n"


def proxy_options():
    text = command("apt-config", "dump", "--format", "%f=%v%n", "Acquire::http::Proxy",
                   "Acquire::https::Proxy").stdout
    pairs = [line.split("=", 1) for line in text.splitlines() if not line.endswith("=")]
    return [f'--aptopt={name} "{value}"' for name, value in pairs]


def clean_root(target, *options):
    """A minimal Debian 12 by mmdebstrap: `target` is a folder or a .tar."""
    sources = debian_sources()
    merged = "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr", "--include=usr-is-merged"  # no perl
    secure = ["--include=ca-certificates"] if "https:" in sources else []
    few = '--aptopt=APT::Install-Recommends "false"', (
        '--customize-hook=sed -i /Install-Recommends/d "$1/etc/apt/apt.conf.d/99mmdebstrap"')
    command("mmdebstrap", "--variant=minbase", *secure, *proxy_options(), *merged, *few,
            *options, "bookworm", target, "-", input=sources, seconds=600)


class Containers:
    def __init__(self, folder=DEFAULT_FOLDER):
        self.folder = Path(folder).resolve()
        for name in ("graph", "networks", "tmp"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self._one_at_a_time()
        run = self.folder / "run"
        if len(str(run)) > RUN_ROOT_MAX:
            run = Path(tempfile.gettempdir()) / f"roost-run-{self._tag(self.folder)}"
        (run / "tmp").mkdir(parents=True, exist_ok=True)
        self.run_root = run
        files = min(20000, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        names = {"folder": self.folder, "run": run, "files": files}
        conf, storage = self.folder / "containers.conf", self.folder / "storage.conf"
        conf.write_text(CONTAINERS_CONF.format(**names))
        storage.write_text(STORAGE_CONF.format(**names))
        self.env = dict(os.environ, CONTAINERS_CONF=str(conf), CONTAINERS_STORAGE_CONF=str(storage),
                        BUILDAH_ISOLATION="chroot", BUILDAH_FORMAT="docker",
                        TMPDIR=str(self.folder / "tmp"))
        self.remove_all()  # what an earlier run that was killed may have left

    def _one_at_a_time(self):
        self._lock = open(self.folder / "lock", "w", encoding="ascii")
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise CommandFailed(f"{self.folder}: in use by another test, or not closed") from None
                time.sleep(0.5)

    @staticmethod
    def _tag(text):
        return hashlib.sha256(str(text).encode()).hexdigest()[:8]

    def podman(self, *parts, check=True, seconds=120, **more):
        return command("podman", *parts, check=check, seconds=seconds, env=self.env, **more)

    def buildah(self, *parts, check=True, seconds=600, **more):
        return command("buildah", *parts, check=check, seconds=seconds, env=self.env, **more)

    # Images

    def has_image(self, name):
        return self.podman("image", "exists", name, check=False).returncode == 0

    def base_image(self):
        """Debian 12 as the public slim image has it, made from this machine's mirror."""
        tar = self.folder / "base.tar"
        old = not tar.exists() or time.time() - tar.stat().st_mtime > BASE_AGE_S
        if old:
            tar.unlink(missing_ok=True)
            partial = tar.with_name("partial.tar")
            clean_root(partial, *[f"--dpkgopt={line}" for line in SLIM])
            partial.rename(tar)
        if old:
            self.podman("rmi", "-f", "-a")
        if not self.has_image(BASE):
            path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
            self.podman("import", "--change", f"ENV PATH={path}", "--change", 'CMD ["bash"]', tar, BASE)
        return BASE

    def build(self, *options, name, dockerfile="deploy/Dockerfile", context=ROOT, seconds=600):
        """`buildah bud` of a Dockerfile on the base image, from the mirror alone."""
        self.base_image()
        self.buildah("bud", "--isolation", "chroot", "--pull=never", "--format", "docker", "--layers",
                     "-t", name, "-f", Path(context) / dockerfile, *options, context, seconds=seconds)
        self.podman("image", "prune", "-f")
        return name

    def roost_image(self, binary):
        """Roost's image as the Dockerfile makes it, with this binary instead of a build."""
        context = self.folder / "binary"
        context.mkdir(exist_ok=True)
        command("strip", "-o", context / "roost", binary)
        packages = command(ROOT / "deploy" / "runtime-packages", context / "roost").stdout
        (context / "packages").write_text(packages)
        return self.build("--build-context", f"binary={context}", name=ROOST)

    def debian_image(self, name, packages, *lines):
        """Packages of Debian on the base image, and more lines for its Dockerfile."""
        context = self.folder / "debian"
        context.mkdir(exist_ok=True)
        (context / "Dockerfile").write_text("\n".join([
            f"FROM {BASE}", "RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y "
            f"--no-install-recommends {' '.join(packages)} && rm -rf /var/lib/apt/lists/*", *lines, ""]))
        return self.build(name=name, dockerfile="Dockerfile", context=context)

    def etcd_image(self):
        """Debian's etcd and etcdctl; the command is up to who runs it."""
        return self.debian_image(ETCD, ["etcd-server", "etcd-client"], "ENV ETCDCTL_API=3", 'CMD ["etcd"]')

    # Networks and containers

    def network(self, name, subnet):
        """A bridge that this machine reaches, too; its containers find each other by name."""
        gateway = next(ipaddress.ip_network(subnet).hosts())
        self.podman("network", "create", "--subnet", subnet, "--gateway", str(gateway), name)
        # By podman's own choice two storages could call their bridges alike.
        path = self.folder / "networks" / f"{name}.json"
        config = json.loads(path.read_text())
        config["network_interface"] = f"rst-{self._tag(f'{self.folder}/{name}')}"
        path.write_text(json.dumps(config))
        return name

    def run(self, image, *arguments, name, network=None, ip=None, options=()):
        """Starts a container in the background; its name. `options` are podman run's own."""
        where = ["--network", network] if network else []
        where += ["--ip", ip] if ip else []
        self.podman("run", "-d", "--no-healthcheck", "--pull=never", "--name", name, *where, *options,
                    image, *arguments)
        return name

    def run_once(self, image, *arguments, options=(), check=True, seconds=120):
        """Runs a container to its end; CompletedProcess."""
        return self.podman("run", "--rm", "--no-healthcheck", "--pull=never", *options, image, *arguments,
                           check=check, seconds=seconds)

    def kube_play(self, yaml_path, network, ip, options=()):
        """Starts the one pod of a file, with its config maps and claims."""
        return self.podman("kube", "play", "--network", network, "--ip", ip, *options, yaml_path,
                           seconds=300).stdout

    def exec(self, name, *parts, check=True, seconds=60):
        return self.podman("exec", name, *parts, check=check, seconds=seconds)

    def logs(self, name):
        done = self.podman("logs", name, check=False)
        return done.stdout + done.stderr

    def inspect(self, name):
        """What podman knows of a container or an image, as a dictionary."""
        return json.loads(self.podman("inspect", name).stdout)[0]

    def address(self, name):
        networks = self.inspect(name)["NetworkSettings"]["Networks"]
        return next(iter(networks.values()))["IPAddress"]

    def signal(self, name, number="TERM"):
        self.podman("kill", "--signal", number, name)

    def wait(self, name, seconds=60):
        """Its exit code, once it has ended."""
        return int(self.podman("wait", name, seconds=seconds).stdout)

    def remove(self, name):
        self.podman("rm", "-f", "-t", "0", "-i", name)

    def remove_all(self):
        """Containers, pods, volumes and networks of this storage. Images stay."""
        self.podman("pod", "rm", "-f", "-a", "-t", "0", check=False)
        self.podman("rm", "-f", "-a", "-t", "0", "-v", check=False)
        self.podman("volume", "rm", "-a", "-f", check=False)
        for path in (self.folder / "networks").glob("*.json"):
            self.podman("network", "rm", "-f", path.stem, check=False)

    def _unmount(self):
        """What buildah and podman leave mounted would keep the folder from being deleted."""
        below = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()
                 if line.split()[1].startswith(f"{self.folder}/")]
        for path in reversed(below):
            command("umount", path, check=False)

    def close(self):
        self.remove_all()
        self.podman("image", "unmount", "-a", "-f", check=False)
        self._unmount()
        if self.run_root.parent != self.folder:
            shutil.rmtree(self.run_root, ignore_errors=True)
        self._lock.close()
