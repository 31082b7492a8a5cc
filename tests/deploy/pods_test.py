# SPDX-License-Identifier: Apache-2.0
"""The chart's own three nodes and etcd in podman: clients, a kill, a lost volume, a drain, new secrets."""

import json
import os
import re
import subprocess
import tempfile
import time
import types
import unittest
from pathlib import Path

import dashboards_test
from harness.broker import free_port
from prometheus_support import RULES, Prometheus, alerts
from tools import containers, helm
from tools.pods import Pods
from tools.probes import until

PREFIX = "10.89.8."
NODES = ["roost-0", "roost-1", "roost-2"]
# Ways out to where nobody is, so that all metrics are there.
WAYS = {
    "bridges": [{"name": "away", "url": "mqtt://127.0.0.1:9", "topics": ["away/# out 1"]}],
    "webhooks": [{"name": "away", "url": "http://127.0.0.1:9", "filters": ["away/#"]}],
    "otel": {"endpoint": "http://127.0.0.1:9"},
}
VALUES = {
    "image": {"registry": "localhost", "repository": "roost", "tag": "test", "pullPolicy": "Never"},
    "etcd": {"image": {"registry": "localhost", "repository": "etcd", "tag": "test", "pullPolicy": "Never"}},
    "auth": {"existingSecret": "users"}, "tls": {"existingSecret": "web"}, "http": {"tokenSecret": {"name": "token"}},
    "listeners": {"mqtts": {"enabled": True}},
    "acl": {"rules": "rules:\n  - allow: all\n    topics: ['#']\n"},
    "drain": {"rate": 1000, "waitSeconds": 60}, "terminationGracePeriodSeconds": 90,
    "tests": {"credentialsSecret": "ann"}, "config": WAYS,
}


class PodsCase(unittest.TestCase):
    """Pods of the chart, as the class's `values` have it."""

    heavy = True
    values = VALUES

    @classmethod
    def setUpClass(cls):
        why = containers.missing() or helm.missing() or (None if os.environ.get("ROOST_BINARY") else "no --broker")
        if why:
            raise unittest.SkipTest(why)
        cls.folder = Path(tempfile.mkdtemp(prefix="roost-pods-"))
        cls.addClassCleanup(subprocess.run, ["rm", "-rf", cls.folder], check=False)
        cls.containers = containers.Containers()
        cls.addClassCleanup(cls.containers.close)
        cls.containers.roost_image(os.environ["ROOST_BINARY"])
        cls.containers.etcd_image()
        cls.containers.network("pods", f"{PREFIX}0/24")
        cls.install(cls.values)
        cls.pods.start()
        cls.wait_until_ready()

    @classmethod
    def install(cls, values):
        cls.objects = helm.render(values)
        cls.pods = Pods(cls.containers, cls.objects, cls.folder, "pods", PREFIX, {
            "users": cls.users(ann="one"), "web": cls.certificate(), "token": {"token": b"a-token-of-24-characters"},
            "ann": {"username": b"ann", "password": b"one"}})

    @classmethod
    def users(cls, **passwords):
        path = cls.folder / "users.pw"
        path.unlink(missing_ok=True)
        for user, password in passwords.items():
            subprocess.run([os.environ["ROOST_BINARY"], "passwd", path, user], check=True, capture_output=True,
                           input=f"{password}\n{password}\n", text=True)
        return {"users.pw": path.read_bytes()}

    @classmethod
    def certificate(cls):
        key, cert = cls.folder / "web.key", cls.folder / "web.crt"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "30", "-subj", "/CN=roost", "-addext",
                        f"subjectAltName={','.join(f'IP:{PREFIX}{n}' for n in range(10, 20))}",
                        "-keyout", key, "-out", cert], check=True, capture_output=True)
        return {"tls.crt": cert.read_bytes(), "tls.key": key.read_bytes()}

    @classmethod
    def wait_until_ready(cls, *names, seconds=90):
        for name in names or cls.pods.manifests:
            try:
                until(lambda: cls.pods.probe(name, "readinessProbe"), f"{name} is ready", seconds)
            except AssertionError as error:
                raise AssertionError(f"{error}\n{cls.containers.logs(cls.pods.container(name))[-3000:]}") from None

    def status(self, name="roost-0"):
        return json.loads(self.pods.exec(name, "roost", "cluster", "status", "--json").stdout)

    def wait_until_well(self, name="roost-0"):
        def well():
            status = self.status(name)
            return (len([one for one in status["nodes"] if one["alive"] and one["linked"]]) == 3
                    and len(status["shards"]) == 64 and all(one["well"] for one in status["shards"]))

        until(well, "all shards led and in sync", 120)

    def mqtt(self, tool, name, *words, user=("ann", "one"), seconds=30, listener="mqtt"):
        return subprocess.run([f"mosquitto_{tool}", "-h", self.pods.addresses[name], "-p",
                               str(self.pods.port(name, listener)), "-u", user[0],
                               "-P", user[1], *words], capture_output=True, text=True, check=False, timeout=seconds)

    def sleeper(self, client, topic, name="roost-0"):
        """A persistent session that subscribes and goes."""
        done = self.mqtt("sub", name, "-c", "-i", client, "-q", "1", "-t", topic, "-E")
        self.assertEqual(done.returncode, 0, done.stderr)

    def publish(self, name, topic, *texts):
        for text in texts:
            done = self.mqtt("pub", name, "-t", topic, "-q", "1", "-m", text)
            self.assertEqual(done.returncode, 0, done.stderr)

    def waits_for(self, client, name, count):
        done = self.mqtt("sub", name, "-c", "-i", client, "-q", "1", "-t", "unused/x", "-C", str(count), "-W", "20")
        return done.stdout.split()


class OneBecomesThree(PodsCase):
    values = {**VALUES, "replicaCount": 1}

    def test_with_all_it_had(self):
        self.sleeper("lamp", "home/#")
        self.publish("roost-0", "home/lamp", "before")
        self.pods.pre_stop("roost-0")
        self.pods.delete("roost-0")
        self.install(VALUES)
        self.pods.start()
        self.wait_until_ready()
        self.wait_until_well()
        self.assertEqual(self.waits_for("lamp", "roost-2", 1), ["before"])


class ThreePods(PodsCase):
    def test_01_form_a_cluster_and_probes_say_so(self):
        self.wait_until_well()
        status = self.status()
        self.assertEqual([one["name"] for one in status["nodes"]], NODES)
        self.assertEqual(status["alarms"], [])
        for name in NODES:
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                self.assertTrue(self.pods.probe(name, probe), f"{name} {probe}")
            log = self.containers.logs(self.pods.container(name))
            self.assertNotIn("without TLS", log)
        for number in range(3):
            self.assertTrue(self.pods.probe(f"roost-etcd-{number}", "livenessProbe"))

    def test_02_a_client_gets_through_them(self):
        self.sleeper("lamp", "home/#")
        self.publish("roost-1", "home/lamp", "on")
        self.assertEqual(self.waits_for("lamp", "roost-2", 1), ["on"])
        done = self.mqtt("pub", "roost-0", "--cafile", self.folder / "web.crt", "-t", "a", "-q", "1", "-m", "x",
                         listener="mqtts")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotEqual(self.mqtt("pub", "roost-0", "-t", "a", "-m", "x", user=("ann", "no")).returncode, 0)

    def test_03_a_pod_that_is_killed_loses_nothing(self):
        self.sleeper("killed", "killed/#")
        self.publish("roost-2", "killed/1", "before")
        self.pods.kill("roost-1")
        after = ("-t", "killed/2", "-q", "1", "-m", "after")
        until(lambda: self.mqtt("pub", "roost-2", *after).returncode == 0, "an ack", 60)
        self.assertEqual(self.waits_for("killed", "roost-0", 2)[:2], ["before", "after"])
        self.pods.restart("roost-1")
        self.wait_until_ready("roost-1")
        self.wait_until_well()

    def test_04_a_pod_that_lost_its_volume_is_filled_again(self):
        self.sleeper("volume", "volume/#")
        self.publish("roost-2", "volume/1", "kept")
        self.pods.delete("roost-0", volume=True)
        self.pods.start("roost-0")
        self.wait_until_ready("roost-0")
        self.wait_until_well("roost-1")
        for name in NODES[1:]:
            self.pods.kill(name)
            self.pods.restart(name)
            self.wait_until_ready(name)
            self.wait_until_well()
        self.assertEqual(self.waits_for("volume", "roost-0", 1), ["kept"])

    def test_05_pre_stop_drains(self):
        self.sleeper("drained", "drained/#", "roost-2")
        listening = subprocess.Popen(["stdbuf", "-oL", "mosquitto_sub", "-h", self.pods.addresses["roost-2"], "-u",
                                      "ann", "-P", "one", "-V", "mqttv5", "-d", "-t", "some/#"],
                                     stdout=subprocess.PIPE, text=True)
        self.addCleanup(listening.kill)
        until(lambda: "SUBACK" in listening.stdout.readline(), "subscribed", 10)
        done = self.pods.pre_stop("roost-2")
        self.assertIn(done.returncode, (0, 137), done.stdout + done.stderr)  # podman's, as its container ends with it
        self.assertEqual(self.containers.wait(self.pods.container("roost-2")), 0)
        self.publish("roost-1", "drained/1", "meanwhile")
        self.assertEqual(self.waits_for("drained", "roost-0", 1), ["meanwhile"])
        self.assertFalse(self.pods.probe("roost-2", "readinessProbe"))
        self.pods.restart("roost-2")
        self.wait_until_ready("roost-2")
        self.wait_until_well()

    def test_06_a_secret_that_is_swapped_counts_at_once_and_cuts_nobody(self):
        staying = subprocess.Popen(["mosquitto_sub", "-h", self.pods.addresses["roost-0"], "-u", "ann", "-P", "one",
                                    "-i", "staying", "-t", "swap/#", "-C", "1"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(staying.kill)
        bob = ("bob", "two")
        self.assertNotEqual(self.mqtt("pub", "roost-0", "-t", "swap/1", "-m", "x", user=bob).returncode, 0)
        self.pods.mount("users").put(self.users(ann="one", bob="two"))
        for name in NODES:
            until(lambda: self.mqtt("pub", name, "-t", "b", "-m", "x", user=bob).returncode == 0, f"bob at {name}", 15)
        self.mqtt("pub", "roost-1", "-t", "swap/1", "-q", "1", "-m", "still", user=bob)
        self.assertEqual(staying.communicate(timeout=10)[0], "still\n")
        self.assertEqual(staying.returncode, 0)

    def test_07_the_charts_own_test_passes(self):
        """Its script, as `helm test` would run it."""
        pod = helm.find(self.objects, "Pod", "roost-test")["spec"]
        folder = self.folder / "mounted" / "ann"
        hosts = [f"--add-host=roost.ns.svc:{self.pods.addresses['roost-1']}"]
        words = pod["containers"][0]["command"]
        done = self.containers.run_once(
            "localhost/roost:test", *words[1:], check=False, options=[
                "--network", "pods", *hosts, "--read-only", "--cap-drop", "all", "--tmpfs", "/tmp:mode=1777",
                "-v", f"{folder}:/run/test:ro", "--entrypoint", words[0]])
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"hello \d+")

    def test_08_etcd_trusts_certificates_only(self):
        address, port = self.pods.addresses["roost-etcd-0"], self.pods.port("roost-etcd-0", "client")
        done = subprocess.run(["curl", "-sk", f"https://{address}:{port}/version"], capture_output=True, text=True,
                              check=False, timeout=10)
        self.assertNotEqual(done.returncode, 0, "a client without a certificate")
        self.pods.kill("roost-etcd-0")
        self.publish("roost-0", "etcd/1", "goes on")
        self.pods.restart("roost-etcd-0")
        self.wait_until_ready("roost-etcd-0")
        self.wait_until_well()



    def prometheus(self):
        """Scrapes the pods by the chart's port; the alerts in 2 s where they take minutes."""
        rules = self.folder / "hasty.yaml"
        rules.write_text(re.sub(r"(?m)^( +for: ).*$", r"\g<1>2s", RULES.read_text(encoding="utf-8")))
        case = types.SimpleNamespace(free_port=free_port, folder=str(self.folder), addCleanup=self.addCleanup,
                                     make_folder=lambda dir: tempfile.mkdtemp(dir=dir))
        targets = [f"{self.pods.addresses[name]}:{self.pods.port(name, 'http')}" for name in NODES]
        made = Prometheus(case, targets, rules)
        made.wait_until_all_are_up(3)
        return made, dict(zip(NODES, targets))

    def test_09_prometheus_scrapes_them_and_an_alert_fires(self):
        prometheus, targets = self.prometheus()
        self.publish("roost-0", "watched/1", *map(str, range(50)))
        asked = [*dashboards_test.expressions(), *((name, rule["expr"]) for name, rule in alerts().items())]
        for where, text in asked:
            def has_series(text=text):
                now = time.time()
                return prometheus.ask("query_range", query=text, start=now - 5, end=now, step=5)["result"]

            if where in alerts():
                has_series()  # an error of the query is one of the test
            else:
                until(has_series, f"{where}: no series: {text}", 30)
        self.pods.kill("roost-1")
        until(lambda: "RoostNodeDown" in prometheus.firing(), "an alert", 60)
        self.assertEqual(prometheus.firing()["RoostNodeDown"]["labels"]["instance"], targets["roost-1"])
        self.pods.restart("roost-1")
        self.wait_until_ready("roost-1")
        until(lambda: "RoostNodeDown" not in prometheus.firing(), "it is over", 60)
