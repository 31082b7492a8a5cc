#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes roost/values.schema.json, the README's table of values, and roost/files.

Of values.schema.yaml (what each value is), roost/values.yaml (defaults), deploy/docs/settings.md (the
settings below `config`), deploy/prometheus and deploy/grafana. --check: only says what is stale.
"""

import json
import re
import sys
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
CHART = HERE / "roost"
DEPLOY = HERE.parent
SET_BY_CHART = {"data_dir", "listeners", "cluster", "node", "etcd", "drain"}
BEGIN, END = "<!-- values, by generate.py -->", "<!-- end of values -->"

STRING, INTEGER, BOOLEAN = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
PORT = {"type": "integer", "minimum": 1, "maximum": 65535}
KEY = {"type": "string", "pattern": "^[A-Za-z0-9._-]+$"}
NATURAL, POSITIVE = {"type": "integer", "minimum": 0}, {"type": "integer", "minimum": 1}
STRINGS = {"type": "object", "additionalProperties": STRING}
QUANTITY = {"type": ["string", "integer"], "pattern": "^[0-9.]+([EPTGMk]i?|m)?$"}
DURATION = {"type": "string", "pattern": "^([0-9]+(ms|s|m|h))+$"}
COUNT_OR_SHARE = {"type": ["integer", "string"], "pattern": "^[0-9]+%$"}
PULL = {"enum": ["Always", "IfNotPresent", "Never"]}


def closed(**fields):
    return {"type": "object", "additionalProperties": False, "properties": fields}


TYPES = {
    "string": STRING, "integer": INTEGER, "boolean": BOOLEAN, "object": {"type": "object"},
    "list": {"type": "array"}, "[string]": {"type": "array", "items": STRING}, "strings": STRINGS,
    "integers": {"type": "object", "additionalProperties": INTEGER}, "port": PORT, "key": KEY,
    "natural": NATURAL, "positive": POSITIVE, "quantity": QUANTITY, "duration": DURATION,
    "count": {"type": "integer", "minimum": 1, "maximum": 64},
    "secretKey": closed(name=STRING, key=KEY),
    "issuer": closed(name=STRING, kind=STRING, group=STRING),
    "image": closed(registry=STRING, repository=STRING, tag=STRING, digest=STRING, pullPolicy=PULL),
    "resources": closed(requests={"type": "object"}, limits={"type": "object"},
                        claims={"type": "array"}),
    "claim": closed(enabled=BOOLEAN, size=QUANTITY, storageClass=STRING,
                    accessModes={"type": "array", "items": STRING}, annotations=STRINGS),
    "pdb": closed(enabled=BOOLEAN, maxUnavailable=COUNT_OR_SHARE, minAvailable=COUNT_OR_SHARE,
                  unhealthyPodEvictionPolicy={"enum": ["IfHealthyBudget", "AlwaysAllow"]}),
    "probe": closed(enabled=BOOLEAN, initialDelaySeconds=NATURAL, periodSeconds=POSITIVE,
                    timeoutSeconds=POSITIVE, failureThreshold=POSITIVE, successThreshold=POSITIVE),
}


def settings():
    """{name: description} of deploy/docs/settings.md."""
    text = (DEPLOY / "docs" / "settings.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| `([a-z0-9_.*]+)` \| `ROOST_\w+` \| [^|]*\| (.*?) \|$", text, re.MULTILINE))


def tree(names, without=()):
    """A closed schema of dotted names; values are what YAML has, and Roost checks them itself."""
    whole = closed()
    for name, text in names.items():
        at = whole
        *groups, last = name.split(".")
        if groups[:1] and groups[0] in without or last in without and not groups:
            continue
        for group in groups:
            at = at["properties"].setdefault(group, closed())
        at["properties"][last] = {"type": ["string", "integer", "number", "boolean", "array"],
                                  "description": text}
    return whole


def listener_schema():
    own = {name.removeprefix("listeners.*."): text for name, text in settings().items()
           if name.startswith("listeners.*.")}
    own = {name: text for name, text in own.items()
           if name not in ("name", "protocol", "port", "proxy_protocol", "tls.cert", "tls.key", "unix")}
    one = closed(enabled=BOOLEAN, protocol={"enum": ["mqtt", "ws"]}, port=PORT, servicePort=PORT,
                 tls=BOOLEAN, proxyProtocol=BOOLEAN, settings=tree(own))
    one["required"] = ["enabled", "protocol", "port", "tls", "proxyProtocol", "settings"]
    return {"type": "object", "additionalProperties": False,
            "propertyNames": {"not": {"enum": ["http", "peer"]}},  # names of the chart's own ports
            "patternProperties": {"^[a-z]([a-z0-9-]{0,13}[a-z0-9])?$": one}}


def list_schema(name):
    """Of a list of groups: bridges, webhooks."""
    own = {path.removeprefix(f"{name}.*."): text for path, text in settings().items()
           if path.startswith(f"{name}.*.")}
    return {"type": "array", "items": {**tree(own), "required": ["name", "url"]}}


def leaf(kind, text):
    if kind == "config":
        schema = tree({name: text for name, text in settings().items() if "*" not in name}, SET_BY_CHART)
        for name in ("bridges", "webhooks"):
            schema["properties"][name] = list_schema(name)
    elif kind == "listeners":
        schema = listener_schema()
    elif kind.startswith("<"):
        schema = {"enum": kind[1:-1].split("|")}
    else:
        schema = json.loads(json.dumps(TYPES[kind]))
    return {**schema, "description": text} if text else schema


def schema_of(source):
    if isinstance(source, list):
        return leaf(*source)
    return closed(**{name: schema_of(inner) for name, inner in source.items()})


def rows(source, values, prefix=""):
    for name, inner in source.items():
        value = values[name]
        if isinstance(inner, list):
            default = json.dumps(value)
            if inner[0] == "listeners":
                default = "see values.yaml"
            yield f"| `{prefix}{name}` | `{default}` | {says(*inner)} |"
        else:
            yield from rows(inner, value, f"{prefix}{name}.")


def says(kind, text):
    if kind.startswith("<"):
        words = ", ".join(word or '""' for word in kind[1:-1].split("|"))
        return f"{text} [one of {words}]".strip()
    return text


def outputs():
    """{path: text} of everything that is generated."""
    source = yaml.safe_load((HERE / "values.schema.yaml").read_text(encoding="utf-8"))
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    schema = {"$schema": "http://json-schema.org/draft-07/schema#",
              "$comment": "Generated by deploy/helm/generate.py.", **schema_of(source)}
    schema["properties"]["global"] = {"type": "object"}
    readme = (CHART / "README.md").read_text(encoding="utf-8")
    table = "\n".join(["| Value | Default | What it is |", "| --- | --- | --- |", *rows(source, values)])
    start, end = readme.index(BEGIN), readme.index(END)
    found = {CHART / "values.schema.json": json.dumps(schema, indent=1) + "\n",
             CHART / "README.md": f"{readme[:start]}{BEGIN}\n\n{table}\n\n{readme[end:]}"}
    for path in [DEPLOY / "prometheus" / "roost-rules.yaml", *sorted((DEPLOY / "grafana").glob("roost-*.json"))]:
        if path.exists():
            folder = CHART / "files" / ("dashboards" if path.suffix == ".json" else "")
            found[folder / path.name] = path.read_text(encoding="utf-8")
    return found


def main():
    stale = 0
    for path, text in outputs().items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale += 1
        print(f"{path.relative_to(DEPLOY)} {'is stale' if '--check' in sys.argv else 'written'}")
        if "--check" not in sys.argv:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
