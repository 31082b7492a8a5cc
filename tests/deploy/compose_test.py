# SPDX-License-Identifier: Apache-2.0
"""deploy/compose.yaml: read by docker-compose, and run by it on podman; Grafana isn't to be had."""

import json
import os
import shutil
import subprocess
import unittest
import urllib.request

from tools.containers import ROOT, Containers, command, missing
from tools.probes import HTTP, MQTT, http, until

try:
    import yaml
except ImportError:  # docker-compose brings it
    yaml = None

SUBNET = "10.89.72.0/24"
COMPOSE = ROOT / "deploy" / "compose.yaml"
PROMETHEUS = "localhost/prometheus:test"
NODES = ("roost-1", "roost-2", "roost-3")
USER = ("-u", "ann", "-P", "anns-password", "-q", "1")


class ComposeCase(unittest.TestCase):
    heavy = True

    @classmethod
    def setUpClass(cls):
        why = missing() or (None if shutil.which("docker-compose") and yaml else "no docker-compose")
        if why:
            raise unittest.SkipTest(why)

    @staticmethod
    def compose(*parts, file=COMPOSE, check=True, seconds=300, **env):
        return command("docker-compose", "-p", "rst", "-f", file, *parts, check=check, seconds=seconds,
                       env=dict({k: v for k, v in os.environ.items() if k != "ROOST_SECRETS"}, **env))

    @classmethod
    def config(cls, **env):
        text = cls.compose("config", ROOST_SECRETS="/secrets", GRAFANA_PASSWORD="a-password", **env).stdout
        return yaml.safe_load(text)


class ComposeFile(ComposeCase):
    def test_without_users_or_grafanas_password_it_says_what_to_do(self):
        refused = self.compose("config", check=False, GRAFANA_PASSWORD="a-password")
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("a folder with users.pw in it", refused.stderr)
        refused = self.compose("config", check=False, ROOST_SECRETS="/secrets")
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("a password for Grafana's user", refused.stderr)

    def test_only_mqtt_is_open_to_other_machines(self):
        open_ports = set()
        for service in self.config()["services"].values():
            for port in service.get("ports", []):
                if isinstance(port, dict):
                    open_ports.add((port["published"], port["target"]))
                else:
                    self.assertTrue(port.startswith("127.0.0.1:"), port)
        self.assertEqual(open_ports, {(MQTT, MQTT), (MQTT + 1, MQTT), (MQTT + 2, MQTT)})

    def test_each_service_is_watched_started_again_and_of_a_named_version(self):
        config = self.config()
        for name, service in config["services"].items():
            self.assertTrue(service["healthcheck"]["test"], name)
            self.assertEqual(service["restart"], "unless-stopped", name)
            if name not in NODES:
                self.assertRegex(service["image"], r":v?[0-9]+\.[0-9]+\.[0-9]+$")
            kept = [v for v in service["volumes"] if not isinstance(v, dict) and v.split(":")[0] in
                    config["volumes"]]
            self.assertEqual(len(kept), 1, f"{name} keeps its data in a named volume")

    def test_what_is_mounted_is_what_is_spoken_of(self):
        services = self.config()["services"]
        dashboards = yaml.safe_load(
            (ROOT / "deploy/grafana/provisioning/dashboards/roost.yaml").read_text())
        path = dashboards["providers"][0]["options"]["path"]
        self.assertIn(f"{ROOT}/deploy/grafana:{path}:ro", services["grafana"]["volumes"])
        sources = yaml.safe_load(
            (ROOT / "deploy/grafana/provisioning/datasources/prometheus.yaml").read_text())
        self.assertEqual(sources["datasources"][0]["url"], "http://prometheus:9090")
        scraped = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yaml").read_text())
        targets = scraped["scrape_configs"][0]["static_configs"][0]["targets"]
        self.assertEqual(targets, [f"{name}:{HTTP}" for name in NODES])
        self.assertLessEqual(set(NODES), set(services))


class ComposeRun(ComposeCase):
    """On podman, by its Docker API. Its health checks need systemd, so the test makes them itself."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not os.environ.get("ROOST_BINARY"):
            raise unittest.SkipTest("--broker names no binary")
        cls.containers = Containers()
        cls.addClassCleanup(cls.containers.close)
        cls.containers.debian_image(PROMETHEUS, ["prometheus"], 'ENTRYPOINT ["/usr/bin/prometheus"]')
        cls.containers.network("compose-test", SUBNET)
        cls.secrets = cls.containers.folder / "compose-secrets"
        cls.secrets.mkdir(exist_ok=True)
        users = cls.secrets / "users.pw"
        users.unlink(missing_ok=True)
        command(os.environ["ROOST_BINARY"], "passwd", "-b", users, "ann", "anns-password")
        os.chown(users, 10001, 10001)
        cls.write_file()
        cls.serve_api()

    @classmethod
    def write_file(cls):
        """The file as it is, without what podman can't do here; no port of the machine is taken."""
        config = cls.config(ROOST_IMAGE=cls.containers.roost_image(os.environ["ROOST_BINARY"]),
                            ETCD_IMAGE=cls.containers.etcd_image(), PROMETHEUS_IMAGE=PROMETHEUS)
        cls.services = config["services"]
        cls.checks = {name: service.pop("healthcheck")["test"][1:] for name, service in cls.services.items()}
        del cls.services["grafana"]
        for service in cls.services.values():
            service.pop("build", None)
            service.pop("ports", None)
            service["depends_on"] = list(service.get("depends_on", ()))
            for volume in service["volumes"]:
                if isinstance(volume, dict):
                    volume["source"] = str(cls.secrets)
        config["networks"] = {"default": {"external": True, "name": "compose-test"}}
        cls.file = cls.containers.folder / "compose.yaml"
        cls.file.write_text(yaml.safe_dump(config))

    @classmethod
    def serve_api(cls):
        socket = cls.containers.run_root / "api.sock"
        socket.unlink(missing_ok=True)
        api = subprocess.Popen(["podman", "system", "service", "--time", "0", f"unix://{socket}"],
                               env=cls.containers.env, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
        cls.addClassCleanup(api.wait)
        cls.addClassCleanup(api.terminate)
        until(socket.exists, "podman's API")
        cls.host = f"unix://{socket}"

    def up(self, *parts, **more):
        return self.compose(*parts, file=self.file, DOCKER_HOST=self.host, **more)

    def container(self, service):
        return self.up("ps", "-q", service).stdout.strip()

    def address(self, service):
        return self.containers.address(self.container(service))

    def test_three_nodes_are_one_broker_that_is_watched_and_ends_cleanly(self):
        self.up("up", "-d")
        self.addCleanup(self.up, "down", "-v", "-t", "5")
        at = {name: self.address(name) for name in NODES}
        for name in NODES:
            until(lambda where=at[name]: http(where, "/readyz")[0] == 200, f"{name} is ready", 60)
        for name in (*NODES, "etcd"):
            self.assertEqual(self.containers.exec(self.container(name), *self.checks[name]).returncode, 0)

        publish = ("mosquitto_pub", "-h", at["roost-1"], "-t", "home/lamp", "-m", "on", "-r")
        self.assertNotEqual(command(*publish, check=False).returncode, 0, "a stranger")
        command(*publish, *USER)
        hear = ("mosquitto_sub", "-h", at["roost-3"], "-t", "home/#", "-C", "1", "-W", "20", *USER)
        self.assertEqual(command(*hear).stdout, "on\n")

        self.containers.podman("stop", "-t", "30", self.container("roost-2"))
        self.assertEqual(command(*hear).stdout, "on\n", "one node away")
        self.up("up", "-d")
        at["roost-2"] = self.address("roost-2")
        until(lambda: http(at["roost-2"], "/readyz")[0] == 200, "roost-2 is back", 60)

        self.prometheus_sees_them()
        names = {name: self.container(name) for name in NODES}
        self.up("stop", "-t", "60")
        codes = {name: self.containers.inspect(one)["State"]["ExitCode"] for name, one in names.items()}
        self.assertEqual(codes, dict.fromkeys(NODES, 0))

    def prometheus_sees_them(self):
        address = self.address("prometheus")

        def asked(path):
            with urllib.request.urlopen(f"http://{address}:9090{path}", timeout=10) as answer:
                return json.load(answer)["data"]

        def healthy():
            return [target["labels"]["instance"] for target in asked("/api/v1/targets")["activeTargets"]
                    if target["labels"]["job"] == "roost" and target["health"] == "up"]

        until(lambda: len(healthy()) == len(NODES), "Prometheus sees all nodes", 60)
        if (ROOT / "deploy/prometheus/roost-rules.yaml").exists():
            self.assertTrue(asked("/api/v1/rules")["groups"])
