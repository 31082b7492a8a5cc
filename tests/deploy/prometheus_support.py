# SPDX-License-Identifier: Apache-2.0
"""What tests of rules and dashboards share: YAML, metric names in expressions, real nodes, Prometheus."""

import json
import os
import re
import shutil
import subprocess
import sys
import unittest
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.append(str(HERE.parent / "system"))

from support.case import SystemCase
from support.cluster import Cluster
from support.roost import Server, until

RULES = ROOT / "deploy" / "prometheus" / "roost-rules.yaml"
FAMILY = re.compile(r"^# TYPE (\w+) (\w+)", re.MULTILINE)
NAME = re.compile(r"\b(?:roost|process)_[a-z0-9_]+\b|\bup\b")


def read_yaml(path):
    """By the yaml of npm, as Debian's for Python needn't be there."""
    script = "process.stdout.write(JSON.stringify(require('yaml').parse(require('fs').readFileSync(0, 'utf8'))))"
    done = subprocess.run(["node", "-e", script], cwd=HERE, input=path.read_bytes(),
                          capture_output=True, check=False)
    if done.returncode:
        raise AssertionError(f"{path}: {done.stderr.decode()}")
    return json.loads(done.stdout)


def alerts():
    """{name: rule}"""
    return {rule["alert"]: rule for group in read_yaml(RULES)["groups"] for rule in group["rules"]}


class ToolsCase(unittest.TestCase):
    maxDiff = None

    def needs_tools(self, *programs):
        for program in programs:
            if not shutil.which(program):
                self.skipTest(f"{program} is not installed")
        if not (HERE / "node_modules").exists():
            self.skipTest("npm ci in tests/deploy")


class NodesCase(ToolsCase, SystemCase):
    """With a broker: ROOST_BINARY."""

    def setUp(self):
        if not os.environ.get("ROOST_BINARY"):
            self.skipTest("--broker PATH is needed")
        self.needs_tools("etcd", "openssl", "node")
        SystemCase.broker_path = os.environ["ROOST_BINARY"]
        super().setUp()

    def cluster(self, nodes):
        """With TLS, a bridge, a webhook and traces, so that every metric is there."""
        tls = self.certificates().listener()
        away = self.free_port()
        ways = {"bridges": [{"name": "away", "url": f"mqtt://127.0.0.1:{away}",
                             "topics": ["away/# out 1"]}],
                "webhooks": [{"name": "away", "url": f"http://127.0.0.1:{away}",
                              "filters": ["away/#"]}],
                "otel": {"endpoint": f"http://127.0.0.1:{away}"}}
        return Cluster(self, nodes=nodes, config=ways, listeners={"main": {}, "tls": tls}).start()

    @staticmethod
    def text(node):
        with urllib.request.urlopen(f"http://{node.host}:{node.http_port}/metrics", timeout=10) as answer:
            return answer.read().decode()

    def names(self, node):
        """Of all series, those of histograms as they are in queries."""
        found = {"up"}
        for name, kind in FAMILY.findall(self.text(node)):
            found.update([name + end for end in ("_bucket", "_sum", "_count")]
                         if kind == "histogram" else [name])
        return found


class Prometheus:
    """A real one, which ends with the test case; scrapes each second."""

    def __init__(self, case, targets, rules=None):
        self.url = f"http://127.0.0.1:{(port := case.free_port())}"
        folder = case.make_folder(dir=case.folder)
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(rules)] if rules else [],
            "scrape_configs": [{"job_name": "roost", "static_configs": [
                {"targets": targets, "labels": {"namespace": "test"}}]}]}
        path = os.path.join(folder, "prometheus.yml")
        with open(path, "w", encoding="utf-8") as out:
            json.dump(config, out)
        self.server = Server(
            ["prometheus", f"--config.file={path}", f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address=127.0.0.1:{port}"], folder, [("127.0.0.1", port)], "prometheus")
        case.addCleanup(self.server.kill)
        self.server.start()

    def ask(self, path, **query):
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}",
                                        timeout=20) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{query}: {error.read().decode()}") from None

    def is_ready(self):
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                return answer.status == 200
        except urllib.error.HTTPError:
            return False

    def wait_until_all_are_up(self, count):
        until(self.is_ready, "Prometheus is ready")
        until(lambda: len(self.ask("query", query="up == 1")["result"]) == count, "all are scraped")

    def firing(self):
        return {alert["labels"]["alertname"]: alert for alert in self.ask("alerts")["alerts"]
                if alert["state"] == "firing"}
