# SPDX-License-Identifier: Apache-2.0
"""The chart's probes of etcd, asked of a real one whose quota is full."""

import base64
import json
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request

from harness.broker import free_port
from tools import helm
from tools.probes import until


class EtcdProbes(helm.HelmCase):
    def setUp(self):
        if not shutil.which("etcd"):
            self.skipTest("etcd is not installed")
        self.client, self.metrics = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        peer = f"http://127.0.0.1:{free_port()}"
        folder = tempfile.mkdtemp(prefix="roost-etcd-")
        self.addCleanup(shutil.rmtree, folder)
        process = subprocess.Popen(
            ["etcd", "--name=one", f"--data-dir={folder}/data",
             f"--listen-client-urls={self.client}", f"--advertise-client-urls={self.client}",
             f"--listen-peer-urls={peer}",
             f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=one={peer}",
             f"--listen-metrics-urls={self.metrics}", "--quota-backend-bytes=1", "--logger=zap"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)

    @staticmethod
    def ask(url, body=None):
        """The status; 0 where nobody answers."""
        try:
            with urllib.request.urlopen(url, body, timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def put(self):
        text = base64.b64encode(b"a").decode()
        body = json.dumps({"key": text, "value": text}).encode()
        return self.ask(f"{self.client}/v3/kv/put", body)

    def test_a_full_quota_restarts_no_member(self):
        container = helm.container_of(helm.find(helm.render(), "StatefulSet", "roost-etcd"))

        def probe(which):
            return self.ask(self.metrics + container[which]["httpGet"]["path"])

        until(lambda: probe("startupProbe") == 200, "etcd is up")
        self.put()
        until(lambda: probe("readinessProbe") == 503, "the alarm")
        self.assertEqual((probe("startupProbe"), probe("livenessProbe")), (200, 200))
