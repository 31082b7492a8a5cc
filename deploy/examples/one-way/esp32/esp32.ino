// SPDX-License-Identifier: Apache-2.0
// The same on an ESP32 with PubSubClient (Arduino's library manager has it). It publishes at QoS 0
// only: a reading that is lost with the connection is followed by the next one a minute later.
#include <PubSubClient.h>
#include <WiFi.h>

const char* kNetwork = "YOUR_NETWORK";
const char* kPassword = "YOUR_PASSWORD";
const char* kBroker = "192.0.2.10";  // the machine that Roost runs on
const char* kTopic = "home/kitchen/temperature";

WiFiClient wifi;
PubSubClient mqtt(wifi);

void setup() {
  WiFi.begin(kNetwork, kPassword);
  while (WiFi.status() != WL_CONNECTED) delay(100);
  mqtt.setServer(kBroker, 1883);
  if (mqtt.connect("thermometer-kitchen")) {
    // A TMP36 on pin 34: 10 mV a degree, 500 mV at 0.
    const float degrees = (analogReadMilliVolts(34) - 500) / 10.0;
    mqtt.publish(kTopic, String(degrees, 1).c_str());
    mqtt.disconnect();
  }
  WiFi.disconnect(true);
  esp_deep_sleep(60ULL * 1000 * 1000);  // a minute; setup() runs again then
}

void loop() {}
