# SPDX-License-Identifier: Apache-2.0
"""A client that goes on while others attack: a round trip at QoS 1 every 10 ms until stdin ends.

A process of its own, so that what the attacking one computes isn't counted as the broker's delay.
Prints JSON: rounds, p99_ms, worst_ms.
"""

import json
import select
import socket
import sys
import time

from harness import wire
from harness.client import Client

PAUSE_S = 0.01


def main(host, port):
    sock = socket.create_connection((host, int(port)), timeout=10)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client = Client(sock, 5, "steady", [], "[steady]")
    client.send(wire.connect(5, "steady"))
    client.expect("CONNACK", code=0)
    client.subscribe("steady", 1)
    print("ready", flush=True)
    took_ms = []
    while not select.select([sys.stdin], [], [], PAUSE_S)[0]:
        client.transcript.clear()
        began = time.monotonic()
        packet_id = client.take_id()
        client.send(wire.publish(5, "steady", b"x", 1, packet_id=packet_id))
        kinds = set()
        while kinds != {"PUBACK", "PUBLISH"}:
            packet = client.receive()
            kinds.add(packet.kind)
            if packet.kind == "PUBLISH":
                client.acknowledge(packet)
        took_ms.append(1000 * (time.monotonic() - began))
    took_ms.sort()
    print(json.dumps({"rounds": len(took_ms), "p99_ms": took_ms[len(took_ms) * 99 // 100],
                      "worst_ms": took_ms[-1]}))


if __name__ == "__main__":
    main(*sys.argv[1:])
