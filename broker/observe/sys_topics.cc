// SPDX-License-Identifier: Apache-2.0
#include "broker/observe/sys_topics.h"

#include <cmath>
#include <cstdio>
#include <utility>

namespace roost::observe {

namespace {

constexpr std::array<double, 3> kWindowsS = {60, 300, 900};
constexpr std::array<const char*, 3> kWindowNames = {"1min", "5min", "15min"};

using Number = std::uint64_t SysNumbers::*;

// mosquitto's names, topics below $SYS/broker/. Some numbers have an older name too.
constexpr std::pair<const char*, Number> kNumbers[] = {
    {"clients/active", &SysNumbers::clients_connected},
    {"clients/connected", &SysNumbers::clients_connected},
    {"clients/inactive", &SysNumbers::clients_disconnected},
    {"clients/disconnected", &SysNumbers::clients_disconnected},
    {"clients/expired", &SysNumbers::clients_expired},
    {"clients/maximum", &SysNumbers::clients_maximum},
    {"messages/received", &SysNumbers::messages_received},
    {"messages/sent", &SysNumbers::messages_sent},
    {"messages/stored", &SysNumbers::stored_messages},
    {"store/messages/count", &SysNumbers::stored_messages},
    {"store/messages/bytes", &SysNumbers::stored_bytes},
    {"publish/messages/received", &SysNumbers::publish_received},
    {"publish/messages/sent", &SysNumbers::publish_sent},
    {"publish/messages/dropped", &SysNumbers::publish_dropped},
    {"publish/bytes/received", &SysNumbers::publish_bytes_received},
    {"publish/bytes/sent", &SysNumbers::publish_bytes_sent},
    {"bytes/received", &SysNumbers::bytes_received},
    {"bytes/sent", &SysNumbers::bytes_sent},
    {"subscriptions/count", &SysNumbers::subscriptions},
    {"shared_subscriptions/count", &SysNumbers::shared_subscriptions},
    {"retained messages/count", &SysNumbers::retained_messages},
    {"heap/current", &SysNumbers::heap_current},
    {"heap/maximum", &SysNumbers::heap_maximum},
};

constexpr std::pair<const char*, Number> kLoadNames[] = {
    {"messages/received", &SysNumbers::messages_received},
    {"messages/sent", &SysNumbers::messages_sent},
    {"publish/received", &SysNumbers::publish_received},
    {"publish/sent", &SysNumbers::publish_sent},
    {"publish/dropped", &SysNumbers::publish_dropped},
    {"bytes/received", &SysNumbers::bytes_received},
    {"bytes/sent", &SysNumbers::bytes_sent},
    {"connections", &SysNumbers::connections_received},
    {"sockets", &SysNumbers::sockets_opened},
};

std::string two_decimals(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.2f", value);
  return text;
}

}  // namespace

void LoadAverage::update(std::uint64_t total, double elapsed_s) {
  const double events = static_cast<double>(total - std::exchange(last_total_, total));
  if (elapsed_s <= 0) return;
  const double per_minute = events * 60.0 / elapsed_s;
  for (std::size_t i = 0; i < kWindowsS.size(); ++i) {
    const double weight = std::exp(-elapsed_s / kWindowsS[i]);
    average_[i] = per_minute + weight * (average_[i] - per_minute);
  }
}

SysTopics::SysTopics(std::string version) : version_(std::move(version)) {}

std::vector<SysTopic> SysTopics::update(const SysNumbers& numbers, SteadyMs now_ms) {
  std::vector<SysTopic> changed;
  put(changed, "version", version_);
  put(changed, "uptime", std::to_string(numbers.uptime_s) + " seconds");
  put(changed, "clients/total",
      std::to_string(numbers.clients_connected + numbers.clients_disconnected));
  for (const auto& [name, number] : kNumbers) put(changed, name, std::to_string(numbers.*number));
  const double elapsed_s = static_cast<double>(first_ ? 0 : now_ms - last_ms_) / 1000.0;
  put_loads(changed, numbers, elapsed_s);
  last_ms_ = now_ms;
  first_ = false;
  return changed;
}

void SysTopics::put_loads(std::vector<SysTopic>& changed, const SysNumbers& numbers,
                          double elapsed_s) {
  static_assert(std::size(kLoadNames) == kLoads);
  for (std::size_t i = 0; i < kLoads; ++i) {
    const auto& [name, number] = kLoadNames[i];
    loads_[i].update(numbers.*number, elapsed_s);
    for (std::size_t w = 0; w < kWindowNames.size(); ++w) {
      put(changed, std::string("load/") + name + "/" + kWindowNames[w],
          two_decimals(loads_[i].per_minute()[w]));
    }
  }
}

void SysTopics::put(std::vector<SysTopic>& changed, std::string topic, std::string value) {
  topic.insert(0, "$SYS/broker/");
  std::string& last = last_[topic];
  if (!first_ && last == value) return;
  last = value;
  changed.push_back({std::move(topic), std::move(value)});
}

}  // namespace roost::observe
