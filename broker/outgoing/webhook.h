// SPDX-License-Identifier: Apache-2.0
// One webhook: a client of this broker whose session is the durable queue of what is to be sent,
// and POSTs of it. A message is acknowledged when the service took the batch it was in, so that
// whatever dies, it comes again: at least once. The node that leads the session's shard runs it.
// Thread: own thread (its loop's); status() any thread.
// Owner: Ways.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/auth/web_caller.h"
#include "broker/base/clock.h"
#include "broker/base/log.h"
#include "broker/client/loop.h"
#include "broker/mqtt/packet.h"
#include "broker/outgoing/backoff.h"
#include "broker/outgoing/inside.h"
#include "broker/outgoing/keep_alive.h"
#include "broker/outgoing/packet_line.h"

namespace roost::outgoing {

// What the broker tells of its clients, each on a topic of its own.
enum class EventKind : std::uint8_t { client_connected, client_disconnected, session_expired };
inline constexpr std::size_t kEventKinds = 3;
std::optional<EventKind> event_kind_of(std::string_view name);  // "client.connected"
std::string_view name_of(EventKind kind);
std::string topic_of(EventKind kind);  // "$roost/events/client.connected"

struct WebhookSettings {
  std::string name;
  std::string url;
  std::vector<EventKind> events;
  std::vector<std::string> filters;
  std::string secret_file, headers_file;  // empty: none; read for each batch
  std::uint32_t batch_max = 100;          // events
  std::uint64_t batch_bytes = 512 * 1024;
  std::uint32_t batch_wait_ms = 200;
  std::uint32_t session_expiry_s = 0;
  std::uint32_t retry_min_ms = 1000, retry_max_ms = 60'000;
};

// running: its subscriptions stand.
enum class WebhookState : std::uint8_t { standby, joining, running, waiting };
const char* name_of(WebhookState state);

struct WebhookCounters {
  std::atomic<std::uint64_t> batches{0}, events{0};  // taken by the service
  std::atomic<std::uint64_t> failures{0};            // POSTs that weren't
  std::atomic<std::uint64_t> too_large{0};           // events given up: alone, and answered 413
  std::atomic<std::uint64_t> no_rule{0};             // messages of filters that were taken out
};

struct WebhookStatus {
  WebhookState state = WebhookState::standby;
  WallMs since_ms = 0;
  std::string last_error;  // empty: the last POST was taken
};

class Webhook final : private PacketLine::Events {
 public:
  // JSON of a message that isn't an event's.
  using Tell = std::function<std::string(const mqtt::Publish&)>;

  Webhook(client::Loop& loop, const Clock& clock, Log& log, Inside& inside, auth::WebCaller& web,
          Tell tell, WebhookSettings settings);
  ~Webhook();

  void start();
  void stop();

  const WebhookSettings& settings() const { return settings_; }
  const WebhookCounters& counters() const { return counters_; }
  WebhookStatus status() const;
  const std::string& local_id() const { return local_id_; }

 private:
  struct Event {
    std::string json;
    mqtt::PacketId id = 0;  // 0: QoS 0
  };
  // Sent, or about to be sent again as it is.
  struct Batch {
    std::size_t size = 0;  // in front of events_; 0: none
    std::string id;
    bool is_under_way = false;
    SteadyMs again_ms = 0;
  };

  void tick();
  void join();
  void leave(WebhookState state);
  void fail(const std::string& why);
  void on_packet(PacketLine& from, const mqtt::Packet& packet) override;
  void on_room(PacketLine&) override {}
  void on_lost(PacketLine& line, const std::string& why) override;
  void subscribe();
  void handle(const mqtt::Suback& suback);
  void take(const mqtt::Publish& message);
  bool is_wanted(std::string_view topic) const;
  void acknowledge(mqtt::PacketId id);  // 0: nothing to do

  void look();  // whether a batch is to be sent
  void send();
  Result<auth::WebRequest> request() const;
  void on_answer(const Result<auth::WebAnswer>& answer);
  void taken();
  void give_up();
  void set(WebhookState state);
  void set_error(std::string why);
  void log(LogLevel level, const std::string& line);

  client::Loop& loop_;
  const Clock& clock_;
  Log& log_;
  Inside& inside_;
  auth::WebCaller& web_;
  const Tell tell_;
  const WebhookSettings settings_;
  const std::string local_id_;
  WebhookCounters counters_;
  mutable std::mutex mutex_;
  WebhookStatus status_;  // guarded by mutex_; written by the loop's thread alone
  // Answers come on another thread and to a loop that may have ended with this.
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::unique_ptr<PacketLine> line_, leaving_;
  KeepAlive keep_alive_;
  bool is_open_ = false;          // CONNACK came
  std::uint64_t connection_ = 0;  // number; an answer of an older one's batch is nobody's
  std::deque<Event> events_;
  std::uint64_t bytes_ = 0;  // of events_
  std::size_t limit_ = 0;    // of events in a batch; smaller after 413
  SteadyMs first_ms_ = 0;    // the oldest of events_ came
  SteadyMs deadline_ms_ = 0;
  Batch batch_;
  Backoff join_backoff_, send_backoff_;
  client::Loop::TimerId timer_ = 0;
};

}  // namespace roost::outgoing
