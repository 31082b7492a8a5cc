#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The same with mosquitto's client: device.sh ROOM DEGREES
exec mosquitto_pub -h "${MQTT_HOST:-localhost}" -p "${MQTT_PORT:-1883}" -i "thermometer-$1" \
  -t "home/$1/temperature" -m "$2" -q 1
