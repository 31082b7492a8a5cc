# SPDX-License-Identifier: Apache-2.0
"""The pods of a rendered chart in podman: what the StatefulSet controller and the kubelet would do.

Names and claims by number, ConfigMaps and Secrets as folders that are swapped by a symbolic link, the
names of headless services, probes asked and preStop run as the chart has them. Not done: affinity,
limits, network policies, fsGroup (volumes belong to the pod's user).
"""

import base64
import copy
import os
import shutil
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

import yaml

STRIPPED = ("startupProbe", "livenessProbe", "readinessProbe", "lifecycle", "resources", "ports")


class Mounted:
    """A ConfigMap or Secret as the kubelet lays it out: ..data is a link, replaced at once."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def put(self, files):
        """{name: bytes}; what is there is replaced as a whole."""
        self.folder.mkdir(parents=True, exist_ok=True)
        data = Path(tempfile.mkdtemp(prefix="..", dir=self.folder))
        data.chmod(0o755)
        for name, content in files.items():
            (data / name).write_bytes(content)
            (data / name).chmod(0o644)
        link = self.folder / "..data_tmp"
        link.symlink_to(data.name)
        before = os.readlink(self.folder / "..data") if (self.folder / "..data").is_symlink() else None
        link.rename(self.folder / "..data")
        for name in files:
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")
        if before:
            shutil.rmtree(self.folder / before)


class Pods:
    """Of `objects`, in the network whose addresses begin with `prefix` ("10.89.8.")."""

    def __init__(self, containers, objects, folder, network, prefix, secrets=None):
        self.containers, self.network, self.folder = containers, network, Path(folder)
        self.claims, self.manifests, self.addresses, self.specs = {}, {}, {}, {}
        self.mounted = {}
        for one in objects:
            if one["kind"] in ("ConfigMap", "Secret"):
                self.mount(one["metadata"]["name"]).put(self.files_of(one))
        for name, files in (secrets or {}).items():
            self.mount(name).put(files)
        sets = [one for one in objects if one["kind"] == "StatefulSet"]
        names = [(one, number) for one in sets for number in range(one["spec"]["replicas"])]
        for at, (one, number) in enumerate(names, start=10):
            self.addresses[f"{one['metadata']['name']}-{number}"] = f"{prefix}{at}"
        self.aliases = [{"ip": self.addresses[f"{one['metadata']['name']}-{number}"],
                         "hostnames": [f"{one['metadata']['name']}-{number}.{one['spec']['serviceName']}."
                                       f"{one['metadata']['namespace']}.svc"]} for one, number in names]
        for one, number in names:
            self.make(one, number)

    def mount(self, name):
        return self.mounted.setdefault(name, Mounted(self.folder / "mounted" / name))

    @staticmethod
    def files_of(one):
        if one["kind"] == "Secret":
            return {name: base64.b64decode(text) for name, text in one["data"].items()}
        return {name: text.encode() for name, text in one.get("data", {}).items()}

    def make(self, one, number):
        name = f"{one['metadata']['name']}-{number}"
        spec = self.specs[name] = copy.deepcopy(one["spec"]["template"]["spec"])
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
               "spec": copy.deepcopy(spec)}
        inside = pod["spec"]
        inside.update(hostname=name, hostAliases=self.aliases, restartPolicy="Never")
        for gone in ("affinity", "topologySpreadConstraints", "serviceAccountName"):
            inside.pop(gone, None)
        user = spec["securityContext"]["runAsUser"]
        for claim in one["spec"].get("volumeClaimTemplates", []):
            where = self.claims[name] = self.folder / f"{claim['metadata']['name']}-{name}"
            inside.setdefault("volumes", []).append(
                {"name": claim["metadata"]["name"], "hostPath": {"path": str(where), "type": "Directory"}})
        for volume in inside["volumes"]:
            source = volume.pop("secret", None) or volume.pop("configMap", None)
            if source:
                where = self.folder / "mounted" / source.get("secretName", source.get("name"))
                volume["hostPath"] = {"path": str(where), "type": "Directory"}
        for container in inside["containers"]:
            container["imagePullPolicy"] = "Never"
            container["securityContext"]["runAsUser"] = user
            container["securityContext"]["runAsGroup"] = user
            for gone in STRIPPED:
                container.pop(gone, None)
            container["env"] = [self.value_of(entry, name) for entry in container["env"]]
            for key in ("args", "command"):
                container[key] = [self.expanded(word, container["env"]) for word in container.get(key, [])]
                if not container[key]:
                    del container[key]
        path = self.folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(pod), encoding="utf-8")
        self.manifests[name] = path

    @staticmethod
    def value_of(entry, name):
        if "valueFrom" not in entry:
            return {"name": entry["name"],
                    "value": entry["value"].replace("$(POD_NAME)", name)}
        path = entry["valueFrom"]["fieldRef"]["fieldPath"]
        return {"name": entry["name"], "value": name if path == "metadata.name" else ""}

    @staticmethod
    def expanded(word, env):
        for one in env:
            word = word.replace(f"$({one['name']})", one["value"])
        return word

    # As Kubernetes would

    def start(self, *names):
        for name in names or self.manifests:
            if name in self.claims:
                self.claim(name)
            self.containers.kube_play(self.manifests[name], self.network, self.addresses[name])

    def claim(self, name):
        """A volume as a new disk is: with lost+found, and the pod's group's."""
        where = self.claims[name]
        if not where.exists():
            (where / "lost+found").mkdir(parents=True)
            os.chown(where, 0, self.specs[name]["securityContext"]["fsGroup"])
            where.chmod(0o2775)

    def container(self, name):
        return f"{name}-{self.specs[name]['containers'][0]['name']}"

    def kill(self, name):
        self.containers.signal(self.container(name), "KILL")
        self.containers.wait(self.container(name))

    def restart(self, name):
        """As the kubelet does with a container that has ended; podman has ended the pod with it."""
        self.containers.podman("pod", "start", name)

    def delete(self, name, volume=False):
        self.containers.podman("pod", "rm", "-f", "-t", "0", name)
        if volume:
            shutil.rmtree(self.claims[name])

    def exec(self, name, *words, check=True, seconds=60):
        return self.containers.exec(self.container(name), *words, check=check, seconds=seconds)

    def port(self, name, called):
        """Of the container's port of that name."""
        ports = self.specs[name]["containers"][0]["ports"]
        return next(one["containerPort"] for one in ports if one["name"] == called)

    def probe(self, name, which):
        """What the kubelet would make of it: True, False."""
        spec = self.specs[name]["containers"][0]
        asked = spec[which]["httpGet"]
        try:
            url = f"http://{self.addresses[name]}:{self.port(name, asked['port'])}{asked['path']}"
            with urllib.request.urlopen(url, timeout=spec[which].get("timeoutSeconds", 1)) as answer:
                return 200 <= answer.status < 400
        except (urllib.error.URLError, OSError):
            return False

    def pre_stop(self, name, seconds=120):
        """Runs it to its end."""
        words = self.specs[name]["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
        return self.exec(name, *words, check=False, seconds=seconds)
