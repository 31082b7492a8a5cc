// SPDX-License-Identifier: Apache-2.0
// A bridge's life: attempts, connections, their ends.
#include "broker/outgoing/bridge.h"

#include <algorithm>
#include <array>
#include <utility>

#include "broker/base/hash.h"

namespace roost::outgoing {

namespace {

constexpr std::uint32_t kTickMs = 200;
// One that ran so long begins its back-off anew.
constexpr SteadyMs kSteadyMs = 10'000;

std::string token_of(const BridgeSettings& settings) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::uint64_t hash = hash64(settings.client_id + "@" + settings.remote.host + ":" +
                              std::to_string(settings.remote.port));
  std::string token;
  for (int i = 0; i < 16; ++i, hash >>= 4) token += kHex[hash & 15];
  return token;
}

}  // namespace

const char* name_of(BridgeState state) {
  constexpr std::array<const char*, 5> kNames = {"standby", "connecting", "joining", "running",
                                                 "waiting"};
  return kNames[static_cast<std::size_t>(state)];
}

Bridge::Bridge(client::Loop& loop, const Clock& clock, Log& log, Inside& inside,
               BridgeSettings settings)
    : loop_(loop),
      clock_(clock),
      log_(log),
      inside_(inside),
      settings_(std::move(settings)),
      rules_(settings_.topics),
      local_id_(std::string(Inside::kReserved) + "bridge/" + settings_.name),
      token_(token_of(settings_)),
      backoff_(settings_.retry_min_ms, settings_.retry_max_ms, std::random_device{}()) {
  status_.since_ms = clock.wall_ms();
}

Bridge::~Bridge() {
  loop_.cancel(timer_);
  if (connecting_) connecting_->close();
}

void Bridge::start() { tick(); }

void Bridge::stop() {
  loop_.cancel(timer_);
  hang_up();
  set_state(BridgeState::standby);
}

BridgeStatus Bridge::status() const {
  std::lock_guard lock(mutex_);
  return status_;
}

void Bridge::set_state(BridgeState state) {
  std::lock_guard lock(mutex_);
  if (status_.state == state) return;
  status_.state = state;
  status_.since_ms = clock_.wall_ms();
}

void Bridge::set_error(const std::string& why) {
  std::lock_guard lock(mutex_);
  status_.last_error = why;
}

void Bridge::log(LogLevel level, const std::string& line) {
  if (log_.enabled(level)) log_.write(level, "bridge " + settings_.name + ": " + line);
}

void Bridge::tick() {
  timer_ = loop_.after_ms(kTickMs, [this] { tick(); });
  left_ = std::exchange(leaving_, {});
  const SteadyMs now = clock_.steady_ms();
  const BridgeState state = status_.state;
  if (!inside_.leads(local_id_)) {
    holds_place_ = false;
    if (state == BridgeState::standby) return;
    hang_up();
    set_state(BridgeState::standby);
    return log(LogLevel::info, "another node's turn");
  }
  if (state == BridgeState::standby || (state == BridgeState::waiting && now >= deadline_ms_)) {
    return holds_place_ ? attempt() : hold_place();
  }
  if (state == BridgeState::waiting) return;
  if (!is_linked()) {
    if (now < deadline_ms_) return;
    return fail(state == BridgeState::joining ? "no session here in time"
                                              : "no answer of the remote in time");
  }
  if (now - linked_ms_ >= settings_.connect_timeout_ms) look_who_is_late();
  if (!is_linked()) return;
  if (now - linked_ms_ >= kSteadyMs) backoff_.reset();
  keep_alive(End::there);
  if (is_linked()) keep_alive(End::here);
}

void Bridge::keep_alive(End end) {
  Side& one = side(end);
  switch (one.keep_alive.look(*one.line, clock_.steady_ms())) {
    case KeepAlive::Due::nothing:
      return;
    case KeepAlive::Due::ping:
      return one.line->send(mqtt::Pingreq{});
    case KeepAlive::Due::give_up:
      return fail(end == End::there ? "the remote is silent" : "this node is silent");
  }
}

void Bridge::attempt() {
  counters_.attempts.fetch_add(1, std::memory_order_relaxed);
  set_state(BridgeState::connecting);
  deadline_ms_ = clock_.steady_ms() + settings_.connect_timeout_ms;
  connecting_ = client::make_stream(loop_, settings_.remote);
  connecting_->connect([this, stream = connecting_.get()](const std::string& problem) {
    if (connecting_.get() != stream) return;
    if (!problem.empty()) return fail(problem);
    on_connected(std::exchange(connecting_, nullptr));
  });
}

void Bridge::on_connected(std::shared_ptr<client::Stream> stream) {
  there_ = {};
  there_.version = settings_.version;
  there_.line = std::make_unique<PacketLine>(loop_, std::move(stream), settings_.version,
                                             static_cast<PacketLine::Events&>(*this));
  there_.line->start();
  say_hello();
}

void Bridge::fail(const std::string& why) {
  counters_.failures.fetch_add(1, std::memory_order_relaxed);
  hang_up();
  const std::uint32_t wait_ms = backoff_.next_ms();
  deadline_ms_ = clock_.steady_ms() + wait_ms;
  set_state(BridgeState::waiting);
  set_error(why);
  log(LogLevel::warn, why + "; again in " + std::to_string(wait_ms) + " ms");
}

// Both sides at once: what one didn't acknowledge comes again when both are there.
void Bridge::hang_up() {
  if (connecting_) std::exchange(connecting_, nullptr)->close();
  const bool was_running = status_.state == BridgeState::running;
  if (was_running && !there_.line->is_over()) say_state(false);
  open_here_.clear();
  held_.clear();
  held_bytes_ = 0;
  refused_.clear();
  for (Side* side : {&here_, &there_}) {
    if (!side->line) continue;
    if (side->is_open) side->line->send(mqtt::Disconnect{});
    side->line->finish();
    leaving_.push_back(std::move(side->line));
    *side = {};
  }
}

void Bridge::on_lost(PacketLine& line, const std::string& why) {
  if (here_.line.get() == &line) holds_place_ = false;
  fail((here_.line.get() == &line ? "the session here: " : "") + why);
}

void Bridge::on_room(PacketLine& line) {
  const bool is_here = here_.line.get() == &line;
  if (is_linked() && !side(is_here ? End::here : End::there).clearing) {
    side(is_here ? End::there : End::here).line->resume();
  }
}

}  // namespace roost::outgoing
