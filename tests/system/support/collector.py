# SPDX-License-Identifier: Apache-2.0
"""An OpenTelemetry collector: takes spans by OTLP/HTTP as JSON, and nothing that isn't."""

import base64
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# What opentelemetry-proto's messages have, as far as anybody may send it; True: a list.
FIELDS = {
    "request": {"resourceSpans": "resource_spans[]"},
    "resource_spans": {"resource": "resource", "scopeSpans": "scope_spans[]"},
    "resource": {"attributes": "key_value[]"},
    "scope_spans": {"scope": "scope", "spans": "span[]"},
    "scope": {"name": str, "version": str},
    "span": {"traceId": "hex32", "spanId": "hex16", "parentSpanId": "hex16", "name": str,
             "kind": int, "startTimeUnixNano": "decimal", "endTimeUnixNano": "decimal",
             "attributes": "key_value[]", "status": "status"},
    "status": {"code": int, "message": str},
    "key_value": {"key": str, "value": "any_value"},
    "any_value": {"stringValue": str, "intValue": "decimal", "boolValue": bool},
}
TEXTS = {"hex32": r"[0-9a-f]{32}", "hex16": r"[0-9a-f]{16}", "decimal": r"0|[1-9][0-9]*"}


def check(value, kind, where):
    """ValueError where it isn't what the protocol says."""
    if isinstance(kind, type):
        good = type(value) is kind
    elif kind.endswith("[]"):
        good = isinstance(value, list)
        for number, one in enumerate(value if good else []):
            check(one, kind[:-2], f"{where}[{number}]")
    elif kind in TEXTS:
        good = isinstance(value, str) and re.fullmatch(TEXTS[kind], value)
        good = good and (not kind.startswith("hex") or value.strip("0") != "")
    else:
        good = isinstance(value, dict)
        for name, one in (value.items() if good else ()):
            if name not in FIELDS[kind]:
                raise ValueError(f"{where}.{name}: there is no such field")
            check(one, FIELDS[kind][name], f"{where}.{name}")
    if not good:
        raise ValueError(f"{where}: {value!r} is no {kind}")


def flat(attributes):
    """As {key: value}; each key once."""
    found = {}
    for one in attributes:
        ((kind, value),) = one["value"].items()
        if one["key"] in found:
            raise ValueError(f"{one['key']} stands there twice")
        found[one["key"]] = int(value) if kind == "intValue" else value
    return found


class Span:
    def __init__(self, resource, span):
        self.resource = resource
        self.trace, self.id = span["traceId"], span["spanId"]
        self.parent = span.get("parentSpanId")
        self.name, self.kind = span["name"], span["kind"]
        self.start, self.end = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
        self.attributes = flat(span["attributes"])
        self.status = span["status"]
        self.node = resource["service.instance.id"]

    def __repr__(self):
        return f"<{self.name} {self.trace} {self.parent} -> {self.id} {self.attributes}>"


def with_bytes(value):
    """For protobuf's own JSON, which has bytes in base64: OTLP's ids are the only ones, in hex."""
    if isinstance(value, list):
        return [with_bytes(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {name: base64.b64encode(bytes.fromhex(one)).decode()
            if name in ("traceId", "spanId", "parentSpanId") else with_bytes(one)
            for name, one in value.items()}


class Collector:
    """`answer()` gives (status, headers, text) where it isn't to be 200; None: it is."""

    def __init__(self, port=0):
        self.lock = threading.Lock()
        self.faults, self.requests, self.headers, self._spans = [], 0, [], []
        self.bodies = []  # of what was taken
        self.answer = lambda: None
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, headers, text = collector.take(self.path, self.headers, body)
                data = text.encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                """Whoever is killed in the middle of a request is nobody's fault."""

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, path, headers, body):
        with self.lock:
            self.requests += 1
            self.headers.append(dict(headers))
            said = self.answer()
            if said is not None:
                return said
            try:
                if path != "/v1/traces" or headers["Content-Type"] != "application/json":
                    raise ValueError(f"{path} with {headers['Content-Type']}")
                request = json.loads(body)
                check(request, "request", "request")
                found = [Span(flat(part["resource"]["attributes"]), span)
                         for part in request["resourceSpans"]
                         for scope in part["scopeSpans"] for span in scope["spans"]]
                if not found or len(found) > 512 or len(body) > 1 << 20:
                    raise ValueError(f"{len(found)} spans in {len(body)} bytes")
                self._spans += found
                self.bodies.append(body)
            except (ValueError, KeyError) as fault:
                self.faults.append(repr(fault))
                return 400, {}, "{}"
            return 200, {}, "{}"

    def spans(self, trace=None, name=None):
        with self.lock:
            return [span for span in self._spans
                    if trace in (None, span.trace) and name in (None, span.name)]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
