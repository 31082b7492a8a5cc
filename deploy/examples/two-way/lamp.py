# SPDX-License-Identifier: Apache-2.0
"""A lamp that is awake for a moment only. Its commands wait in its session."""

import os
import threading

import paho.mqtt.client as mqtt

AWAKE_S = float(os.environ.get("AWAKE_S", 3))  # after the last command
heard = threading.Event()


def on_connect(client, userdata, flags, code):
    if code != 0:
        print(f"refused: {mqtt.connack_string(code)}", flush=True)
    elif not flags["session present"]:
        # The first time, or the broker has forgotten us.
        client.subscribe("home/lamp/set", qos=1)


def on_message(client, userdata, message):
    state = message.payload.decode()
    print(f"lamp is {state}", flush=True)
    client.publish("home/lamp/state", state, qos=1, retain=True)
    heard.set()


def on_subscribe(client, userdata, mid, granted_qos):
    print("lamp has a session", flush=True)


client = mqtt.Client("lamp", clean_session=False)
client.on_connect, client.on_subscribe, client.on_message = on_connect, on_subscribe, on_message
client.connect(os.environ.get("MQTT_HOST", "localhost"), int(os.environ.get("MQTT_PORT", 1883)))
client.loop_start()
while heard.wait(AWAKE_S):
    heard.clear()
client.disconnect()
client.loop_stop()
print("lamp sleeps", flush=True)
