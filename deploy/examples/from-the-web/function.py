# SPDX-License-Identifier: Apache-2.0
"""A web function: POST /lamp/on becomes a message to the lamp. WSGI, nothing but the standard
library: any server that runs `application` will do; here Python's own."""

import json
import os
import urllib.error
import urllib.request
from wsgiref.simple_server import make_server

ROOST = os.environ.get("ROOST_URL", "http://127.0.0.1:8080")
TOKEN = os.environ["ROOST_HTTP_TOKEN"]


def publish(topic, payload, key=None):
    """(status, answer). Returns when the broker has acknowledged: the message is stored."""
    message = {"topic": topic, "payload": payload, "qos": 1}
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    if key:
        # Who calls us again with the same key gets the same answer, and nothing is sent twice.
        headers["Idempotency-Key"] = key
    request = urllib.request.Request(f"{ROOST}/api/v1/publish", json.dumps(message).encode(),
                                     headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
    except OSError as error:
        return 502, {"error": f"Roost isn't reached: {error}"}


def application(environ, start_response):
    parts = environ["PATH_INFO"].strip("/").split("/")
    if environ["REQUEST_METHOD"] != "POST" or len(parts) != 2 or parts[1] not in ("on", "off"):
        status, answer = 404, {"error": "POST /DEVICE/on or /DEVICE/off"}
    else:
        status, answer = publish(f"home/{parts[0]}/set", parts[1],
                                 environ.get("HTTP_IDEMPOTENCY_KEY"))
    start_response(f"{status} {'OK' if status == 200 else 'Failed'}",
                   [("Content-Type", "application/json")])
    return [json.dumps(answer).encode() + b"\n"]


if __name__ == "__main__":
    with make_server("127.0.0.1", int(os.environ.get("PORT", 8000)), application) as server:
        print(f"function on port {server.server_port}", flush=True)
        server.serve_forever()
