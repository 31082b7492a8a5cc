// SPDX-License-Identifier: Apache-2.0
#include "broker/server/trace_hub.h"

#include <algorithm>
#include <array>
#include <utility>

#include "broker/base/glob.h"
#include "broker/mqtt/reason_code.h"
#include "broker/mqtt/topic.h"
#include "broker/net/peer_info.h"
#include "broker/session/link.h"

namespace roost::server {

namespace {

using session::TraceEvent;

constexpr std::array<const char*, 16> kNames = {"RESERVED",  "CONNECT",  "CONNACK",     "PUBLISH",
                                                "PUBACK",    "PUBREC",   "PUBREL",      "PUBCOMP",
                                                "SUBSCRIBE", "SUBACK",   "UNSUBSCRIBE", "UNSUBACK",
                                                "PINGREQ",   "PINGRESP", "DISCONNECT",  "AUTH"};

std::string host_of(const TraceEvent& event) {
  if (event.link == nullptr) return {};
  session::ClientFacts facts;
  event.link->describe(facts);
  return facts.is_relayed ? facts.address : std::string(net::host_of(facts.address));
}

bool is_wanted(const TraceWish& wish, const TraceEvent& event) {
  if (!wish.client_id.empty() && !base::glob_matches(wish.client_id, event.client_id)) {
    return false;
  }
  if (!wish.topic.empty() && (event.type != mqtt::PacketType::publish || event.topic.empty() ||
                              !mqtt::matches(wish.topic, event.topic))) {
    return false;
  }
  return wish.address.empty() || host_of(event) == wish.address;
}

}  // namespace

std::string trace_text(const TraceEvent& event) {
  if (event.way == TraceEvent::Way::note) return "-- " + std::string(event.text);
  std::string text = event.way == TraceEvent::Way::in ? "<- " : "-> ";
  text += kNames[static_cast<std::size_t>(event.type) & 15];
  if (!event.topic.empty()) text += " " + std::string(event.topic);
  if (event.type == mqtt::PacketType::publish) {
    text += ", QoS " + std::to_string(static_cast<int>(event.qos));
    if (event.retain) text += ", retain";
    if (event.dup) text += ", DUP";
    text += ", " + std::to_string(event.bytes) + " bytes";
  } else if (event.bytes > 1) {
    text += " and " + std::to_string(event.bytes - 1) + " more";
  }
  if (event.packet_id != 0) text += ", id " + std::to_string(event.packet_id);
  if (event.reason != mqtt::ReasonCode::success) {
    text += ", " + std::string(mqtt::name(event.reason));
  }
  if (!event.text.empty()) text += ", " + std::string(event.text);
  return text;
}

Result<void> TraceHub::begin(const std::string& name, TraceWish wish) {
  if (wish.for_s < 1 || wish.for_s > kForMaxS) {
    return error(ErrorKind::invalid_argument, "for_s is " + std::to_string(wish.for_s) +
                                                  "; allowed are 1 to " + std::to_string(kForMaxS));
  }
  const SteadyMs now_ms = clock_.steady_ms();
  const std::lock_guard lock(mutex_);
  // Who is over keeps its lines for a while.
  std::erase_if(traces_, [&](const auto& one) {
    return one.first == name || now_ms >= one.second.until_ms + kForMaxS * 1000;
  });
  if (!make_room(now_ms)) {
    ++refused_;
    return error(ErrorKind::resource_exhausted,
                 std::to_string(kTracesMax) + " traces are under way already");
  }
  Trace trace;
  trace.until_ms = now_ms + wish.for_s * 1000;
  trace.wish = std::move(wish);
  traces_.emplace(name, std::move(trace));
  turn(true);
  return {};
}

// Whether there is room for one more: of those that are over, the oldest goes for it.
// Requires: locked.
bool TraceHub::make_room(SteadyMs now_ms) {
  if (traces_.size() < kTracesMax) return true;
  const auto oldest = std::min_element(
      traces_.begin(), traces_.end(),
      [](const auto& a, const auto& b) { return a.second.until_ms < b.second.until_ms; });
  if (now_ms < oldest->second.until_ms) return false;
  traces_.erase(oldest);
  return true;
}

// Requires: locked.
void TraceHub::turn(bool is_on) {
  if (std::exchange(is_on_, is_on) != is_on) changed_(is_on);
}

void TraceHub::end(const std::string& name) {
  const std::lock_guard lock(mutex_);
  traces_.erase(name);
  if (traces_.empty()) turn(false);
}

TraceHub::Fetched TraceHub::fetch(const std::string& name, std::size_t max) {
  Fetched fetched;
  const std::lock_guard lock(mutex_);
  const auto at = traces_.find(name);
  if (at == traces_.end()) {
    fetched.is_over = true;
    return fetched;
  }
  Trace& trace = at->second;
  while (!trace.lines.empty() && fetched.lines.size() < max) {
    fetched.lines.push_back(std::move(trace.lines.front()));
    trace.lines.pop_front();
  }
  fetched.lost = std::exchange(trace.lost, 0);
  fetched.is_over = trace.lines.empty() && clock_.steady_ms() >= trace.until_ms;
  return fetched;
}

void TraceHub::on_event(const TraceEvent& event) {
  const SteadyMs now_ms = clock_.steady_ms();
  const std::lock_guard lock(mutex_);
  bool is_on = false;
  for (auto& [name, trace] : traces_) {
    if (now_ms >= trace.until_ms) continue;
    is_on = true;
    if (!is_wanted(trace.wish, event)) continue;
    if (trace.lines.size() >= kLinesMax) {
      ++trace.lost;
      ++lines_lost_;
      continue;
    }
    trace.lines.push_back(
        {++trace.last, clock_.wall_ms(), std::string(event.client_id), trace_text(event)});
  }
  if (!is_on) turn(false);  // their time is over
}

}  // namespace roost::server
