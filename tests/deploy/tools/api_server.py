# SPDX-License-Identifier: Apache-2.0
"""As much of an API server as Helm asks of one: objects are kept, merged into and given back.

No schemas, no defaults, no controllers: what Kubernetes makes of the objects isn't seen here.
"""

import base64
import json
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# (group and version, plural): kind
KINDS = {
    ("v1", "secrets"): "Secret", ("v1", "services"): "Service", ("v1", "configmaps"): "ConfigMap",
    ("v1", "serviceaccounts"): "ServiceAccount", ("v1", "pods"): "Pod",
    ("apps/v1", "statefulsets"): "StatefulSet",
    ("policy/v1", "poddisruptionbudgets"): "PodDisruptionBudget",
    ("networking.k8s.io/v1", "networkpolicies"): "NetworkPolicy",
    ("autoscaling/v2", "horizontalpodautoscalers"): "HorizontalPodAutoscaler",
}
PROTOBUF = b"k8s\0"  # as Helm writes its own secrets
VERBS = ["create", "delete", "get", "list", "patch", "update"]


def merge(into, patch):
    """A JSON merge patch, in place."""
    for name, value in patch.items():
        if value is None:
            into.pop(name, None)
        elif isinstance(value, dict) and isinstance(into.get(name), dict):
            merge(into[name], value)
        else:
            into[name] = value
    return into


def fields(data):
    """(number, bytes) of a protobuf message, numbers left out."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            value, shift, at = value | (byte & 127) << shift, shift + 7, at + 1
            if byte < 128:
                return value

    while at < len(data):
        key = varint()
        length = varint()
        if key & 7 == 2:
            yield key >> 3, data[at:at + length]
            at += length


def pairs(found, number):
    """Of a map, which is the field of that number."""
    entries = [dict(fields(data)) for its, data in found if its == number]
    return {one[1].decode(): one[2] for one in entries}


def secret_of(text):
    """A Secret in protobuf (k8s.io/api/core/v1, generated.proto)."""
    whole = list(fields(dict(fields(text[len(PROTOBUF):]))[2]))
    meta = list(fields(dict(whole)[1]))
    labels = {name: value.decode() for name, value in pairs(meta, 11).items()}
    data = {name: base64.b64encode(value).decode() for name, value in pairs(whole, 2).items()}
    return {"apiVersion": "v1", "kind": "Secret", "type": dict(whole).get(3, b"").decode(),
            "metadata": {"name": dict(meta)[1].decode(), "labels": labels}, "data": data}


class ApiServer:
    """`objects` by path, as /apis/apps/v1/namespaces/ns/statefulsets/roost."""

    def __init__(self, case):
        self.objects = {}
        handler = type("Handler", (Handler,), {"objects": self.objects})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        thread = threading.Thread(target=self.server.serve_forever, args=[0.05])
        thread.start()
        case.addCleanup(thread.join)
        case.addCleanup(self.server.server_close)
        case.addCleanup(self.server.shutdown)

    def object(self, kind, name, namespace="ns"):
        return self.objects[path_of(kind, name, namespace)]

    def delete(self, kind, name, namespace="ns"):
        del self.objects[path_of(kind, name, namespace)]


def path_of(kind, name, namespace):
    api, plural = next(key for key, its in KINDS.items() if its == kind)
    return f"{root_of(api)}/namespaces/{namespace}/{plural}/{name}"


def root_of(api):
    return f"/{'apis' if '/' in api else 'api'}/{api}"


def resources(api):
    found = [{"name": plural, "kind": kind, "namespaced": True, "singularName": "", "verbs": VERBS}
             for (its, plural), kind in KINDS.items() if its == api]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api, "resources": found}


def groups():
    made = []
    for api in sorted({api for api, _ in KINDS if "/" in api}):
        version = {"groupVersion": api, "version": api.split("/")[1]}
        made.append({"name": api.split("/")[0], "versions": [version], "preferredVersion": version})
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": made}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format, *args):
        pass

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def missing(self):
        self.answer(404, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404,
                          "reason": "NotFound", "message": f"{self.path} not found"})

    def selects(self, one):
        """By labels that are equal, which is all that Helm asks for here."""
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        asked = query.get("labelSelector", [""])[0]
        labels = one["metadata"].get("labels", {})
        wanted = [part.split("=") for part in asked.split(",") if part]
        return all(labels.get(name) == value for name, value in wanted)

    def text(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def body(self):
        text = self.text()
        return secret_of(text) if text.startswith(PROTOBUF) else json.loads(text)

    def do_GET(self):
        path = self.path.partition("?")[0]
        known = {"/version": {"major": "1", "minor": "34", "gitVersion": "v1.34.0"},
                 "/api": {"kind": "APIVersions", "versions": ["v1"]}, "/apis": groups()}
        known.update({root_of(api): resources(api) for api, _ in KINDS})
        if path in known:
            self.answer(200, known[path])
        elif path in self.objects:
            self.answer(200, self.objects[path])
        elif any(path.endswith("/" + plural) for _, plural in KINDS):
            kind = next(kind for (_, plural), kind in KINDS.items() if path.endswith("/" + plural))
            items = [one for name, one in sorted(self.objects.items())
                     if name.startswith(path + "/") and self.selects(one)]
            self.answer(200, {"kind": f"{kind}List", "apiVersion": items[0]["apiVersion"] if items
                              else "v1", "metadata": {}, "items": items})
        else:
            self.missing()

    def do_POST(self):
        one = self.body()
        path = f"{self.path.partition('?')[0]}/{one['metadata']['name']}"
        self.objects[path] = one
        self.answer(201, one)

    def do_PUT(self):
        self.objects[self.path.partition("?")[0]] = one = self.body()
        self.answer(200, one)

    def do_PATCH(self):
        path = self.path.partition("?")[0]
        patch = self.body()
        if path not in self.objects and "apply" not in self.headers["Content-Type"]:
            self.missing()
            return
        self.answer(200, merge(self.objects.setdefault(path, {}), patch))

    def do_DELETE(self):
        self.text()  # options
        if self.objects.pop(self.path.partition("?")[0], None) is None:
            self.missing()
        else:
            self.answer(200, {"kind": "Status", "apiVersion": "v1", "status": "Success"})
