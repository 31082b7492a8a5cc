// SPDX-License-Identifier: Apache-2.0
#include "broker/outgoing/webhook.h"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <utility>

#include "broker/base/check.h"
#include "broker/mqtt/topic.h"

namespace roost::outgoing {

using mqtt::PropertyId;
using mqtt::Qos;

namespace {

constexpr std::uint32_t kTickMs = 20;
constexpr std::uint32_t kRetryAfterMaxS = 3600;
constexpr std::uint32_t kJoinTimeoutMs = 10'000;
constexpr mqtt::PacketId kSubscribeId = 65'535, kUnsubscribeId = 65'534;
// Bytes of events in memory, in batches; what is more waits in the session.
constexpr std::size_t kBatchesAhead = 4;
constexpr std::string_view kEventTopics = "$roost/events/";
constexpr std::array<std::string_view, kEventKinds> kEvents = {
    "client.connected", "client.disconnected", "session.expired"};

std::string random_id() {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::array<unsigned char, 16> bytes{};
  CHECK(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1);
  std::string id = "msg_";
  for (const unsigned char byte : bytes) {
    id += kHex[byte >> 4];
    id += kHex[byte & 15];
  }
  return id;
}

}  // namespace

std::optional<EventKind> event_kind_of(std::string_view name) {
  const auto* const found = std::find(kEvents.begin(), kEvents.end(), name);
  if (found == kEvents.end()) return std::nullopt;
  return static_cast<EventKind>(found - kEvents.begin());
}

std::string_view name_of(EventKind kind) { return kEvents[static_cast<std::size_t>(kind)]; }

std::string topic_of(EventKind kind) {
  return std::string(kEventTopics) + std::string(name_of(kind));
}

const char* name_of(WebhookState state) {
  constexpr std::array<const char*, 4> kNames = {"standby", "joining", "running", "waiting"};
  return kNames[static_cast<std::size_t>(state)];
}

Webhook::Webhook(client::Loop& loop, const Clock& clock, Log& log, Inside& inside,
                 auth::WebCaller& web, Tell tell, WebhookSettings settings)
    : loop_(loop),
      clock_(clock),
      log_(log),
      inside_(inside),
      web_(web),
      tell_(std::move(tell)),
      settings_(std::move(settings)),
      local_id_(std::string(Inside::kReserved) + "webhook/" + settings_.name),
      limit_(settings_.batch_max),
      join_backoff_(200, 5'000, std::random_device{}()),
      send_backoff_(settings_.retry_min_ms, settings_.retry_max_ms, std::random_device{}()) {
  status_.since_ms = clock.wall_ms();
}

Webhook::~Webhook() {
  loop_.cancel(timer_);
  *alive_ = false;
}

void Webhook::start() { tick(); }

void Webhook::stop() {
  loop_.cancel(timer_);
  leave(WebhookState::standby);
}

WebhookStatus Webhook::status() const {
  std::lock_guard lock(mutex_);
  return status_;
}

void Webhook::set(WebhookState state) {
  std::lock_guard lock(mutex_);
  if (status_.state == state) return;
  status_.state = state;
  status_.since_ms = clock_.wall_ms();
}

void Webhook::set_error(std::string why) {
  std::lock_guard lock(mutex_);
  status_.last_error = std::move(why);
}

void Webhook::log(LogLevel level, const std::string& line) {
  if (log_.enabled(level)) log_.write(level, "webhook " + settings_.name + ": " + line);
}

void Webhook::tick() {
  timer_ = loop_.after_ms(kTickMs, [this] { tick(); });
  const SteadyMs now = clock_.steady_ms();
  const WebhookState state = status_.state;
  if (!inside_.leads(local_id_)) {
    if (state != WebhookState::standby) leave(WebhookState::standby);
    return;
  }
  if (state == WebhookState::standby) return join();
  if (now >= deadline_ms_ && state == WebhookState::waiting) return join();
  if (state == WebhookState::waiting) return;
  if (!is_open_) {
    if (now >= deadline_ms_) fail("no session here in time");
    return;
  }
  const KeepAlive::Due due = keep_alive_.look(*line_, now);
  if (due == KeepAlive::Due::give_up) return fail("this node is silent");
  if (due == KeepAlive::Due::ping) line_->send(mqtt::Pingreq{});
  look();
}

void Webhook::join() {
  const auto fd = inside_.connect();
  if (!fd) return fail(fd.error().message);
  set(WebhookState::joining);
  deadline_ms_ = clock_.steady_ms() + kJoinTimeoutMs;
  ++connection_;
  line_ = std::make_unique<PacketLine>(loop_, client::adopt_stream(loop_, *fd),
                                       mqtt::ProtocolVersion::v5,
                                       static_cast<PacketLine::Events&>(*this));
  line_->start();
  mqtt::Connect connect;
  connect.version = mqtt::ProtocolVersion::v5;
  connect.client_id = local_id_;
  connect.clean_start = false;
  connect.properties.session_expiry_interval_s = settings_.session_expiry_s;
  connect.properties.mark(PropertyId::session_expiry_interval);
  // One batch under way, and the next one that comes together.
  connect.properties.receive_maximum = static_cast<std::uint16_t>(2 * settings_.batch_max);
  connect.properties.mark(PropertyId::receive_maximum);
  line_->send(connect);
}

// What wasn't acknowledged comes again.
void Webhook::leave(WebhookState state) {
  if (line_) {
    if (is_open_) line_->send(mqtt::Disconnect{});
    line_->finish();
    leaving_ = std::move(line_);
  }
  ++connection_;
  is_open_ = false;
  events_.clear();
  bytes_ = 0;
  batch_ = {};
  set(state);
}

void Webhook::fail(const std::string& why) {
  leave(WebhookState::waiting);
  const std::uint32_t wait_ms = join_backoff_.next_ms();
  deadline_ms_ = clock_.steady_ms() + wait_ms;
  set_error(why);
  log(LogLevel::warn, why + "; again in " + std::to_string(wait_ms) + " ms");
}

void Webhook::on_lost(PacketLine&, const std::string& why) { fail("the session here: " + why); }

void Webhook::on_packet(PacketLine&, const mqtt::Packet& packet) {
  if (const auto* const message = std::get_if<mqtt::Publish>(&packet)) return take(*message);
  if (const auto* const bye = std::get_if<mqtt::Disconnect>(&packet)) {
    return fail("the session here was ended: " + std::string(mqtt::name(bye->reason)));
  }
  if (const auto* const suback = std::get_if<mqtt::Suback>(&packet)) return handle(*suback);
  const auto* const connack = std::get_if<mqtt::Connack>(&packet);
  if (connack == nullptr) return;
  if (mqtt::is_error(connack->reason)) {
    return fail("the session here: " + std::string(mqtt::name(connack->reason)));
  }
  keep_alive_.begin(connack->properties.server_keep_alive_s * 1000U, clock_.steady_ms());
  is_open_ = true;
  subscribe();
}

// From here on nothing that is published is missed; before, "runs" would say too much. What waited
// for older subscriptions goes out meanwhile.
void Webhook::handle(const mqtt::Suback& suback) {
  for (std::size_t i = 0; i < suback.reasons.size(); ++i) {
    if (!mqtt::is_error(suback.reasons[i])) continue;
    return fail("this node refuses filter " + std::to_string(i) + ": " +
                std::string(mqtt::name(suback.reasons[i])));
  }
  join_backoff_.reset();
  set_error("");
  set(WebhookState::running);
}

// What the settings don't want any more is known of events alone.
void Webhook::subscribe() {
  std::array<std::string, kEventKinds> topics;
  mqtt::Subscribe wanted;
  wanted.packet_id = kSubscribeId;
  mqtt::Unsubscribe unwanted;
  unwanted.packet_id = kUnsubscribeId;
  const auto want = [&](std::string_view filter) {
    mqtt::SubscribeEntry& entry = wanted.entries.emplace_back();
    entry.filter = filter;
    entry.options.qos = Qos::at_least_once;
    entry.options.retain_as_published = true;
    entry.options.retain_handling = mqtt::RetainHandling::do_not_send;
  };
  for (std::size_t i = 0; i < kEventKinds; ++i) {
    const auto kind = static_cast<EventKind>(i);
    topics[i] = topic_of(kind);
    const auto& events = settings_.events;
    if (std::find(events.begin(), events.end(), kind) != events.end()) {
      want(topics[i]);
    } else {
      unwanted.filters.push_back(topics[i]);
    }
  }
  for (const std::string& filter : settings_.filters) want(filter);
  line_->send(wanted);
  if (!unwanted.filters.empty()) line_->send(unwanted);
}

void Webhook::take(const mqtt::Publish& message) {
  if (!is_wanted(message.topic)) {
    counters_.no_rule.fetch_add(1, std::memory_order_relaxed);
    return acknowledge(message.packet_id);
  }
  Event event;
  event.id = message.packet_id;
  // The broker's own are JSON already.
  event.json = message.topic.starts_with(kEventTopics) ? std::string(as_text(message.payload))
                                                       : tell_(message);
  if (events_.empty()) first_ms_ = clock_.steady_ms();
  bytes_ += event.json.size();
  events_.push_back(std::move(event));
  const bool is_many = events_.size() >= 2 * std::size_t{settings_.batch_max};
  if ((message.qos == Qos::at_most_once && is_many) ||
      bytes_ >= kBatchesAhead * settings_.batch_bytes) {
    line_->pause();
  }
}

bool Webhook::is_wanted(std::string_view topic) const {
  if (topic.starts_with(kEventTopics)) return true;
  return std::any_of(settings_.filters.begin(), settings_.filters.end(),
                     [&](const std::string& filter) { return mqtt::matches(filter, topic); });
}

void Webhook::look() {
  if (events_.empty() || batch_.is_under_way) return;
  const SteadyMs now = clock_.steady_ms();
  if (batch_.size != 0) {
    if (now >= batch_.again_ms) send();
    return;
  }
  const bool is_full = events_.size() >= limit_ || bytes_ >= settings_.batch_bytes;
  if (!is_full && now - first_ms_ < settings_.batch_wait_ms) return;
  std::size_t bytes = 0;
  while (batch_.size < std::min(events_.size(), limit_)) {
    bytes += events_[batch_.size].json.size();
    if (batch_.size > 0 && bytes > settings_.batch_bytes) break;
    ++batch_.size;
  }
  batch_.id = random_id();
  send();
}

void Webhook::send() {
  auto made = request();
  if (!made) return on_answer(Unexpected(std::move(made).error()));
  batch_.is_under_way = true;
  web_.send(*std::move(made), [this, alive = alive_, &loop = loop_,
                               connection = connection_](Result<auth::WebAnswer> answer) {
    loop.post([this, alive, connection, answer = std::move(answer)] {
      if (*alive && connection == connection_) on_answer(answer);
    });
  });
}

void Webhook::on_answer(const Result<auth::WebAnswer>& answer) {
  batch_.is_under_way = false;
  if (answer && answer->status / 100 == 2) {
    counters_.batches.fetch_add(1, std::memory_order_relaxed);
    counters_.events.fetch_add(batch_.size, std::memory_order_relaxed);
    set_error("");
    return taken();
  }
  counters_.failures.fetch_add(1, std::memory_order_relaxed);
  if (answer && answer->status == 413) {
    if (batch_.size == 1) return give_up();
    limit_ = batch_.size / 2;
    batch_ = {};
    return look();
  }
  const std::string why =
      answer ? "the service answers " + std::to_string(answer->status) : answer.error().message;
  std::uint32_t wait_ms = send_backoff_.next_ms();
  if (answer) wait_ms = std::max(wait_ms, std::min(answer->retry_after_s, kRetryAfterMaxS) * 1000);
  batch_.again_ms = clock_.steady_ms() + wait_ms;
  set_error(why);
  log(LogLevel::warn, why + "; again in " + std::to_string(wait_ms) + " ms");
}

void Webhook::taken() {
  send_backoff_.reset();
  limit_ = std::min<std::size_t>(limit_ * 2, settings_.batch_max);
  for (; batch_.size > 0; --batch_.size) {
    acknowledge(events_.front().id);
    bytes_ -= events_.front().json.size();
    events_.pop_front();
  }
  first_ms_ = clock_.steady_ms();
  batch_ = {};
  line_->resume();
  look();
}

void Webhook::acknowledge(mqtt::PacketId id) {
  if (id == 0) return;
  mqtt::Ack ack;
  ack.packet_id = id;
  line_->send(ack);
}

void Webhook::give_up() {
  counters_.too_large.fetch_add(1, std::memory_order_relaxed);
  log(LogLevel::warn, "the service takes no body of " +
                          std::to_string(events_.front().json.size()) +
                          " bytes (413); the event is dropped");
  taken();
}

}  // namespace roost::outgoing
