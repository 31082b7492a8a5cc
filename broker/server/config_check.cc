// SPDX-License-Identifier: Apache-2.0
#include "broker/server/config_check.h"

#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <set>

#include "broker/net/peer_info.h"
#include "broker/server/auth_check.h"
#include "broker/server/cluster_check.h"
#include "broker/server/http_check.h"
#include "broker/server/memory_size.h"
#include "broker/server/otel_check.h"
#include "broker/server/settings.h"
#include "broker/server/settings_value.h"
#include "broker/server/ways_check.h"

namespace roost::server {

namespace {

constexpr std::uint32_t kThreadsMax = 64;  // core::Cores; a bit each in routing::Interest
constexpr std::size_t kUnixPathMax = sizeof(sockaddr_un::sun_path) - 1;

std::string path_of(std::size_t listener, std::string_view name) {
  return "listeners." + std::to_string(listener) + "." + std::string(name);
}

class Checker {
 public:
  Checker(const Config& config, const Origin& origin) : config_(config), origin_(origin) {}

  std::vector<std::string> run() {
    if (config_.listeners.empty()) add("listeners", "at least one listener is needed");
    for (std::size_t i = 0; i < config_.listeners.size(); ++i) check_listener(i);
    if (config_.threads > config_.shards) {
      add("threads", "there can't be more threads (" + std::to_string(config_.threads) +
                         ") than shards (" + std::to_string(config_.shards) + ")");
    }
    check_unique();
    check_cluster(config_,
                  [this](const std::string& path, const std::string& text) { add(path, text); });
    check_auth(config_,
               [this](const std::string& path, const std::string& text) { add(path, text); });
    check_http(config_.http,
               [this](const std::string& path, const std::string& text) { add(path, text); });
    check_ways(config_,
               [this](const std::string& path, const std::string& text) { add(path, text); });
    check_otel(config_.otel,
               [this](const std::string& path, const std::string& text) { add(path, text); });
    check_classes();
    check_files();
    return std::move(errors_);
  }

 private:
  void add(const std::string& path, const std::string& text) {
    const std::string origin = origin_(path);
    errors_.push_back((origin.empty() ? "" : origin + ": ") + path + ": " + text);
  }

  void check_listener(std::size_t i) {
    const ListenerConfig& l = config_.listeners[i];
    const bool has_key = !l.tls.key_file.empty();
    if (l.has_tls() && !has_key) {
      add(path_of(i, "tls.cert"), "a certificate needs its private key in tls.key");
    }
    if (has_key && !l.has_tls()) {
      add(path_of(i, "tls.key"), "a private key needs its certificate in tls.cert");
    }
    if (!l.has_tls() && l.tls.client_certificate != "none") {
      add(path_of(i, "tls.client_certificate"), "only a listener with tls.cert and tls.key has it");
    }
    if (l.tls.client_certificate == "none" && !(l.tls.user + l.tls.crl_file).empty()) {
      add(path_of(i, l.tls.user.empty() ? "tls.crl" : "tls.user"),
          "needs client certificates: set tls.client_certificate to optional or required");
    }
    if (const auto pattern = net::check_pattern(l.tls.user); !l.tls.user.empty() && !pattern) {
      add(path_of(i, "tls.user"), pattern.error().message);
    }
    if (l.tls.client_certificate != "none" && l.tls.ca_file.empty()) {
      add(path_of(i, "tls.client_certificate"),
          "\"" + l.tls.client_certificate + "\" needs tls.ca to check certificates against");
    }
    if (!l.websocket_path.empty() && !l.websocket) {
      add(path_of(i, "websocket_path"), "only a listener with protocol: ws has it");
    }
    if (!l.websocket_path.empty() && l.websocket_path.front() != '/') {
      add(path_of(i, "websocket_path"),
          "\"" + l.websocket_path + "\" must begin with \"/\", like /mqtt");
    }
    if (l.unix_path.size() > kUnixPathMax) {
      add(path_of(i, "unix"), "a Unix socket's path has at most " + std::to_string(kUnixPathMax) +
                                  " bytes, this one has " + std::to_string(l.unix_path.size()));
    }
    if (l.unix_path.empty() && l.address.empty()) {
      add(path_of(i, "address"), "is empty; allowed is an address, a host name or \"*\" for all");
    }
  }

  void check_unique() {
    std::map<std::string, std::string> names, places;
    for (std::size_t i = 0; i < config_.listeners.size(); ++i) {
      const ListenerConfig& l = config_.listeners[i];
      claim(names, l.name, path_of(i, "name"), "the name");
      if (!l.unix_path.empty()) {
        claim(places, l.unix_path, path_of(i, "unix"), "the socket");
      } else if (l.port != 0) {
        claim(places, l.address + " port " + std::to_string(l.port), path_of(i, "port"),
              "the address");
      }
    }
    const HttpConfig& http = config_.http;
    if (http.port != 0) {
      claim(places, http.address + " port " + std::to_string(http.port), "http.port",
            "the address");
    }
    const auto peers = parse_host_port(config_.node.listen);
    if (config_.is_cluster() && peers) {
      claim(places, peers->host + " port " + std::to_string(peers->port), "node.listen",
            "the address");
    }
  }

  void check_classes() {
    std::set<std::string> names;
    for (const std::string& text : split_list(config_.metrics.classes)) {
      const auto rule = gates::parse_class_rule(text);
      if (rule) {
        names.insert(rule->name);
      } else {
        add("metrics.classes", rule.error().message);
      }
    }
    if (names.size() <= session::kClientClassesMax) return;
    add("metrics.classes", "these are " + std::to_string(names.size()) + " classes; at most " +
                               std::to_string(session::kClientClassesMax) + " are allowed");
  }

  void claim(std::map<std::string, std::string>& claimed, const std::string& what,
             const std::string& path, const char* kind) {
    const auto [owner, added] = claimed.emplace(what, path);
    if (added) return;
    add(path, std::string(kind) + " " + what + " is taken by " + owner->second + " already");
  }

  void check_files() {
    Config copy = config_;
    for (const Setting& setting : settings()) {
      if (setting.kind != ValueKind::file) continue;
      const SettingList* const list = list_of(setting);
      if (list == nullptr) {
        check_readable(setting, copy, {}, std::string(setting.path));
        continue;
      }
      for (std::size_t i = 0; i < list->size(copy); ++i) {
        std::string path(setting.path);
        path.replace(list->name.size() + 1, 1, std::to_string(i));
        check_readable(setting, copy, list->at(copy, i), path);
      }
    }
  }

  void check_readable(const Setting& setting, Config& config, const ListItem& item,
                      const std::string& path) {
    const std::string& file = *std::get<std::string*>(setting.field(config, item));
    if (file.empty() || ::access(file.c_str(), R_OK) == 0) return;
    const bool missing = errno == ENOENT;
    std::string text = "\"" + file + "\" can't be read: " + std::strerror(errno);
    if (missing && path == "auth.password_file") {
      text += "; make it with: roost passwd " + file + " USER";
    }
    add(path, text);
  }

  const Config& config_;
  const Origin& origin_;
  std::vector<std::string> errors_;
};

std::string name_of(const ListenerConfig& listener) {
  if (!listener.unix_path.empty()) return "unix:" + listener.unix_path;
  std::string name = listener.websocket ? "ws" : "mqtt";
  if (listener.has_tls()) name += "s";
  return name + "-" + std::to_string(listener.port);
}

bool nobody_can_connect(const Config& config) {
  if (config.auth.has_source() || config.listeners.empty()) return false;
  return std::all_of(config.listeners.begin(), config.listeners.end(), [](const ListenerConfig& l) {
    return l.allow_anonymous == false && l.tls.user.empty();
  });
}

}  // namespace

void derive(Config& config) {
  std::set<std::string> names;
  for (ListenerConfig& listener : config.listeners) {
    if (listener.name.empty()) {
      const std::string name = listener.name = name_of(listener);
      for (int n = 2; names.contains(listener.name); ++n) {
        listener.name = name + "-" + std::to_string(n);
      }
    }
    names.insert(listener.name);
    if (!listener.allow_anonymous) listener.allow_anonymous = config.auth.allow_anonymous;
    if (listener.max_packet_size == 0) listener.max_packet_size = config.mqtt.max_packet_size;
  }
  MqttConfig& mqtt = config.mqtt;
  if (config.store.cache_bytes == 0) {
    config.store.cache_bytes =
        std::clamp<std::uint64_t>(memory_size().bytes / 16, 8U << 20, 256U << 20);
  }
  if (mqtt.max_queued_bytes_total == 0) mqtt.max_queued_bytes_total = memory_size().bytes / 2;
  if (mqtt.max_queued_bytes == 0) mqtt.max_queued_bytes = mqtt.max_queued_bytes_total / 8;
  // Every core needs a shard, or it could serve nobody.
  if (config.threads == 0) {
    config.threads = std::min({cpu_count(), kThreadsMax, std::uint32_t{config.shards}});
  }
  derive_cluster(config);
  if (config.auth.threads == 0) config.auth.threads = std::max(1U, cpu_count() / 2);
}

std::vector<gates::ClientClassRule> class_rules(const MetricsConfig& config) {
  std::vector<gates::ClientClassRule> rules;
  for (const std::string& text : split_list(config.classes)) {
    if (auto rule = gates::parse_class_rule(text)) rules.push_back(*std::move(rule));
  }
  return rules;
}

std::vector<std::string> check_config(const Config& config, const Origin& origin) {
  return Checker(config, origin).run();
}

std::vector<std::string> warn_config(const Config& config) {
  std::vector<std::string> warnings = warn_cluster(config);
  for (std::string& line : warn_http(config.http)) warnings.push_back(std::move(line));
  if (nobody_can_connect(config)) {
    warnings.emplace_back(
        "nobody can connect: allow_anonymous is false and auth.password_file is not set");
  }
  return warnings;
}

}  // namespace roost::server
