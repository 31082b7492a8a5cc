# SPDX-License-Identifier: Apache-2.0
"""What the chart makes of what is installed: Helm with an API server that only keeps objects."""

import base64
import copy

import yaml

from tools import helm
from tools.api_server import ApiServer

MADE = ("roost-node-tls", "roost-etcd-tls", "roost-etcd-client-tls")
ALONE = {"replicaCount": 1}
SCALED = {"autoscaling": {"enabled": True}}


class Live(helm.HelmCase):
    def setUp(self):
        self.server = ApiServer(self)

    def helm(self, version, *words, values=None):
        return helm.run(version, *words, "-n", "ns", "--kube-apiserver", self.server.url,
                        "--burst-limit", "1000", "--qps", "1000",
                        input=None if values is None else yaml.safe_dump(values))

    def release(self, version, verb, values=None):
        """helm install or upgrade; Refused with what Helm said."""
        done = self.helm(version, verb, "roost", str(helm.CHART), "-f", "-",
                         "--disable-openapi-validation", values=values or {})
        if done.returncode != 0:
            raise helm.Refused(done.stderr)

    def rendered(self, version, values=None):
        """The objects as an upgrade would have them."""
        return helm.render(values, version, words=(
            "--dry-run=server", "--disable-openapi-validation",
            "--kube-apiserver", self.server.url))

    def secrets(self):
        return {name: copy.deepcopy(self.server.object("Secret", name)["data"]) for name in MADE}

    def versions(self):
        """Each of Helm with a server of its own."""
        for version in helm.VERSIONS:
            self.setUp()
            yield version


class Secrets(Live):
    def test_that_the_chart_made_stay_as_they_are_in_every_revision(self):
        for version in self.versions():
            self.release(version, "install")
            before = self.secrets()
            self.release(version, "upgrade", {"config": {"log": {"level": "debug"}}})
            self.assertEqual(self.secrets(), before)
            rendered = helm.of_kind(self.rendered(version), "Secret")
            self.assertEqual({one["metadata"]["name"]: one["data"] for one in rendered}, before)
            for one in rendered:
                self.assertEqual(one["metadata"]["annotations"],
                                 {"helm.sh/resource-policy": "keep"})

    def test_do_not_hinder_a_rollback(self):
        for version in self.versions():
            self.release(version, "install")
            before = self.secrets()
            self.release(version, "upgrade", {"config": {"log": {"level": "debug"}}})
            done = self.helm(version, "rollback", "roost", "1")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(self.secrets(), before)

    def test_outlive_an_uninstall_and_are_taken_up_again(self):
        for version in self.versions():
            self.release(version, "install")
            before = self.secrets()
            done = self.helm(version, "uninstall", "roost")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.release(version, "install")
            self.assertEqual(self.secrets(), before)

    def test_of_others_are_used_and_left_alone(self):
        for version in self.versions():
            self.release(version, "install")
            for name in MADE:
                meta = self.server.object("Secret", name)["metadata"]
                meta["annotations"]["meta.helm.sh/release-name"] = "other"
            self.assertEqual(helm.of_kind(self.rendered(version), "Secret"), [])

    def test_of_clients_that_is_lost_is_made_of_what_the_members_authority_signed(self):
        for version in self.versions():
            self.release(version, "install")
            before = self.secrets()
            self.server.delete("Secret", "roost-etcd-client-tls")
            self.release(version, "upgrade")
            members = before["roost-etcd-tls"]
            self.assertEqual(self.secrets(), {**before, "roost-etcd-client-tls": members})

    def test_of_members_that_is_lost_is_made_anew_together_with_the_clients(self):
        for version in self.versions():
            self.release(version, "install")
            before = self.secrets()
            self.server.delete("Secret", "roost-etcd-tls")
            self.release(version, "upgrade")
            after = self.secrets()
            nodes, members, clients = (after[name] for name in MADE)
            self.assertEqual(nodes, before["roost-node-tls"])
            self.assertNotEqual(members["ca.crt"], before["roost-etcd-tls"]["ca.crt"])
            self.assertEqual(members["ca.crt"], clients["ca.crt"])
            self.assertIn(b"BEGIN", base64.b64decode(clients["tls.key"]))


class Replicas(Live):
    def replicas(self, version, values):
        return helm.find(self.rendered(version, values), "StatefulSet", "roost")["spec"]["replicas"]

    def test_are_never_left_out(self):
        for version in helm.VERSIONS:
            for count, least, wanted in ((3, 3, 3), (5, 3, 5), (3, 4, 4)):
                values = {"replicaCount": count,
                          "autoscaling": {"enabled": True, "minReplicas": least}}
                one = helm.find(helm.render(values, version), "StatefulSet", "roost")
                self.assertEqual(one["spec"]["replicas"], wanted)

    def test_stay_what_autoscaling_has_made_of_them(self):
        for version in self.versions():
            self.release(version, "install", SCALED)
            self.server.object("StatefulSet", "roost")["spec"]["replicas"] = 7
            self.assertEqual(self.replicas(version, SCALED), 7)
            self.assertEqual(self.replicas(version, {"replicaCount": 4}), 4)


class OneOfACluster(Live):
    def refuses(self, version, values):
        with self.assertRaises(helm.Refused) as refused:
            self.rendered(version, values)
        self.assertRegex(str(refused.exception), "take the cluster .* apart.*cluster.enabled: true")

    def test_is_no_node_alone_by_accident(self):
        for version in self.versions():
            self.release(version, "install")
            self.refuses(version, ALONE)
            self.rendered(version, {**ALONE, "cluster": {"enabled": True}})
            del self.server.objects["/apis/apps/v1/namespaces/ns/statefulsets/roost"]
            self.refuses(version, ALONE)  # by its etcd

    def test_is_seen_by_its_port_where_the_etcd_is_of_others(self):
        for version in self.versions():
            etcd = {"etcd": {"endpoints": ["e1.example:12379"]}}
            self.release(version, "install", etcd)
            self.refuses(version, {**ALONE, **etcd})

    def test_alone_from_the_start_goes_on_alone_beside_an_etcd_of_others(self):
        for version in self.versions():
            self.release(version, "install", ALONE)
            self.server.objects["/apis/apps/v1/namespaces/ns/statefulsets/roost-etcd"] = {
                "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "roost-etcd"},
                "spec": {"selector": {"matchLabels": {"app": "etcd"}}}}
            self.release(version, "upgrade", ALONE)
