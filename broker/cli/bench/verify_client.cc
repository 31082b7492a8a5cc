// SPDX-License-Identifier: Apache-2.0
#include "broker/cli/bench/verify_client.h"

#include <algorithm>

namespace roost::cli::bench {
namespace {
constexpr std::uint64_t kPauseFirstNs = 10'000'000;
constexpr std::uint64_t kPauseMostNs = 1'000'000'000;
constexpr std::uint64_t kAskNs = 1'000'000'000;  // silent for so long: PINGREQ
}  // namespace

VerifyClient::VerifyClient(Loop& loop, VerifyShared& shared, const std::string& kind,
                           std::uint32_t index)
    : Link(loop, shared.link, shared.name + "-" + kind + "-" + std::to_string(index)),
      shared_(shared),
      index_(index),
      target_(index % shared.targets.size()),
      pause_ns_(kPauseFirstNs) {}

void VerifyClient::step(std::uint64_t now_ns) {
  if (state() == LinkState::closed) {
    if (now_ns < retry_ns_) return;
    heard_ns_ = now_ns;
    is_pinged_ = false;
    open_at(shared_.targets[target_], false);
    return;
  }
  const std::uint64_t silent_ns = now_ns > heard_ns_ ? now_ns - heard_ns_ : 0;
  const auto patience_ns = static_cast<std::uint64_t>(shared_.options.silence_seconds * 1e9);
  if (silent_ns > patience_ns) {
    give_up(is_ready() ? "silent" : "no CONNACK");
  } else if (is_ready() && !is_pinged_ && silent_ns > std::min(kAskNs, patience_ns / 2)) {
    is_pinged_ = true;
    send(mqtt::Pingreq{});
  }
}

void VerifyClient::cut(std::uint64_t back_ns) {
  drop();
  ++shared_.cuts;
  retry_ns_ = back_ns;
}

void VerifyClient::on_ready(const mqtt::Connack& connack) {
  heard_ns_ = loop_.now_ns();
  pause_ns_ = kPauseFirstNs;
  if (!was_ready_) {
    was_ready_ = true;
    on_greeting(Greeting::first, connack);
  } else if (connack.session_present) {
    on_greeting(Greeting::resumed, connack);
  } else {
    shared_.ledger->on_session_gone(client_id());
    on_greeting(Greeting::forgotten, connack);
  }
}

void VerifyClient::on_frame(const mqtt::Frame& frame) {
  heard_ns_ = loop_.now_ns();
  is_pinged_ = false;
  on_packet(frame);
}

void VerifyClient::on_lost(std::string_view why) {
  if (!was_ready_) ++shared_.failures;
  ++shared_.lost_links;
  shared_.last_trouble = why;
  retry_ns_ = loop_.now_ns() + pause_ns_;
  pause_ns_ = std::min(2 * pause_ns_, kPauseMostNs);
  target_ = (target_ + 1) % shared_.targets.size();
}

void VerifyClient::give_up(std::string_view why) {
  drop();
  on_lost(why);
}

}  // namespace roost::cli::bench
