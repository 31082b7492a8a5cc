# SPDX-License-Identifier: Apache-2.0
"""What an upgrade of the chart changes, restarts and must leave alone."""

import copy
import json
import re
from pathlib import Path

from tools import helm

LAST = Path(__file__).resolve().parent / "last-release"
FIXED = {"three": {}, "alone": {"replicaCount": 1}, "named": {"fullnameOverride": "broker"},
         "small": {"persistence": {"size": "1Gi", "storageClass": "fast"}, "commonLabels": {"team": "home"}}}


def differences(before, after):
    """Objects of before that an upgrade couldn't change into those of after."""
    return [name for name, fields in before.items() if name in after and after[name] != fields]


class Upgrade(helm.HelmCase):
    def template(self, values):
        return helm.find(helm.render(values), "StatefulSet", "roost")["spec"]["template"]

    def test_nothing_immutable_has_changed_since_the_last_release(self):
        for name, values in FIXED.items():
            before = json.loads((LAST / f"{name}.json").read_text(encoding="utf-8"))
            now = helm.immutable(helm.render(values))
            self.assertTrue(any(key.startswith("StatefulSet/") for key in before))
            self.assertEqual(differences(before, now), [], name)
            gone = [key for key in before if key.startswith("StatefulSet/") and key not in now]
            self.assertEqual(gone, [], "another name is another StatefulSet, with empty volumes")

    def test_a_change_of_those_is_seen(self):
        before = helm.immutable(helm.render())
        for change in (lambda spec: spec["selector"]["matchLabels"].update(version="2"),
                       lambda spec: spec["volumeClaimTemplates"][0]["metadata"]["labels"].update(a="b"),
                       lambda spec: spec["volumeClaimTemplates"][0]["spec"]["resources"].update(requests={}),
                       lambda spec: spec.update(serviceName="other"),
                       lambda spec: spec.update(podManagementPolicy="OrderedReady")):
            after = copy.deepcopy(before)
            change(after["StatefulSet/roost"])
            self.assertEqual(differences(before, after), ["StatefulSet/roost"])

    def test_no_version_of_the_chart_in_selectors_and_claims(self):
        for one in helm.of_kind(helm.render(), "StatefulSet"):
            chart = one["metadata"]["labels"]["helm.sh/chart"]
            fixed = json.dumps(helm.immutable([one]))
            self.assertNotIn(chart, fixed)
            self.assertNotIn("helm.sh/chart", fixed)
            self.assertNotIn("app.kubernetes.io/version", fixed)

    def test_growing_restarts_nobody(self):
        self.assertEqual(self.template({"replicaCount": 3}), self.template({"replicaCount": 7}))
        self.assertEqual(self.template({"replicaCount": 1, "cluster": {"enabled": True}})["spec"],
                         self.template({"replicaCount": 3})["spec"])

    def test_a_setting_restarts_all_and_rules_and_secrets_nobody(self):
        base = {"acl": {"rules": "rules: []\n"}, "auth": {"existingSecret": "users"}}
        checksum = lambda values: self.template(values)["metadata"]["annotations"]["checksum/config"]  # noqa: E731
        self.assertNotEqual(checksum(base), checksum({**base, "config": {"log": {"level": "debug"}}}))
        self.assertEqual(self.template(base), self.template({**base, "acl": {"rules": "rules: [{allow: all}]\n"}}))
        volumes = self.template(base)["spec"]["volumes"]
        mounts = self.template(base)["spec"]["containers"][0]["volumeMounts"]
        self.assertIn("users", [one.get("secret", {}).get("secretName") for one in volumes])
        self.assertFalse([one for one in mounts if "subPath" in one], "those are never swapped")

    def test_a_made_certificate_stays_over_an_upgrade_and_an_uninstall(self):
        for one in helm.of_kind(helm.render(), "Secret"):
            self.assertEqual(one["metadata"]["annotations"]["helm.sh/resource-policy"], "keep")


class Pods(helm.HelmCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.objects = helm.render({"replicaCount": 3})
        cls.roost = helm.find(cls.objects, "StatefulSet", "roost")
        cls.pod = cls.roost["spec"]["template"]["spec"]
        cls.container = helm.container_of(cls.roost)

    def test_have_no_rights(self):
        for one in helm.of_kind(self.objects, "StatefulSet"):
            pod = one["spec"]["template"]["spec"]
            self.assertFalse(pod["automountServiceAccountToken"])
            self.assertTrue(pod["securityContext"]["runAsNonRoot"])
            self.assertEqual(pod["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
            for container in pod["containers"]:
                security = container["securityContext"]
                self.assertEqual(security["capabilities"], {"drop": ["ALL"]})
                self.assertFalse(security["allowPrivilegeEscalation"])
                self.assertTrue(security["readOnlyRootFilesystem"])
                self.assertIn("memory", container["resources"]["limits"])

    def test_only_the_container_that_reads_the_zone_has_a_token(self):
        objects = helm.render({"cluster": {"zone": {"source": "node"}}})
        pod = helm.find(objects, "StatefulSet", "roost")["spec"]["template"]["spec"]
        having = [one["name"] for one in pod["initContainers"] + pod["containers"]
                  if any(mount["name"] == "kube-token" for mount in one["volumeMounts"])]
        self.assertEqual((having, pod["automountServiceAccountToken"]), (["zone"], False))
        rules = helm.find(objects, "ClusterRole")["rules"]
        self.assertEqual(rules, [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get"]}])

    def test_zone_comes_from_the_nodes_label(self):
        env = {one["name"]: one for one in self.container["env"]}
        self.assertEqual(env["ROOST_NODE_ZONE"]["valueFrom"]["fieldRef"]["fieldPath"],
                         "metadata.labels['topology.kubernetes.io/zone']")

    def test_have_probes_and_drain(self):
        paths = {probe: self.container[probe]["httpGet"]["path"]
                 for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
        self.assertEqual(paths, {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"})
        self.assertEqual(self.container["lifecycle"]["preStop"]["exec"]["command"],
                         ["roost", "drain", "--wait", "570"])
        self.assertGreater(self.pod["terminationGracePeriodSeconds"], 570)
        self.assertEqual(helm.config_of(self.objects)["drain"], {"rate": 200, "timeout": "550s"})

    def test_are_spread_and_protected(self):
        self.assertIn("podAntiAffinity", self.pod["affinity"])
        spread = self.pod["topologySpreadConstraints"][0]
        self.assertEqual(spread["topologyKey"], "topology.kubernetes.io/zone")
        for name in ("roost", "roost-etcd"):
            budget = helm.find(self.objects, "PodDisruptionBudget", name)["spec"]
            one = helm.find(self.objects, "StatefulSet", name)["spec"]
            self.assertEqual(budget["selector"], one["selector"])
            self.assertEqual(budget["maxUnavailable"], 1)
            self.assertEqual(one["podManagementPolicy"], "Parallel")
            service = helm.find(self.objects, "Service", one["serviceName"])["spec"]
            self.assertEqual((service["clusterIP"], service["publishNotReadyAddresses"]), ("None", True))

    def test_a_budget_says_one_of_the_two(self):
        objects = helm.render({"podDisruptionBudget": {"minAvailable": "50%"},
                               "etcd": {"podDisruptionBudget": {"minAvailable": 0}}})
        for name, wanted in (("roost", "50%"), ("roost-etcd", 0)):
            budget = helm.find(objects, "PodDisruptionBudget", name)["spec"]
            self.assertEqual(sorted(budget), ["minAvailable", "selector"])
            self.assertEqual(budget["minAvailable"], wanted)

    def test_in_the_machines_network_find_the_clusters_names(self):
        values = {"hostNetwork": True, "networkPolicy": {"enabled": False}}
        for more, wanted in (({}, None), (values, "ClusterFirstWithHostNet"),
                             ({**values, "dnsPolicy": "Default"}, "Default")):
            pod = helm.find(helm.render(more), "StatefulSet", "roost")["spec"]["template"]["spec"]
            self.assertEqual(pod.get("dnsPolicy"), wanted)

    def test_one_alone_needs_nothing_else(self):
        objects = helm.render({"replicaCount": 1})
        self.assertEqual([one["metadata"]["name"] for one in helm.of_kind(objects, "StatefulSet")], ["roost"])
        self.assertEqual(helm.of_kind(objects, "Secret"), [])
        self.assertNotIn("etcd", json.dumps(objects).replace("app.kubernetes.io", ""))
        self.assertNotIn("cluster", helm.config_of(objects))

    def test_nobody_has_a_password_by_default(self):
        config = helm.config_of(self.objects)
        self.assertNotIn("auth", config)
        self.assertNotIn("allow_anonymous", json.dumps(config))
        self.assertNotIn("password", json.dumps(self.objects).lower())

    def test_etcd_keeps_its_word(self):
        etcd = helm.find(self.objects, "StatefulSet", "roost-etcd")
        arguments = helm.container_of(etcd)["args"]
        self.assertEqual(etcd["spec"]["replicas"], 3)
        for wanted in ("--client-cert-auth", "--peer-client-cert-auth", "--auto-compaction-mode=periodic"):
            self.assertIn(wanted, arguments)
        self.assertEqual(len(etcd["spec"]["volumeClaimTemplates"]), 1)
        self.assertEqual(len(next(one for one in arguments if "--initial-cluster=" in one).split(",")), 3)

    def test_etcds_certificate_is_told_all_the_names_that_the_charts_own_has(self):
        tls = {"mode": "certManager", "issuerRef": {"name": "house"}}
        objects = helm.render({"etcd": {"tls": tls}})
        spec = helm.find(objects, "Certificate", "roost-etcd-tls")["spec"]
        readme = (helm.CHART / "README.md").read_text(encoding="utf-8")
        told = re.search(r"(?m)^\| `etcd.tls.serverSecret`.*$", readme)[0]
        words = re.split(r"[ ,]+|\. ", told.replace("FULLNAME", "roost").replace("NAMESPACE", "ns"))
        self.assertEqual(set(spec["dnsNames"] + spec["ipAddresses"]) - set(words), set())
