# SPDX-License-Identifier: Apache-2.0
"""mosquitto in Roost's place, to try the tests themselves: listeners only."""

import os


def is_it(path):
    return os.path.basename(path) == "mosquitto"


def config(listeners):
    lines = ["per_listener_settings false", "allow_anonymous true", "log_dest stdout", "user root",
             "max_queued_messages 0", "set_tcp_nodelay true"]
    for entry in listeners:
        lines.append(f"listener 0 {entry['unix']}" if "unix" in entry
                     else f"listener {entry['port']} {entry['address']}")
        tls = entry.get("tls", {})
        lines += [f"{theirs} {tls[ours]}" for ours, theirs in
                  (("cert", "certfile"), ("key", "keyfile"), ("ca", "cafile")) if ours in tls]
        if tls.get("client_certificate") == "required":
            lines.append("require_certificate true")
    return "\n".join(lines) + "\n"
