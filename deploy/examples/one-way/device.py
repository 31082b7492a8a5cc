# SPDX-License-Identifier: Apache-2.0
"""A device that says its reading and goes back to sleep: device.py ROOM DEGREES"""

import os
import sys

import paho.mqtt.publish as publish

room, degrees = sys.argv[1], sys.argv[2]
# Returns when the broker has acknowledged, which means: stored.
publish.single(f"home/{room}/temperature", degrees, qos=1, client_id=f"thermometer-{room}",
               hostname=os.environ.get("MQTT_HOST", "localhost"),
               port=int(os.environ.get("MQTT_PORT", 1883)))
