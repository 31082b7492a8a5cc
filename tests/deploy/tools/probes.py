# SPDX-License-Identifier: Apache-2.0
"""What tests ask a node in a container, and how they wait."""

import time
import urllib.error
import urllib.request

MQTT, TLS, WEBSOCKET, HTTP, PEERS = 1883, 8883, 8083, 8080, 7883  # of a container, inside

def until(condition, what, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.05)


def http(address, path, token=None):
    """Status and body; status 0 where nobody answers."""
    request = urllib.request.Request(f"http://{address}:{HTTP}{path}")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""
