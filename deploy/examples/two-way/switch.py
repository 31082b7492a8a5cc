# SPDX-License-Identifier: Apache-2.0
"""A switch: switch.py on|off sends a command; switch.py alone follows what the lamp says."""

import os
import sys

import paho.mqtt.client as mqtt
import paho.mqtt.publish as publish

HOST, PORT = os.environ.get("MQTT_HOST", "localhost"), int(os.environ.get("MQTT_PORT", 1883))


def on_connect(client, userdata, flags, code):
    client.subscribe("home/lamp/state", qos=1)


def on_message(client, userdata, message):
    when = "it was" if message.retain else "it is now"
    print(f"{when} {message.payload.decode()}", flush=True)


if len(sys.argv) > 1:
    # Returns when Roost has stored it, whether the lamp is awake or not.
    publish.single("home/lamp/set", sys.argv[1], qos=1, hostname=HOST, port=PORT)
else:
    client = mqtt.Client("switch")
    client.on_connect, client.on_message = on_connect, on_message
    client.connect(HOST, PORT)
    client.loop_forever()
