# SPDX-License-Identifier: Apache-2.0
"""A device behind NAT: it opens the connection, so nothing needs to reach it. device.py NAME"""

import os
import sys

import paho.mqtt.client as mqtt

NAME = sys.argv[1]


def on_connect(client, userdata, flags, code):
    client.subscribe(f"home/{NAME}/set", qos=1)


def on_subscribe(client, userdata, mid, granted_qos):
    print(f"{NAME} listens", flush=True)


def on_message(client, userdata, message):
    print(f"{NAME} is {message.payload.decode()}", flush=True)


client = mqtt.Client(NAME, clean_session=False)
client.on_connect, client.on_subscribe, client.on_message = on_connect, on_subscribe, on_message
client.connect(os.environ.get("MQTT_HOST", "localhost"), int(os.environ.get("MQTT_PORT", 1883)))
client.loop_forever()
