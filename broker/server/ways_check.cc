// SPDX-License-Identifier: Apache-2.0
#include "broker/server/ways_check.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "broker/client/url.h"
#include "broker/http/web_url.h"
#include "broker/mqtt/topic.h"
#include "broker/server/settings_value.h"

namespace roost::server {

namespace {

constexpr std::size_t kNameMax = 64;
constexpr std::size_t kLinesMax = 1000;  // filters or topics of one

using Add = std::function<void(const std::string& path, const std::string& text)>;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (end > at) lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

class WayChecker {
 public:
  WayChecker(const std::string& list, std::size_t index, const Add& add)
      : place_(list + "." + std::to_string(index) + "."), add_(add) {}

  void check_name(const std::string& name, std::set<std::string>& names) {
    const bool is_good = !name.empty() && name.size() <= kNameMax &&
                         std::all_of(name.begin(), name.end(), [](unsigned char c) {
                           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                  (c >= '0' && c <= '9') || c == '-' || c == '_';
                         });
    if (!is_good) {
      return fault("name",
                   "\"" + name + "\" is no name; allowed are 1 to 64 letters, digits, - and _");
    }
    if (!names.insert(name).second) fault("name", "the name " + name + " is taken already");
  }

  void check_retries(std::uint64_t min_ms, std::uint64_t max_ms) {
    if (min_ms > max_ms) fault("retry_min", "is longer than retry_max");
  }

  void check(const BridgeConfig& bridge) {
    const auto url = client::parse_url(bridge.url);
    if (bridge.url.find('@') != std::string::npos) {
      fault("url", "names and passwords have no place in it; take user and password_file");
    } else if (!url) {
      fault("url", url.error().message);
    }
    if (!bridge.password_file.empty() && bridge.user_name.empty() && bridge.version != "5") {
      fault("password_file", "MQTT 3.1.1 has no password without a user");
    }
    if (bridge.certificate_file.empty() != bridge.key_file.empty()) {
      fault(bridge.key_file.empty() ? "tls.cert" : "tls.key",
            "a certificate and its private key belong together");
    }
    if (url && !client::is_secure(url->transport) &&
        !(bridge.ca_file + bridge.certificate_file).empty()) {
      fault("tls", "only an mqtts:// or wss:// url has it");
    }
    const auto lines = lines_of(bridge.topics);
    if (lines.empty()) fault("topics", "without topics nothing goes over it");
    if (lines.size() > kLinesMax) fault("topics", "at most 1000 are allowed");
    for (const std::string& line : lines) {
      const auto rule = outgoing::parse_topic_rule(line);
      if (!rule) fault("topics", "\"" + line + "\": " + rule.error().message);
    }
    if (!bridge.state_topic.empty() && !mqtt::TopicName::parse(bridge.state_topic)) {
      fault("state_topic", "\"" + bridge.state_topic + "\" is no topic");
    }
  }

  void check(const WebhookConfig& hook) {
    if (const auto url = http::parse_web_url(hook.url); !url) fault("url", url.error().message);
    for (const std::string& word : split_list(hook.events)) {
      if (!outgoing::event_kind_of(word)) {
        fault("events", "\"" + word + "\" is no event; allowed are client.connected, " +
                            "client.disconnected and session.expired");
      }
    }
    const auto lines = lines_of(hook.filters);
    if (lines.size() > kLinesMax) fault("filters", "at most 1000 are allowed");
    for (const std::string& line : lines) {
      const auto filter = mqtt::TopicFilter::parse(line);
      if (!filter) fault("filters", "\"" + line + "\" is no topic filter");
      if (filter && filter->is_shared()) {
        fault("filters", "\"" + line + "\": a webhook joins no share group");
      }
    }
    if (lines.empty() && hook.events.empty()) {
      fault("filters", "without filters and events nothing is sent");
    }
  }

 private:
  void fault(const std::string& name, const std::string& text) { add_(place_ + name, text); }

  const std::string place_;
  const Add& add_;
};

}  // namespace

void check_ways(const Config& config, const Add& add) {
  std::set<std::string> bridges, webhooks;
  for (std::size_t i = 0; i < config.bridges.size(); ++i) {
    const BridgeConfig& bridge = config.bridges[i];
    WayChecker checker("bridges", i, add);
    checker.check_name(bridge.name, bridges);
    checker.check_retries(bridge.retry_min_ms, bridge.retry_max_ms);
    checker.check(bridge);
  }
  for (std::size_t i = 0; i < config.webhooks.size(); ++i) {
    const WebhookConfig& hook = config.webhooks[i];
    WayChecker checker("webhooks", i, add);
    checker.check_name(hook.name, webhooks);
    checker.check_retries(hook.retry_min_ms, hook.retry_max_ms);
    checker.check(hook);
  }
}

outgoing::BridgeSettings settings_of(const BridgeConfig& config) {
  outgoing::BridgeSettings settings;
  settings.name = config.name;
  if (const auto url = client::parse_url(config.url)) {
    settings.remote.transport = url->transport;
    settings.remote.host = url->host;
    settings.remote.port = url->port;
    if (!url->path.empty()) settings.remote.websocket_path = "/" + url->path;
  }
  settings.remote.ca_file = config.ca_file;
  settings.remote.certificate_file = config.certificate_file;
  settings.remote.key_file = config.key_file;
  settings.version =
      config.version == "5" ? mqtt::ProtocolVersion::v5 : mqtt::ProtocolVersion::v3_1_1;
  settings.client_id = config.client_id.empty() ? "roost-" + config.name : config.client_id;
  settings.user_name = config.user_name;
  settings.password_file = config.password_file;
  settings.keep_alive_s = config.keep_alive_s;
  settings.session_expiry_s = config.session_expiry_s;
  settings.window = config.window;
  settings.retry_min_ms = static_cast<std::uint32_t>(config.retry_min_ms);
  settings.retry_max_ms = static_cast<std::uint32_t>(config.retry_max_ms);
  settings.state_topic = config.state_topic;
  for (const std::string& line : lines_of(config.topics)) {
    if (auto rule = outgoing::parse_topic_rule(line)) settings.topics.push_back(*std::move(rule));
  }
  return settings;
}

outgoing::WebhookSettings settings_of(const WebhookConfig& config) {
  outgoing::WebhookSettings settings;
  settings.name = config.name;
  settings.url = config.url;
  for (const std::string& word : split_list(config.events)) {
    if (const auto kind = outgoing::event_kind_of(word)) settings.events.push_back(*kind);
  }
  settings.filters = lines_of(config.filters);
  settings.secret_file = config.secret_file;
  settings.headers_file = config.headers_file;
  settings.batch_max = config.batch_max;
  settings.batch_bytes = config.batch_bytes;
  settings.batch_wait_ms = static_cast<std::uint32_t>(config.batch_wait_ms);
  settings.session_expiry_s = config.session_expiry_s;
  settings.retry_min_ms = static_cast<std::uint32_t>(config.retry_min_ms);
  settings.retry_max_ms = static_cast<std::uint32_t>(config.retry_max_ms);
  return settings;
}

}  // namespace roost::server
