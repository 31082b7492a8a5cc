// SPDX-License-Identifier: Apache-2.0
// A mosquitto.conf as Roost's configuration: read with the files that it includes, translated as
// far as that goes, and written as YAML. What can't be translated is said, with file and line.
// Thread: own thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "broker/base/result.h"
#include "broker/cli/import_bridges.h"

namespace roost::cli {

struct ImportNote {
  std::string place;  // "mosquitto.conf:12"
  std::string option;
  std::string text;  // what is wrong, or what to do instead
};

struct ImportedTls {
  std::string certificate, key, ca, crl, ciphers, min_version;
  bool requires_certificate = false;
  bool user_is_common_name = false;

  bool is_on() const { return !certificate.empty() || !key.empty(); }
};

struct ImportedListener {
  std::string place;  // of its line; empty: the default listener
  std::string port = "1883";
  std::string address;    // empty: all
  std::string unix_path;  // not empty: instead of both
  bool is_websocket = false;
  std::string max_connections;  // empty: none
  std::optional<bool> allow_anonymous;
  std::string password_file, acl_file;  // under per_listener_settings
  ImportedTls tls;
};

// A setting of Roost's and its value as YAML writes it, in the order of the file.
struct ImportedSetting {
  std::string path;  // "mqtt.max_inflight"
  std::string value;
  std::string why;  // a comment; may be empty
};

struct Imported {
  std::vector<ImportedListener> listeners;
  std::vector<ImportedBridge> bridges;
  std::vector<ImportedSetting> settings;
  std::vector<ImportNote> impossible;  // what stays undone
  std::vector<ImportNote> remarks;     // what is another than it was, or not needed
};

struct ImportOptions {
  std::string file;
  std::optional<std::string> password_file, acl_file;  // instead of those that it names
};

// Errors: those of reading the file; invalid_argument: it can't be understood (place and why).
Result<Imported> import_mosquitto(const ImportOptions& options);

// What an option of a listener means together with its others, and with the other listeners.
void finish_listeners(Imported& imported, bool is_per_listener);

// In double quotes, as YAML wants it.
std::string yaml_quoted(const std::string& text);
// As roost.yaml, with comments.
std::string import_yaml(const Imported& imported, const std::string& file);

}  // namespace roost::cli
