// SPDX-License-Identifier: Apache-2.0
// Rows of the table of settings: the ways out. And which settings are lists.
#include <array>

#include "broker/mqtt/types.h"
#include "broker/server/settings_rows.h"

namespace roost::server {

namespace {

using Kind = ValueKind;

constexpr std::uint64_t kHourMs = 3'600'000;

template <auto Member, auto Pointer>
constexpr SettingList list_at(std::string_view name, std::string_view probe,
                              std::string_view example) {
  return {name,
          probe,
          example,
          [](const Config& c) { return (c.*Member).size(); },
          [](Config& c) { (c.*Member).clear(); },
          [](Config& c) { (c.*Member).emplace_back(); },
          [](Config& c, std::size_t index) {
            ListItem item;
            item.*Pointer = &(c.*Member)[index];
            return item;
          }};
}

}  // namespace

std::span<const SettingList> setting_lists() {
  static constexpr std::array<SettingList, 3> kLists = {
      list_at<&Config::listeners, &ListItem::listener>("listeners", "port", "port: 1883"),
      list_at<&Config::bridges, &ListItem::bridge>("bridges", "url", "name: cloud"),
      list_at<&Config::webhooks, &ListItem::webhook>("webhooks", "url", "name: orders"),
  };
  return kLists;
}

std::vector<Setting> bridge_settings() {
  return {
      {"bridges.*.name", Kind::text, "", BRIDGE_FIELD(name),
       "Letters, digits, - and _. Its messages wait in the session $roost/bridge/NAME."},
      {"bridges.*.url", Kind::text, "", BRIDGE_FIELD(url),
       "The other broker: mqtt://, mqtts://, ws:// or wss:// with host and port."},
      {"bridges.*.version", Kind::choice, "5", BRIDGE_FIELD(version),
       "MQTT version there. 3.1.1 first says that it is a bridge, as mosquitto does, so that a "
       "mosquitto doesn't send back what came from here.",
       one_of({"5", "3.1.1"})},
      {"bridges.*.client_id", Kind::text, "", BRIDGE_FIELD(client_id),
       "Client id there, of a session that lasts; the same on all nodes. Empty: roost-NAME."},
      {"bridges.*.user", Kind::text, "", BRIDGE_FIELD(user_name), "User name there."},
      {"bridges.*.password_file", Kind::file, "", BRIDGE_FIELD(password_file),
       "File whose first line is the password there; read for each connection."},
      {"bridges.*.tls.ca", Kind::file, "", BRIDGE_FIELD(ca_file),
       "PEM file with the authority of the remote's certificate; empty: the system's."},
      {"bridges.*.tls.cert", Kind::file, "", BRIDGE_FIELD(certificate_file),
       "PEM file with a certificate to show there; with key."},
      {"bridges.*.tls.key", Kind::file, "", BRIDGE_FIELD(key_file),
       "PEM file with its private key."},
      {"bridges.*.topics", Kind::text, "", BRIDGE_FIELD(topics),
       "A list of lines FILTER DIRECTION QOS LOCAL-PREFIX REMOTE-PREFIX, as mosquitto has them, "
       "the "
       "direction is out, in or both: what is LOCAL-PREFIX and a topic of the filter here is "
       "REMOTE-PREFIX and that topic there. "
       "\"\" stands for nothing. The first that has a topic counts."},
      {"bridges.*.state_topic", Kind::text, "", BRIDGE_FIELD(state_topic),
       "Topic there with a retained 1 while the bridge is connected, else 0; empty: none."},
      {"bridges.*.keep_alive", Kind::duration_s, "60s", BRIDGE_FIELD(keep_alive_s),
       "Keep alive there; a remote that is silent for half as long again is left.",
       range(5, kAny16)},
      {"bridges.*.max_inflight", Kind::number, "100", BRIDGE_FIELD(window),
       "QoS 1 and 2 messages under way, each way.", range(1, kAny16)},
      {"bridges.*.session_expiry", Kind::duration_s, "30d", BRIDGE_FIELD(session_expiry_s),
       "How long both sessions wait with what is queued while the remote is away, or after the "
       "bridge was taken out of the settings.",
       range(60, mqtt::kNeverExpires - 1, "never", mqtt::kNeverExpires)},
      {"bridges.*.retry_min", Kind::duration_ms, "1s", BRIDGE_FIELD(retry_min_ms),
       "First wait after a failure; each next one is twice as long, half of it by chance.",
       range(10, kHourMs)},
      {"bridges.*.retry_max", Kind::duration_ms, "60s", BRIDGE_FIELD(retry_max_ms), "Longest wait.",
       range(10, kHourMs)},
  };
}

std::vector<Setting> webhook_settings() {
  return {
      {"webhooks.*.name", Kind::text, "", WEBHOOK_FIELD(name),
       "Letters, digits, - and _. What isn't delivered yet waits in the session "
       "$roost/webhook/NAME."},
      {"webhooks.*.url", Kind::text, "", WEBHOOK_FIELD(url),
       "https:// or http:// address that batches are sent to by POST; a status of 2xx takes one."},
      {"webhooks.*.events", Kind::text, "", WEBHOOK_FIELD(events),
       "A list of client.connected, client.disconnected, session.expired."},
      {"webhooks.*.filters", Kind::text, "", WEBHOOK_FIELD(filters),
       "A list of topic filters: messages that are sent."},
      {"webhooks.*.secret_file", Kind::file, "", WEBHOOK_FIELD(secret_file),
       "File with a secret, best whsec_ and 32 random bytes in base64, that batches are signed "
       "with (headers webhook-id, webhook-timestamp, webhook-signature of Standard Webhooks); "
       "read for each batch. Empty: unsigned."},
      {"webhooks.*.headers_file", Kind::file, "", WEBHOOK_FIELD(headers_file),
       "File with more headers, NAME: VALUE a line, e.g. Authorization; read for each batch."},
      {"webhooks.*.tls.ca", Kind::file, "", WEBHOOK_FIELD(ca_file),
       "PEM file with the authority of the service's certificate; empty: the system's."},
      {"webhooks.*.batch_max", Kind::number, "100", WEBHOOK_FIELD(batch_max), "Events of a batch.",
       range(1, 1000)},
      {"webhooks.*.batch_bytes", Kind::size, "512KiB", WEBHOOK_FIELD(batch_bytes),
       "Payloads of a batch; a larger one goes alone.", range(1024, 64 << 20)},
      {"webhooks.*.batch_wait", Kind::duration_ms, "200ms", WEBHOOK_FIELD(batch_wait_ms),
       "How long the first event of a batch waits for more.", range(0, 60'000)},
      {"webhooks.*.timeout", Kind::duration_ms, "10s", WEBHOOK_FIELD(timeout_ms),
       "Time for an answer.", range(100, 300'000)},
      {"webhooks.*.session_expiry", Kind::duration_s, "30d", WEBHOOK_FIELD(session_expiry_s),
       "How long what is queued waits after the webhook was taken out of the settings.",
       range(60, mqtt::kNeverExpires - 1, "never", mqtt::kNeverExpires)},
      {"webhooks.*.retry_min", Kind::duration_ms, "1s", WEBHOOK_FIELD(retry_min_ms),
       "First wait after a failure; each next one is twice as long, half of it by chance.",
       range(10, kHourMs)},
      {"webhooks.*.retry_max", Kind::duration_ms, "60s", WEBHOOK_FIELD(retry_max_ms),
       "Longest wait, but for a service that asks for more by Retry-After: an hour at most.",
       range(10, kHourMs)},
  };
}

}  // namespace roost::server
