# SPDX-License-Identifier: Apache-2.0
"""The chart as helm 3 and 4 render it: linted, typed, refused where it can't work."""

import os
import re
import subprocess
import sys

import yaml

from tools import helm

SECRETS = {"auth": {"existingSecret": "users"}, "tls": {"existingSecret": "web", "clientCertificate": "optional"},
           "http": {"tokenSecret": {"name": "token"}}, "acl": {"rules": "rules: []\n"}}
ISSUER = {"issuerRef": {"name": "house"}}
POD = {"podAnnotations": {"a": "b"}, "podLabels": {"c": "d"}, "nodeSelector": {"e": "f"}, "priorityClassName": "high",
       "tolerations": [{"key": "k", "operator": "Exists"}]}
# Every switch of the chart at least once off its default.
SWITCHES = {
    "nothing": {},
    "alone": {"replicaCount": 1},
    "a cluster of one": {"replicaCount": 1, "cluster": {"enabled": True, "name": "home"}},
    "five": {"replicaCount": 5, "nameOverride": "mq", "commonLabels": {"team": "home"}},
    "named": {"fullnameOverride": "broker", "podManagementPolicy": "OrderedReady", "minReadySeconds": 30,
              "updateStrategy": {"type": "OnDelete"}, "revisionHistoryLimit": 2},
    "image": {"image": {"registry": "registry.example", "digest": "sha256:" + "0" * 64, "pullPolicy": "Always",
                        "pullSecrets": [{"name": "pull"}]}},
    "secrets": SECRETS,
    "all listeners": {**SECRETS, "listeners": {
        "mqtt": {"proxyProtocol": True}, "mqtts": {"enabled": True}, "ws": {"enabled": True, "servicePort": 80},
        "wss": {"enabled": True}, "inside": {"enabled": True, "protocol": "mqtt", "port": 1884, "tls": False,
                                             "proxyProtocol": False, "settings": {"ack": "memory"}}}},
    "cert-manager": {"tls": {"certManager": {"enabled": True, **ISSUER, "dnsNames": ["mqtt.example"]}},
                     "cluster": {"tls": {"mode": "certManager", **ISSUER}},
                     "etcd": {"tls": {"mode": "certManager", **ISSUER}}, "listeners": {"mqtts": {"enabled": True}}},
    "secrets for nodes": {"cluster": {"tls": {"mode": "existingSecret", "existingSecret": "nodes"}},
                          "etcd": {"tls": {"mode": "existingSecret", "serverSecret": "s", "clientSecret": "c"}}},
    "no TLS inside": {"cluster": {"tls": {"mode": "off"}}, "etcd": {"tls": {"mode": "off"}, "replicaCount": 1}},
    "etcd of others": {"etcd": {"endpoints": ["e1.example:2379"], "tls": {"clientSecret": "etcd"},
                                "auth": {"username": "roost", "passwordSecret": {"name": "etcd-password"}}}},
    "etcd": {"etcd": {**POD, "podAntiAffinity": "hard", "initialClusterState": "existing", "extraArgs": ["--debug"],
                      "extraEnv": [{"name": "A", "value": "b"}], "persistence": {"enabled": False},
                      "podDisruptionBudget": {"enabled": False}, "topologySpreadConstraints": [
                          {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}]}},
    "load balancer": {"service": {"type": "LoadBalancer", "annotations": {"a": "b"}, "labels": {"c": "d"},
                                  "loadBalancerClass": "example/lb", "loadBalancerSourceRanges": ["192.0.2.0/24"],
                                  "externalTrafficPolicy": "Local", "internalTrafficPolicy": "Cluster",
                                  "ipFamilyPolicy": "PreferDualStack", "sessionAffinity": "ClientIP",
                                  "loadBalancerIP": "192.0.2.1", "nodePorts": {"mqtt": 31883}}},
    "node port": {"service": {"type": "NodePort", "nodePorts": {"mqtt": 31883}, "clusterIP": "10.0.0.9"}},
    "zone of the node": {"cluster": {"zone": {"source": "node"}}},
    "zone as told": {"cluster": {"zone": {"source": "fixed", "name": "attic"}}},
    "no zone": {"cluster": {"zone": {"source": "none"}}},
    "drain": {"drain": {"rate": 2000, "waitSeconds": 60, "serverReference": "other.example:1883"},
              "terminationGracePeriodSeconds": 90, "config": {"limits": {"max_connections": 60000}}},
    "volumes": {"persistence": {"size": "1Ti", "storageClass": "-", "annotations": {"a": "b"}, "whenScaled": "Delete",
                                "whenDeleted": "Delete", "accessModes": ["ReadWriteOncePod"]}},
    "no volumes": {"persistence": {"enabled": False}},
    "probes": {"startupProbe": {"enabled": False}, "livenessProbe": {"initialDelaySeconds": 5},
               "readinessProbe": {"successThreshold": 1}},
    "pods": {**POD, "podAntiAffinity": "hard", "runtimeClassName": "r", "schedulerName": "s", "hostNetwork": True,
             "networkPolicy": {"enabled": False}, "dnsPolicy": "Default",
             "dnsConfig": {"options": [{"name": "ndots", "value": "2"}]},
             "topologySpread": {"enabled": False}, "podDisruptionBudget": {"minAvailable": 2}},
    "own affinity": {"affinity": {"nodeAffinity": {}}, "podDisruptionBudget": {"enabled": False},
                     "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone",
                                                    "whenUnsatisfiable": "DoNotSchedule"}]},
    "no account": {"serviceAccount": {"create": False, "name": "mine"}, "networkPolicy": {"enabled": False}},
    "account": {"serviceAccount": {"annotations": {"a": "b"}}},
    "policy": {"networkPolicy": {"clients": [{"ipBlock": {"cidr": "192.0.2.0/24"}}], "http": [],
                                 "extraIngress": [{"ports": [{"port": 1}]}],
                                 "egress": {"enabled": True, "extra": [{"ports": [{"port": 443}]}]}}},
    "watched": {"metrics": {"serviceMonitor": {"enabled": True, "namespace": "mon", "labels": {"a": "b"},
                                               "relabelings": [{"action": "labeldrop", "regex": "pod"}],
                                               "metricRelabelings": [{"action": "drop", "regex": "go_.*",
                                                                      "sourceLabels": ["__name__"]}]},
                            "prometheusRule": {"enabled": True, "labels": {"a": "b"},
                                               "runbookBase": "https://wiki.example/roost/"},
                            "dashboards": {"enabled": True, "annotations": {"grafana_folder": "Roost"}}}},
    "ingress": {"ingress": {"enabled": True, "className": "nginx", "annotations": {"a": "b"},
                            "hosts": ["roost.example"], "tls": [{"secretName": "t", "hosts": ["roost.example"]}]}},
    "autoscaling": {"autoscaling": {"enabled": True, "target": 1500000}},
    "more": {"extraEnv": [{"name": "A", "value": "b"}], "extraEnvFrom": [{"secretRef": {"name": "e"}}],
             "extraVolumes": [{"name": "x", "emptyDir": {}}],
             "extraVolumeMounts": [{"name": "x", "mountPath": "/x"}],
             "initContainers": [{"name": "i", "image": "i"}], "sidecars": [{"name": "s", "image": "s"}],
             "extraDeploy": [{"apiVersion": "v1", "kind": "ConfigMap",
                              "metadata": {"name": "{{ .Release.Name }}-mine"}, "data": {"a": "b"}},
                             "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: text}\n"]},
    "tested as ann": {"tests": {"credentialsSecret": "ann"}},
}
REFUSED = {
    "grace period": ({"terminationGracePeriodSeconds": 580}, "terminationGracePeriodSeconds .580. must be at least"),
    "too many clients": ({"config": {"limits": {"max_connections": 200000}}}, "200000 clients .* leave at drain.rate"),
    "no certificate": ({"listeners": {"mqtts": {"enabled": True}}}, "listeners.mqtts.tls needs a certificate"),
    "two ports": ({"listeners": {"ws": {"enabled": True, "port": 1883}}}, "port 1883 is that of listeners.mqtt"),
    "HTTP's port": ({"listeners": {"ws": {"enabled": True, "port": 8080}}}, "8080 is taken by http.port"),
    "the chart's": ({"config": {"listeners": []}}, "listeners.*not allowed"),
    "unknown": ({"replicas": 3}, "replicas.*not allowed"),
    "unknown setting of a bridge": ({"config": {"bridges": [{"name": "a", "url": "mqtt://a", "topic": "b"}]}},
                                    "topic.*not allowed"),
    "unknown setting": ({"config": {"mqtt": {"max_inflights": 1}}}, "max_inflights.*not allowed"),
    "both certificates": ({"tls": {"existingSecret": "a", "certManager": {"enabled": True, **ISSUER}}},
                          "exclude each other"),
    "no issuer": ({"cluster": {"tls": {"mode": "certManager"}}}, "needs cluster.tls.issuerRef.name"),
    "no secret": ({"etcd": {"tls": {"mode": "existingSecret"}}}, "needs etcd.tls.serverSecret"),
    "two without volumes": ({"replicaCount": 2, "persistence": {"enabled": False}}, "needs three nodes"),
    "one without a volume": ({"replicaCount": 1, "persistence": {"enabled": False}},
                             "needs three nodes"),
    "policies in the machine's network": ({"hostNetwork": True},
                                          "needs networkPolicy.enabled: false"),
    "an etcd without a port": ({"etcd": {"endpoints": ["e1.example"]}},
                               "e1.example, which is no host:port"),
    "four members": ({"etcd": {"replicaCount": 4}}, "1, 3 or 5"),
    "scaled to two": ({"autoscaling": {"enabled": True, "minReplicas": 2}}, "minReplicas must be 3"),
    "no host": ({"ingress": {"enabled": True}}, "ingress.hosts is empty"),
    "a port's name": ({"listeners": {"http": {"enabled": True, "protocol": "mqtt", "port": 1, "tls": False,
                                              "proxyProtocol": False, "settings": {}}}}, "http"),
}


class Chart(helm.HelmCase):
    def test_lints(self):
        for version in helm.VERSIONS:
            done = helm.run(version, "lint", "--strict", str(helm.CHART))
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_schema_and_readme_and_files_are_generated(self):
        done = subprocess.run([sys.executable, helm.CHART.parent / "generate.py", "--check"], check=False,
                              capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)

    def test_every_switch_renders_alike_in_both_and_is_of_its_types(self):
        everything = []
        for name, values in SWITCHES.items():
            with self.subTest(name):
                third, fourth = (helm.render(values, version) for version in ("3", "4"))
                for one in third + fourth:
                    if one["kind"] == "Secret":  # made anew each time
                        self.assertEqual(sorted(one.pop("data")), ["ca.crt", "tls.crt", "tls.key"])
                key = lambda one: (one["kind"], one["metadata"]["name"])  # noqa: E731
                self.assertEqual(sorted(third, key=key), sorted(fourth, key=key))
                names = [(one["kind"], one["metadata"]["name"]) for one in third]
                self.assertEqual(len(names), len(set(names)), names)
                everything += third
        self.assertEqual(helm.check_types(everything), "")

    def test_notes_say_what_to_do_next(self):
        def notes(values):
            done = helm.run("4", "install", "roost", str(helm.CHART), "-n", "ns", "--dry-run=client", "-f", "-",
                            input=yaml.safe_dump(values))
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stdout.split("\nNOTES:\n")[1]

        text = notes({})
        for wanted in ("starts as a cluster", "NO CLIENT GETS IN YET", "roost passwd", "auth.existingSecret=roost-users",
                       "mqtt: port 1883", "The HTTP API is closed", "Scaling in"):
            self.assertIn(wanted, text)
        self.assertNotIn("for trials only", text)
        self.assertIn("for trials only", notes({"etcd": {"persistence": {"enabled": False}}}))
        text = notes({**SECRETS, "replicaCount": 2, "listeners": {"wss": {"enabled": True}}})
        for wanted in ("fewer than three nodes", "wss: port 8084, TLS, WebSocket", "Clients reach it at"):
            self.assertIn(wanted, text)
        for other in ("NO CLIENT", "The HTTP API is closed"):
            self.assertNotIn(other, text)

    def test_types_are_checked(self):
        objects = helm.render()
        helm.find(objects, "StatefulSet", "roost")["spec"]["replica"] = 3
        self.assertIn("'\"replica\"' does not exist", helm.check_types(objects))

    def test_every_value_is_off_its_default_somewhere(self):
        """But for those whose other values make no other object."""
        defaults = yaml.safe_load((helm.CHART / "values.yaml").read_text(encoding="utf-8"))
        used = set()

        def walk(values, prefix=()):
            for name, value in values.items():
                used.add(".".join((*prefix, name)))
                if isinstance(value, dict):
                    walk(value, (*prefix, name))

        for values in SWITCHES.values():
            walk(values)
        text = {"image.repository", "image.tag", "service.loadBalancerIP", "securityContext", "podSecurityContext"}
        numbers = {"http.port", "cluster.port", "etcd.quotaBackendBytes"}
        missing = [name for name in defaults if name not in used | text | numbers | {"resources"}]
        self.assertEqual(missing, [])
        for group in ("service", "cluster", "drain", "persistence", "networkPolicy", "metrics", "ingress"):
            missing = [name for name in defaults[group] if f"{group}.{name}" not in used | text | numbers]
            self.assertEqual(missing, [], group)

    def test_what_cannot_work_is_refused_and_says_why(self):
        for name, (values, words) in REFUSED.items():
            for version in helm.VERSIONS:
                with self.subTest(name, helm=version), self.assertRaises(helm.Refused) as refused:
                    helm.render(values, version)
                self.assertRegex(str(refused.exception).replace("\n", " "), words)


class Policies(helm.HelmCase):
    """Whom pods may call, with networkPolicy.egress.enabled."""

    @staticmethod
    def anybody(values):
        """Ports that are open to all."""
        objects = helm.render({**values, "networkPolicy": {"egress": {"enabled": True}}})
        rules = helm.find(objects, "NetworkPolicy", "roost")["spec"]["egress"]
        return [port["port"] for rule in rules if "to" not in rule for port in rule["ports"]]

    def test_let_nobody_out_but_to_names(self):
        self.assertEqual(self.anybody({}), [53, 53])
        self.assertEqual(self.anybody({"replicaCount": 1}), [53, 53])

    def test_let_nodes_reach_an_etcd_of_others(self):
        members = ["e1.example:2379", "e2.example:2379", "[2001:db8::1]:12379"]
        self.assertEqual(self.anybody({"etcd": {"endpoints": members}}), [53, 53, 2379, 12379])
        self.assertEqual(self.anybody({"etcd": {"endpoints": [",".join(members)]}}),
                         [53, 53, 2379, 12379])

    def test_let_the_zone_be_read_off_the_node(self):
        zone = {"cluster": {"zone": {"source": "node"}}}
        self.assertEqual(self.anybody(zone), [53, 53, 443, 6443])


class Config(helm.HelmCase):
    """roost.yaml as the chart writes it, read by the broker."""

    def setUp(self):
        if not os.environ.get("ROOST_BINARY"):
            self.skipTest("no --broker")
        self.folder = helm.TOOLS / "config"
        self.folder.mkdir(parents=True, exist_ok=True)

    def check(self, objects):
        """`serve --check` with files of the right kinds where secrets would be."""
        text = yaml.safe_dump(helm.config_of(objects))
        text = text.replace("/run/roost", str(self.folder)).replace("/var/lib/roost", str(self.folder))
        for path in set(re.findall(re.escape(str(self.folder)) + r"/[\w./-]+", text)):
            self.provide(path)
        (self.folder / "roost.yaml").write_text(text, encoding="utf-8")
        return subprocess.run([os.environ["ROOST_BINARY"], "serve", "--check", "--config",
                               self.folder / "roost.yaml"], capture_output=True, text=True, check=False)

    def provide(self, path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if path.endswith((".crt", ".key")):
            folder = os.path.dirname(path)
            if not os.path.exists(f"{folder}/ca.crt"):
                subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                                "-nodes", "-subj", "/CN=x", "-addext", "subjectAltName=DNS:x",
                                "-keyout", f"{folder}/tls.key", "-out", f"{folder}/tls.crt"],
                               check=True, capture_output=True)
                subprocess.run(["cp", f"{folder}/tls.crt", f"{folder}/ca.crt"], check=True)
        elif path.endswith("acl.yaml"):
            self.write(path, "rules: []\n")
        elif path.endswith(("token", "password")):
            self.write(path, "correct-horse-battery-staple\n")
        elif path.endswith("users.pw"):
            self.write(path, "")

    @staticmethod
    def write(path, text):
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        os.chmod(path, 0o600)

    def test_of_every_switch_is_good(self):
        for name, values in SWITCHES.items():
            objects = helm.render(values)
            maps = [one["metadata"]["name"] for one in helm.of_kind(objects, "ConfigMap")]
            with self.subTest(name):
                self.assertTrue(any(one.endswith("-config") for one in maps) or "broker-config" in maps, maps)
                statefulset = [one for one in helm.of_kind(objects, "StatefulSet")
                               if not one["metadata"]["name"].endswith("-etcd")][0]
                config = f"{statefulset['metadata']['name']}-config"
                for one in helm.of_kind(objects, "ConfigMap"):
                    if one["metadata"]["name"] == config:
                        one["metadata"]["name"] = "roost-config"
                done = self.check(objects)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_settings_of_the_user_come_in_and_the_charts_stay(self):
        objects = helm.render({"config": {"mqtt": {"max_inflight": 7}, "http": {"max_body": "2MiB"}}})
        config = helm.config_of(objects)
        self.assertEqual(config["mqtt"], {"max_inflight": 7})
        self.assertEqual(config["http"], {"address": "*", "port": 8080, "max_body": "2MiB"})
        self.assertEqual(self.check(objects).returncode, 0)

    def test_the_ingress_s_names_are_the_brokers_unless_it_is_said(self):
        ingress = SWITCHES["ingress"]
        objects = helm.render(ingress)
        self.assertEqual(helm.config_of(objects)["http"]["allowed_hosts"], ["roost.example"])
        self.assertEqual(self.check(objects).returncode, 0)
        objects = helm.render({**ingress, "config": {"http": {"allowed_hosts": "mine.example"}}})
        self.assertEqual(helm.config_of(objects)["http"]["allowed_hosts"], "mine.example")
        self.assertNotIn("allowed_hosts", helm.config_of(helm.render({}))["http"])

    def test_a_large_number_is_one(self):
        ways = {"bridges": [{"name": "cloud", "url": "mqtts://cloud.example", "topics": ["a/# out 1"]}],
                "webhooks": [{"name": "shop", "url": "https://shop.example", "filters": ["orders/#"]}]}
        config = helm.config_of(helm.render({"config": ways}))
        self.assertEqual({name: config[name] for name in ways}, ways)
        objects = helm.render({"config": {"mqtt": {"max_retained": 12345678}}})
        self.assertIn("max_retained: 12345678\n",
                      helm.find(objects, "ConfigMap", "roost-config")["data"]["roost.yaml"])


