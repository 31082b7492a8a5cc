// SPDX-License-Identifier: Apache-2.0
#include "broker/server/ways.h"

#include <pthread.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <utility>

#include "broker/server/node.h"
#include "broker/server/time_text.h"
#include "broker/server/ways_check.h"
#include "broker/server/web_message.h"

namespace roost::server {

namespace {

namespace json = boost::json;

constexpr std::uint32_t kLookMs = 100;
constexpr std::uint32_t kGoodbyeMs = 100;  // for the last bytes

std::uint64_t value_of(const std::atomic<std::uint64_t>& counter) {
  return counter.load(std::memory_order_relaxed);
}

json::object json_of(const outgoing::BridgeCounters::Way& way) {
  return {{"messages", value_of(way.messages)},
          {"bytes", value_of(way.bytes)},
          {"dropped", json::object{{"no_rule", value_of(way.no_rule)},
                                   {"loop", value_of(way.loops)},
                                   {"too_large", value_of(way.too_large)},
                                   {"refused", value_of(way.refused)}}}};
}

json::object json_of(const outgoing::Bridge& bridge) {
  const outgoing::BridgeStatus status = bridge.status();
  const outgoing::BridgeSettings& settings = bridge.settings();
  json::object object = {
      {"name", settings.name},
      {"remote", settings.remote.host + ":" + std::to_string(settings.remote.port)},
      {"state", outgoing::name_of(status.state)},
      {"since", time_text(status.since_ms)},
      {"session", bridge.local_id()},
      {"attempts", value_of(bridge.counters().attempts)},
      {"failures", value_of(bridge.counters().failures)},
      {"out", json_of(bridge.counters().out)},
      {"in", json_of(bridge.counters().in)}};
  if (!status.last_error.empty()) object["last_error"] = status.last_error;
  return object;
}

json::object json_of(const outgoing::Webhook& hook) {
  const outgoing::WebhookStatus status = hook.status();
  json::object object = {{"name", hook.settings().name},
                         {"state", outgoing::name_of(status.state)},
                         {"since", time_text(status.since_ms)},
                         {"session", hook.local_id()},
                         {"batches", value_of(hook.counters().batches)},
                         {"events", value_of(hook.counters().events)},
                         {"failures", value_of(hook.counters().failures)},
                         {"too_large", value_of(hook.counters().too_large)},
                         {"no_rule", value_of(hook.counters().no_rule)}};
  if (!status.last_error.empty()) object["last_error"] = status.last_error;
  return object;
}

double as_double(const std::atomic<std::uint64_t>& counter) {
  return static_cast<double>(value_of(counter));
}

void add_way(observe::Metrics& metrics, const std::string& bridge, const char* direction,
             const outgoing::BridgeCounters::Way& way) {
  const observe::Labels labels = {{"bridge", bridge}, {"direction", direction}};
  metrics.add_counter(
      "roost_bridge_messages_total", "Messages handed over by a bridge.",
      [&way] { return as_double(way.messages); }, labels);
  metrics.add_counter(
      "roost_bridge_bytes_total", "Their payloads.", [&way] { return as_double(way.bytes); },
      labels);
  const std::pair<const char*, const std::atomic<std::uint64_t>*> causes[] = {
      {"no_rule", &way.no_rule},
      {"loop", &way.loops},
      {"too_large", &way.too_large},
      {"refused", &way.refused}};
  for (const auto& [cause, counter] : causes) {
    observe::Labels all = labels;
    all.emplace_back("cause", cause);
    metrics.add_counter(
        "roost_bridge_dropped_total",
        "Messages that a bridge didn't hand over, by cause: no topic of the "
        "settings has them, they went through it before, they are larger than the "
        "other side takes, or it refused them for good.",
        [counter = counter] { return as_double(*counter); }, std::move(all));
  }
}

std::string event_text(const mqtt::Publish& message) {
  json::object object = {{"type", "message"}};
  for (auto& member : server::json_of(message)) object[member.key()] = std::move(member.value());
  if (message.dup) object["dup"] = true;
  return json::serialize(object);
}

}  // namespace

Ways::Ways(Node& node, InsideDoor& door, Fleet& fleet) : node_(node), door_(door) {
  fleet.add("bridges", [this](const Fleet::Object&) -> Fleet::Told { return bridges_here(); });
  fleet.add("webhooks", [this](const Fleet::Object&) -> Fleet::Told { return webhooks_here(); });
}

Ways::~Ways() { stop(); }

Result<void> Ways::open() {
  for (const BridgeConfig& config : node_.config.bridges) {
    outgoing::BridgeSettings settings = settings_of(config);
    settings.topic_levels_max = node_.config.mqtt.max_topic_levels;
    settings.retained_payload_max = node_.config.mqtt.max_retained_payload;
    auto bridge = std::make_unique<outgoing::Bridge>(
        loop_, node_.clock, node_.log, static_cast<outgoing::Inside&>(*this), std::move(settings));
    seats_[bridge->local_id()].shard = shard_of(bridge->local_id(), node_.config.shards);
    bridges_.push_back(std::move(bridge));
  }
  for (const WebhookConfig& config : node_.config.webhooks) {
    http::OutboundSettings settings;
    settings.ca_file = config.ca_file;
    settings.timeout_ms = static_cast<std::uint32_t>(config.timeout_ms);
    settings.connections_max = 1;
    auto web = http::Outbound::open(settings);
    if (!web) {
      return error(web.error().kind, "webhook " + config.name + ": " + web.error().message);
    }
    auto hook = std::make_unique<outgoing::Webhook>(
        loop_, node_.clock, node_.log, static_cast<outgoing::Inside&>(*this), **web,
        [](const mqtt::Publish& message) { return event_text(message); }, settings_of(config));
    seats_[hook->local_id()].shard = shard_of(hook->local_id(), node_.config.shards);
    webs_.push_back(std::move(*web));
    webhooks_.push_back(std::move(hook));
  }
  return {};
}

void Ways::start() {
  if (seats_.empty()) return;
  loop_.post([this] {
    look_who_leads();
    for (const auto& bridge : bridges_) bridge->start();
    for (const auto& hook : webhooks_) hook->start();
  });
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "ways");
    loop_.run();
  });
}

void Ways::stop() {
  if (thread_.joinable()) {
    loop_.post([this] {
      for (const auto& bridge : bridges_) bridge->stop();
      for (const auto& hook : webhooks_) hook->stop();
      loop_.after_ms(kGoodbyeMs, [this] { loop_.stop(); });
    });
    thread_.join();
  }
  // Their answers come to the loop.
  for (const auto& web : webs_) web->stop();
}

void Ways::look_who_leads() {
  for (const auto& [client_id, seat] : seats_) {
    NodeCore& home = *node_.on_core[node_.cores.of(seat.shard).id().value];
    home.sessions.core().post([&sessions = home.sessions, shard = seat.shard, to = seat.is_ours] {
      to->store(sessions.leads(shard), std::memory_order_relaxed);
    });
  }
  loop_.after_ms(kLookMs, [this] { look_who_leads(); });
}

bool Ways::leads(const std::string& client_id) const {
  return door_.is_open() && seats_.at(client_id).is_ours->load(std::memory_order_relaxed);
}

Result<int> Ways::connect() {
  if (!door_.is_open()) return error(ErrorKind::unavailable, "this node doesn't serve yet");
  auto end = door_.connect(next_core_++ % door_.node_cores());
  if (!end) return Unexpected(end.error());
  return std::exchange(end->fd, -1);
}

json::value Ways::bridges_here() const {
  json::array all;
  for (const auto& bridge : bridges_) all.push_back(json_of(*bridge));
  return all;
}

json::value Ways::webhooks_here() const {
  json::array all;
  for (const auto& hook : webhooks_) all.push_back(json_of(*hook));
  return all;
}

void Ways::add_metrics(observe::Metrics& metrics) const {
  using outgoing::Bridge;
  for (const auto& bridge : bridges_) {
    const Bridge* const one = bridge.get();
    const observe::Labels name = {{"bridge", one->settings().name}};
    metrics.add_gauge(
        "roost_bridge_connected", "1 where this node runs the bridge, and it is.",
        [one] { return one->status().state == outgoing::BridgeState::running; }, name);
    metrics.add_counter(
        "roost_bridge_connects_total", "Attempts to connect to the remote.",
        [one] { return as_double(one->counters().attempts); }, name);
    metrics.add_counter(
        "roost_bridge_failures_total", "Attempts that failed, and connections that were lost.",
        [one] { return as_double(one->counters().failures); }, name);
    for (const bool is_out : {true, false}) {
      const auto* const way = is_out ? &one->counters().out : &one->counters().in;
      add_way(metrics, one->settings().name, is_out ? "out" : "in", *way);
    }
  }
  for (const auto& hook : webhooks_) {
    const outgoing::Webhook* const one = hook.get();
    const observe::Labels name = {{"webhook", one->settings().name}};
    metrics.add_gauge(
        "roost_webhook_running", "1 where this node runs the webhook.",
        [one] { return one->status().state == outgoing::WebhookState::running; }, name);
    metrics.add_counter(
        "roost_webhook_batches_total", "Batches that the service took.",
        [one] { return as_double(one->counters().batches); }, name);
    metrics.add_counter(
        "roost_webhook_events_total", "Events in them.",
        [one] { return as_double(one->counters().events); }, name);
    metrics.add_counter(
        "roost_webhook_failures_total", "POSTs that it didn't take.",
        [one] { return as_double(one->counters().failures); }, name);
    metrics.add_counter(
        "roost_webhook_too_large_total", "Events given up, for they are answered 413 alone.",
        [one] { return as_double(one->counters().too_large); }, name);
    metrics.add_counter(
        "roost_webhook_no_rule_total",
        "Messages acknowledged and not sent: its filters don't have them any more.",
        [one] { return as_double(one->counters().no_rule); }, name);
  }
}

}  // namespace roost::server
