# SPDX-License-Identifier: Apache-2.0
"""A back end that wants every reading, those of the time when it was away too."""

import os

import paho.mqtt.client as mqtt


def on_connect(client, userdata, flags, code):
    if code != 0:
        print(f"refused: {mqtt.connack_string(code)}", flush=True)
        return
    # QoS 1 and a session that lasts: what comes while nobody is here waits for us.
    client.subscribe("home/+/temperature", qos=1)


def on_subscribe(client, userdata, mid, granted_qos):
    print("waiting for readings", flush=True)


def on_message(client, userdata, message):
    room = message.topic.split("/")[1]
    # A real one stores it here. Paho acknowledges when this returns.
    print(f"{room}: {message.payload.decode()} degrees", flush=True)


client = mqtt.Client("backend", clean_session=False)
client.on_connect, client.on_subscribe, client.on_message = on_connect, on_subscribe, on_message
client.connect(os.environ.get("MQTT_HOST", "localhost"), int(os.environ.get("MQTT_PORT", 1883)))
client.loop_forever()
