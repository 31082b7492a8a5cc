// SPDX-License-Identifier: Apache-2.0
// Listeners that were read, as Roost can have them; and the YAML of all that was read.
#include <algorithm>
#include <string>
#include <string_view>

#include "broker/cli/import_mosquitto.h"

namespace roost::cli {

namespace {

bool has(const Imported& imported, std::string_view path) {
  return std::any_of(imported.settings.begin(), imported.settings.end(),
                     [&](const ImportedSetting& one) { return one.path == path; });
}

std::string name_of(const ImportedListener& listener) {
  return listener.unix_path.empty() ? "listener " + listener.port : "listener 0";
}

void finish_tls(Imported& imported, const ImportedListener& listener, ImportedTls& tls) {
  const auto cannot = [&](const char* text) {
    imported.impossible.push_back({listener.place, name_of(listener), text});
  };
  if (!tls.is_on()) {
    tls = {};
    return;
  }
  if (tls.user_is_common_name && !tls.requires_certificate) {
    cannot("use_identity_as_username needs require_certificate true");
    tls.user_is_common_name = false;
  }
  if (tls.requires_certificate && tls.ca.empty()) {
    // It stays: without the file the node refuses the settings, instead of letting anybody in.
    cannot("require_certificate needs the authorities in one file, as cafile; set tls.ca");
  }
  if (tls.requires_certificate) return;
  tls.ca.clear();
  tls.crl.clear();
}

// The files are for all listeners, also for those that had none.
void finish_files(Imported& imported, const ImportedListener& listener) {
  const auto cannot = [&](const char* text) {
    imported.impossible.push_back({listener.place, name_of(listener), text});
  };
  if (listener.password_file.empty() && has(imported, "auth.password_file")) {
    cannot("it has no password_file, another one has: here passwords are checked as well");
  }
  if (listener.acl_file.empty() && has(imported, "acl.mosquitto_file")) {
    cannot("it has no acl_file, another one has: here its rules hold as well");
  }
}

// --- YAML ---

void put(std::string& text, int depth, std::string_view name, std::string_view value) {
  text.append(static_cast<std::size_t>(depth), ' ');
  text += name;
  text += ": ";
  text += value;
  text += '\n';
}

void put_tls(std::string& text, const ImportedTls& tls) {
  text += "    tls:\n";
  put(text, 6, "cert", yaml_quoted(tls.certificate));
  put(text, 6, "key", yaml_quoted(tls.key));
  if (!tls.ca.empty()) put(text, 6, "ca", yaml_quoted(tls.ca));
  if (!tls.crl.empty()) put(text, 6, "crl", yaml_quoted(tls.crl));
  if (tls.requires_certificate) put(text, 6, "client_certificate", "required");
  if (tls.user_is_common_name) put(text, 6, "user", "\"%cn\"");
  if (!tls.min_version.empty()) put(text, 6, "min_version", yaml_quoted(tls.min_version));
  if (!tls.ciphers.empty()) put(text, 6, "ciphers", yaml_quoted(tls.ciphers));
}

void put_listener(std::string& text, const ImportedListener& listener) {
  if (listener.unix_path.empty()) {
    text += "  - port: " + listener.port + "\n";
    if (!listener.address.empty()) put(text, 4, "address", yaml_quoted(listener.address));
  } else {
    text += "  - unix: " + yaml_quoted(listener.unix_path) + "\n";
  }
  if (listener.is_websocket) put(text, 4, "protocol", "ws");
  if (listener.allow_anonymous) {
    put(text, 4, "allow_anonymous", *listener.allow_anonymous ? "true" : "false");
  }
  if (!listener.max_connections.empty()) put(text, 4, "max_connections", listener.max_connections);
  if (listener.tls.is_on()) put_tls(text, listener.tls);
}

void put_notes(std::string& text, const char* head, const std::vector<ImportNote>& notes) {
  if (notes.empty()) return;
  text += std::string("\n# ") + head + "\n";
  for (const ImportNote& note : notes) {
    text += "#   " + (note.place.empty() ? "" : note.place + ": ") + note.option + ": " +
            note.text + "\n";
  }
}

std::string_view group_of(std::string_view path) {
  const std::size_t dot = path.find('.');
  return dot == std::string_view::npos ? std::string_view() : path.substr(0, dot);
}

void put_setting(std::string& text, const ImportedSetting& setting, std::string_view& group) {
  const std::string_view own = group_of(setting.path);
  if (own != group || own.empty()) text += '\n';
  if (own != group && !own.empty()) text += std::string(own) + ":\n";
  group = own;
  std::string value = setting.value;
  if (!setting.why.empty()) value += "  # " + setting.why;
  put(text, own.empty() ? 0 : 2,
      std::string_view(setting.path).substr(own.empty() ? 0 : own.size() + 1), value);
}

}  // namespace

// Without a listener mosquitto serves its machine only, anybody there. Since 2.0 nobody is let in
// without a name where there is one.
void finish_listeners(Imported& imported, bool is_per_listener) {
  const bool is_local = imported.listeners.empty();
  if (is_local) imported.listeners.emplace_back().address = "127.0.0.1";
  for (ImportedListener& listener : imported.listeners) {
    finish_tls(imported, listener, listener.tls);
    if (is_per_listener && !is_local) finish_files(imported, listener);
    if (is_per_listener && !listener.allow_anonymous) listener.allow_anonymous = is_local;
  }
  if (!is_per_listener && !has(imported, "auth.allow_anonymous")) {
    imported.settings.push_back(
        {"auth.allow_anonymous", is_local ? "true" : "false", "mosquitto's default"});
  }
}

std::string yaml_quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

std::string import_yaml(const Imported& imported, const std::string& file) {
  std::string text = "# Made of " + file +
                     " by roost import. `roost serve --check --config` reads " +
                     "it and says\n# what is wrong; deploy/roost.yaml has every setting.\n";
  put_notes(text, "Not possible, so not in here:", imported.impossible);
  put_notes(text, "Not the same, or not needed:", imported.remarks);
  text += "\nlisteners:\n";
  for (const ImportedListener& listener : imported.listeners) put_listener(text, listener);
  text += bridges_yaml(imported.bridges);
  std::vector<ImportedSetting> settings = imported.settings;
  std::stable_sort(settings.begin(), settings.end(),
                   [](const ImportedSetting& a, const ImportedSetting& b) {
                     return group_of(a.path) < group_of(b.path);
                   });
  std::string_view group = "listeners";
  for (const ImportedSetting& setting : settings) put_setting(text, setting, group);
  return text;
}

}  // namespace roost::cli
