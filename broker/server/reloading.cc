// SPDX-License-Identifier: Apache-2.0
#include "broker/server/reloading.h"

#include <algorithm>
#include <utility>

#include "broker/server/node.h"

namespace roost::server {

namespace {

Reloadable tls_of(net::Listener& listener) {
  const net::TlsSettings& tls = *listener.settings().tls;
  Reloadable one{
      "TLS of listener " + listener.settings().name, {}, [&listener] { return listener.reload(); }};
  for (const std::string& file : {tls.certificate_file, tls.key_file, tls.ca_file, tls.crl_file}) {
    if (!file.empty()) one.files.push_back(file);
  }
  return one;
}

std::vector<Reloadable> reloadables_of(Node& node) {
  std::vector<Reloadable> all = node.auth->reloadables([&node](const auth::RulesPtr& rules) {
    for (const auto& one : node.on_core) {
      one->sessions.core().post([&gates = one->gates, rules] { gates.use(rules); });
    }
  });
  for (const auto& listener : node.listeners) {
    if (listener->settings().tls != nullptr) all.push_back(tls_of(*listener));
  }
  return all;
}

std::vector<std::string> files_of(const std::vector<Reloadable>& all) {
  std::vector<std::string> files;
  for (const Reloadable& one : all) {
    files.insert(files.end(), one.files.begin(), one.files.end());
  }
  return files;
}

}  // namespace

Reloading::Reloading(Node& node) : node_(node), all_(reloadables_of(node)), watch_(files_of(all_)) {
  look_at_certificates();
}

// Once a day, in words that can be acted on.
void Reloading::look_at_certificates() {
  constexpr std::int64_t kDayS = 86'400, kSoonS = 14 * kDayS;
  const std::int64_t now_s = node_.clock.wall_ms() / 1000;
  if (now_s < certificates_seen_s_ + kDayS) return;
  certificates_seen_s_ = now_s;
  for (const auto& listener : node_.listeners) {
    if (listener->settings().tls == nullptr) continue;
    const std::int64_t left_s = listener->certificate_expires_at_s() - now_s;
    if (left_s > kSoonS) continue;
    const std::string& file = listener->settings().tls->certificate_file;
    const std::string when = left_s <= 0 ? "has expired: clients refuse it"
                                         : "expires in " + std::to_string(left_s / kDayS) + " days";
    node_.log.write(left_s <= 0 ? LogLevel::error : LogLevel::warn,
                    "the certificate " + file + " of listener " + listener->settings().name + " " +
                        when + "; renew it, the new file is taken without a restart");
  }
}

void Reloading::add(std::vector<Reloadable> more) {
  for (Reloadable& one : more) all_.push_back(std::move(one));
  watch_ = base::FileWatch(files_of(all_));
}

void Reloading::reload_all() {
  for (const Reloadable& one : all_) reload(one);
}

void Reloading::reload_changed() {
  look_at_certificates();
  const std::vector<std::string> changed = watch_.look();
  if (changed.empty()) return;
  const auto has_changed = [&](const std::string& file) {
    return std::find(changed.begin(), changed.end(), file) != changed.end();
  };
  for (const Reloadable& one : all_) {
    if (std::any_of(one.files.begin(), one.files.end(), has_changed)) reload(one);
  }
}

void Reloading::reload(const Reloadable& one) {
  const auto reloaded = one.reload();
  (reloaded ? done_ : failed_).add();
  if (reloaded) {
    certificates_seen_s_ = 0;
    node_.log.write(LogLevel::info, "reloaded " + one.what);
  } else {
    node_.log.write(LogLevel::error,
                    "can't reload " + one.what + ", the old goes on: " + reloaded.error().message);
  }
}

void Reloading::add_metrics(observe::Metrics& metrics) const {
  const auto add = [&](const char* result, const Counter& counter) {
    metrics.add_counter("roost_reloads_total", "Passwords, rules and certificates read again.",
                        [&counter] { return static_cast<double>(counter.value()); },
                        {{"result", result}});
  };
  add("done", done_);
  add("failed", failed_);
  for (const auto& listener : node_.listeners) {
    if (listener->settings().tls == nullptr) continue;
    metrics.add_gauge("roost_tls_certificate_expires_seconds",
                      "When the listener's certificate expires, as Unix time.",
                      [&listener = *listener] {
                        return static_cast<double>(listener.certificate_expires_at_s());
                      },
                      {{"listener", listener->settings().name}});
  }
}

}  // namespace roost::server
