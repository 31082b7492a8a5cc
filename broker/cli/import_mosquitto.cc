// SPDX-License-Identifier: Apache-2.0
#include "broker/cli/import_mosquitto.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "broker/cli/import_lines.h"
#include "broker/cli/import_options.h"
#include "broker/server/settings_value.h"

namespace roost::cli {

namespace {

constexpr std::uint64_t kPacketSizeMin = 1024;  // of mqtt.max_packet_size
constexpr std::uint64_t kPacketSizeMax = 268'435'460;
constexpr std::uint64_t kRestOfPacket = 128 * 1024;  // topic and properties, beside a payload

class Reader {
 public:
  explicit Reader(const ImportOptions& options) : options_(options) {}

  Result<Imported> run(const std::vector<ConfigLine>& lines) {
    for (const ConfigLine& line : lines) {
      if (line.option == "per_listener_settings") per_listener_ = line.value == "true";
    }
    for (const ConfigLine& line : lines) {
      line_ = &line;
      take(line);
      if (!fault_.empty()) return error(ErrorKind::invalid_argument, fault_);
    }
    if (is_default_asked_) imported_.listeners.insert(imported_.listeners.begin(), default_);
    finish_listeners(imported_, per_listener_);
    return std::move(imported_);
  }

 private:
  // --- what is said ---
  void cannot(std::string_view text) {
    imported_.impossible.push_back({line_->place, line_->option, std::string(text)});
  }
  void remark(std::string_view text) {
    imported_.remarks.push_back({line_->place, line_->option, std::string(text)});
  }
  void wrong(const std::string& allowed) {
    fault_ =
        line_->place + ": " + line_->option + " is \"" + line_->value + "\"; allowed is " + allowed;
  }
  void set(std::string path, std::string value, std::string why = {}) {
    std::erase_if(imported_.settings, [&](const ImportedSetting& one) { return one.path == path; });
    imported_.settings.push_back({std::move(path), std::move(value), std::move(why)});
  }

  // --- values ---
  std::optional<bool> boolean() {
    if (line_->value == "true" || line_->value == "1") return true;
    if (line_->value == "false" || line_->value == "0") return false;
    wrong("true or false");
    return std::nullopt;
  }
  std::optional<std::uint64_t> number() {
    const auto value = server::parse_number(line_->value);
    if (!value) wrong("a number");
    return value;
  }
  bool is(bool wanted) { return boolean().value_or(!wanted) == wanted; }

  // --- listeners ---
  // What stands before the first `listener` line is about the default listener, which is one where
  // something but who may come in is said of it.
  ImportedListener& current() {
    return imported_.listeners.empty() ? default_ : imported_.listeners.back();
  }
  ImportedListener& asked() {
    if (imported_.listeners.empty()) is_default_asked_ = true;
    return current();
  }
  void begin_listener() {
    const std::size_t space = line_->value.find_first_of(" \t");
    const std::string port = line_->value.substr(0, space);
    std::string rest = space == std::string::npos ? "" : line_->value.substr(space + 1);
    rest.erase(0, rest.find_first_not_of(" \t"));
    if (!server::parse_number(port)) return wrong("PORT, PORT ADDRESS or 0 PATH");
    ImportedListener& listener = imported_.listeners.emplace_back();
    listener.place = line_->place;
    listener.port = port;
    if (port == "0" && rest.starts_with('/')) {
      listener.unix_path = rest;
    } else {
      listener.address = rest;
    }
  }

  void take(const ConfigLine& line) {
    const OptionRow* const row = find_option(line.option);
    if (row == nullptr) return cannot("mosquitto has no such option");
    if (row->fate == Fate::impossible) return cannot(row->text);
    if (row->fate == Fate::not_needed) return remark(row->text);
    if (row->option == Option::bridge) return take_of_bridge();
    if (!take_of_listener(row->option) && !take_of_tls(row->option) && !take_limit(row->option) &&
        !take_of_all(row->option)) {
      take_as_it_is(*row);
    }
  }
  void begin_bridge() {
    ImportedBridge& bridge = imported_.bridges.emplace_back();
    bridge.name = line_->value;
    for (char& c : bridge.name) {
      const bool is_good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '_';
      if (!is_good) c = '-';
    }
    if (bridge.name != line_->value) remark("its name is " + bridge.name + " now");
  }
  void take_of_bridge() {
    if (line_->option == "connection") return begin_bridge();
    if (imported_.bridges.empty()) return cannot("stands before the first connection");
    const std::string why =
        take_bridge_option(imported_.bridges.back(), line_->option, line_->value);
    if (!why.empty()) cannot(why);
  }

  // True: it was one of these. So the next.
  bool take_of_listener(Option option) {
    switch (option) {
      case Option::listener:
        begin_listener();
        return true;
      case Option::port:
        if (!number()) return true;
        asked().port = line_->value;
        return true;
      case Option::bind_address:
        asked().address = line_->value;
        return true;
      case Option::protocol:
        if (line_->value != "mqtt" && line_->value != "websockets") {
          cannot("protocols are mqtt and websockets");
        }
        asked().is_websocket = line_->value == "websockets";
        return true;
      case Option::socket_domain:
        if (line_->value != "ipv4" && line_->value != "ipv6") wrong("ipv4 or ipv6");
        if (asked().address.empty()) {
          asked().address = line_->value == "ipv4" ? "0.0.0.0" : "::";
        }
        return true;
      case Option::max_connections:
        if (line_->value != "-1" && number()) asked().max_connections = line_->value;
        return true;
      case Option::allow_anonymous:
        take_anonymous();
        return true;
      case Option::password_file:
        take_file("auth.password_file", options_.password_file, &ImportedListener::password_file);
        return true;
      case Option::acl_file:
        take_file("acl.mosquitto_file", options_.acl_file, &ImportedListener::acl_file);
        return true;
      default:
        return false;
    }
  }
  void take_anonymous() {
    const auto value = boolean();
    if (!value) return;
    if (per_listener_) {
      current().allow_anonymous = *value;
    } else {
      set("auth.allow_anonymous", *value ? "true" : "false");
    }
  }
  // One for all, so far as Roost goes.
  void take_file(const char* path, const std::optional<std::string>& instead,
                 std::string ImportedListener::*own) {
    const std::string file = instead.value_or(line_->value);
    if (per_listener_) current().*own = file;
    for (const ImportedSetting& one : imported_.settings) {
      if (one.path == path && one.value != yaml_quoted(file)) {
        return cannot("Roost has one such file for all listeners, and takes " + one.value);
      }
    }
    set(path, yaml_quoted(file));
  }

  bool take_of_tls(Option option) {
    switch (option) {
      case Option::cafile:
        asked().tls.ca = line_->value;
        return true;
      case Option::certfile:
        asked().tls.certificate = line_->value;
        return true;
      case Option::keyfile:
        asked().tls.key = line_->value;
        return true;
      case Option::crlfile:
        asked().tls.crl = line_->value;
        return true;
      case Option::ciphers:
        asked().tls.ciphers = line_->value;
        return true;
      case Option::require_certificate:
        asked().tls.requires_certificate = is(true);
        return true;
      case Option::use_identity_as_username:
        asked().tls.user_is_common_name = is(true);
        return true;
      case Option::use_subject_as_username:
        if (is(true)) cannot("Roost can take the common name (tls.user: \"%cn\"), not the subject");
        return true;
      case Option::tls_version:
        take_tls_version();
        return true;
      default:
        return false;
    }
  }
  void take_tls_version() {
    if (line_->value == "tlsv1.3") {
      asked().tls.min_version = "1.3";
    } else if (line_->value == "tlsv1.2") {
      asked().tls.min_version = "1.2";
    } else {
      cannot("1.2 is the oldest version of TLS that Roost speaks");
    }
  }

  bool take_limit(Option option) {
    switch (option) {
      case Option::max_inflight_messages:
        take_number("mqtt.max_inflight", 1, 65535, "65535");
        return true;
      case Option::max_queued_messages:
        take_number("mqtt.max_queued_messages", 1, UINT32_MAX, "4294967295");
        return true;
      case Option::max_queued_bytes:
        if (line_->value != "0") take_number("mqtt.max_queued_bytes", 1024, UINT64_MAX, "");
        return true;
      case Option::max_keepalive:
        take_number("mqtt.keep_alive_max", 0, 65535, "0");
        return true;
      case Option::max_topic_alias:
        take_number("mqtt.topic_alias_maximum", 0, 65535, "0");
        return true;
      case Option::max_packet_size:
        take_packet_size(0);
        return true;
      case Option::message_size_limit:
        take_packet_size(kRestOfPacket);
        return true;
      case Option::sys_interval:
        if (number()) set("mqtt.sys_interval", line_->value + "s");
        return true;
      case Option::persistent_client_expiration:
        take_expiration();
        return true;
      case Option::max_qos:
        if (line_->value != "2") cannot("QoS 2 is always offered; rules can't take it away");
        return true;
      default:
        return false;
    }
  }
  // `at_zero`: what 0, "no limit", is.
  void take_number(const char* path, std::uint64_t least, std::uint64_t most, const char* at_zero) {
    const auto value = number();
    if (!value) return;
    if (*value == 0) return set(path, at_zero, "0: no limit");
    const std::uint64_t taken = std::clamp(*value, least, most);
    if (taken != *value) remark(std::string(path) + " is " + std::to_string(taken) + " then");
    set(path, std::to_string(taken));
  }
  void take_packet_size(std::uint64_t more) {
    const auto value = number();
    if (!value) return;
    const std::uint64_t wanted = *value == 0 ? kPacketSizeMax : *value + more;
    const std::uint64_t taken = std::clamp(wanted, kPacketSizeMin, kPacketSizeMax);
    if (taken != wanted) remark("mqtt.max_packet_size is " + std::to_string(taken) + " then");
    set("mqtt.max_packet_size", std::to_string(taken),
        more > 0 ? "the payload, and room for topic and properties" : "");
  }
  // "14d": hours, days, weeks, months, years.
  void take_expiration() {
    static constexpr std::pair<char, std::uint64_t> kUnits[] = {
        {'h', 1}, {'d', 24}, {'w', 7 * 24}, {'m', 30 * 24}, {'y', 365 * 24}};
    const std::string& text = line_->value;
    const auto count =
        server::parse_number(std::string_view(text).substr(0, text.empty() ? 0 : text.size() - 1));
    for (const auto& [letter, hours] : kUnits) {
      if (!count || *count == 0 || text.back() != letter) continue;
      set("mqtt.persistent_session_expiry", std::to_string(*count * hours) + "h", text);
      return;
    }
    wrong("a number and h, d, w, m or y");
  }

  bool take_of_all(Option option) {
    switch (option) {
      case Option::per_listener_settings:
        return boolean(), true;
      case Option::persistence:
        if (!is(true)) {
          remark(
              "Roost keeps durable sessions and retained messages on disk in any case; with "
              "ack: memory on a listener nobody waits for it");
        }
        return true;
      case Option::persistence_location: {
        std::string folder = line_->value;
        while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
        set("data_dir", yaml_quoted(folder + "/roost"));
        return true;
      }
      case Option::log_type:
        take_log_type();
        return true;
      case Option::connection_messages:
        if (!is(true)) set("log.level", "warn", "leaves out who comes and goes");
        return true;
      default:
        return false;
    }
  }
  // The finest of those that are named.
  void take_log_type() {
    static constexpr std::pair<const char*, int> kTypes[] = {
        {"all", 0},         {"debug", 0},  {"websockets", 0}, {"internal", 0},
        {"information", 1}, {"notice", 1}, {"subscribe", 1},  {"unsubscribe", 1},
        {"warning", 2},     {"error", 3},  {"none", 3}};
    static constexpr const char* kLevels[] = {"debug", "info", "warn", "error"};
    const auto found = std::find_if(std::begin(kTypes), std::end(kTypes),
                                    [&](const auto& type) { return line_->value == type.first; });
    if (found == std::end(kTypes)) return wrong("a type of log line");
    log_level_ = std::min(log_level_, found->second);
    set("log.level", kLevels[log_level_]);
  }

  // Options where one value is what Roost does anyway.
  void take_as_it_is(const OptionRow& row) {
    const bool is_ours =
        row.option == Option::retain_available || row.option == Option::allow_zero_length_clientid;
    if (is(!is_ours)) cannot(row.text);
  }

  const ImportOptions& options_;
  Imported imported_;
  const ConfigLine* line_ = nullptr;
  std::string fault_;
  bool per_listener_ = false;
  ImportedListener default_;
  bool is_default_asked_ = false;
  int log_level_ = 3;
};

}  // namespace

Result<Imported> import_mosquitto(const ImportOptions& options) {
  const auto lines = read_mosquitto_lines(options.file);
  if (!lines) return Unexpected(lines.error());
  return Reader(options).run(*lines);
}

}  // namespace roost::cli
