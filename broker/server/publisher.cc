// SPDX-License-Identifier: Apache-2.0
#include "broker/server/publisher.h"

#include <algorithm>
#include <deque>
#include <future>
#include <utility>

#include "broker/base/hash.h"
#include "broker/mqtt/encode.h"
#include "broker/session/reserved_topic.h"

namespace roost::server {

using Kind = PublishOutcome::Kind;
using mqtt::Qos;
using mqtt::ReasonCode;

namespace {

// Acknowledgements leave in order: a message that can't be stored holds up those behind it on its
// line, which has a share of the topics, and no others.
constexpr std::size_t kLinesACore = 8;
// The publisher subscribes to nothing.
constexpr std::uint16_t kReceiveMaximum = 1;

void count(std::atomic<std::uint64_t>& counter) { counter.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

// What one caller wants published together. Lives as long as something refers to one of its
// messages.
class Publisher::Request final : public core::Timer, public std::enable_shared_from_this<Request> {
 public:
  Request(Publisher& publisher, std::vector<WebMessage> all, Told told,
          std::function<void(const PublishOutcomes&)> late_told)
      : messages(std::move(all)),
        publisher_(publisher),
        outcomes_(messages.size()),
        waiting_(messages.size()),
        told_(std::move(told)),
        late_told_(std::move(late_told)) {}

  bool is_known(std::size_t index) const { return outcomes_[index].kind != Kind::waiting; }
  void settle(std::size_t index, Kind kind, ReasonCode reason = ReasonCode::success);

  std::vector<WebMessage> messages;

 private:
  void on_timer() override;

  Publisher& publisher_;
  PublishOutcomes outcomes_;
  std::size_t waiting_;  // messages without an outcome
  Told told_;            // null: it was
  std::function<void(const PublishOutcomes&)> late_told_;
};

// A kept connection to one core of the node, and what waits for it.
class Publisher::Line final : public InsideClient::Events {
 public:
  Line(Publisher& publisher, std::size_t node_core)
      : publisher_(publisher), node_core_(node_core) {}

  void add(const RequestPtr& request, std::size_t index);
  void flush() { send_waiting(); }
  // Nothing of the request leaves any more.
  void drop(const Request& request);
  void stop();

 private:
  struct Entry {
    RequestPtr request;
    std::size_t index = 0;
  };
  void on_open() override;
  void on_room() override { send_waiting(); }
  void on_published(std::uint64_t ticket, ReasonCode reason) override;
  void on_lost(ReasonCode reason, const std::string& why) override;

  void open();
  void send_waiting();
  void send(const Entry& entry);
  void drop_waiting();

  Publisher& publisher_;
  const std::size_t node_core_;
  std::unique_ptr<InsideClient> client_;  // null: none is needed, or the last one was lost
  bool was_open_ = false;
  std::deque<Entry> waiting_;
  std::uint64_t last_ticket_ = 0;
  std::unordered_map<std::uint64_t, Entry> sent_;  // QoS 1 and 2, by ticket
};

void Publisher::Request::settle(std::size_t index, Kind kind, ReasonCode reason) {
  if (is_known(index)) return;
  outcomes_[index] = {kind, reason};
  PublisherCounters& counters = publisher_.counters_;
  const bool is_refused = kind == Kind::answered && mqtt::is_error(reason);
  count(is_refused               ? counters.refused
        : kind == Kind::answered ? counters.accepted
        : kind == Kind::not_sent ? counters.not_sent
                                 : counters.unknown);
  if (--waiting_ > 0) return;
  publisher_.door_.core().timers().cancel(*this);
  if (const Told told = std::exchange(told_, nullptr)) {
    told(outcomes_, false);
  } else {
    late_told_(outcomes_);
  }
}

void Publisher::Request::on_timer() {
  const RequestPtr keep = shared_from_this();
  for (const auto& line : publisher_.lines_) line->drop(*this);
  if (waiting_ == 0) return;
  count(publisher_.counters_.timeouts);
  if (const Told told = std::exchange(told_, nullptr)) told(outcomes_, true);
}

void Publisher::Line::add(const RequestPtr& request, std::size_t index) {
  waiting_.push_back({request, index});
  if (client_ == nullptr) open();
}

void Publisher::Line::open() {
  auto connection = publisher_.door_.connect(node_core_);
  if (!connection) return drop_waiting();
  client_ = std::make_unique<InsideClient>(publisher_.door_.core(), *std::move(connection),
                                           kReceiveMaximum, *this, publisher_.door_.counters());
}

void Publisher::Line::on_open() {
  was_open_ = true;
  count(publisher_.counters_.connections);
  send_waiting();
}

void Publisher::Line::send_waiting() {
  while (!waiting_.empty() && client_ != nullptr) {
    const Entry& first = waiting_.front();
    if (!client_->has_room(first.request->messages[first.index].qos)) return;
    const Entry entry = std::move(waiting_.front());
    waiting_.pop_front();
    send(entry);
  }
}

void Publisher::Line::send(const Entry& entry) {
  WebMessage& message = entry.request->messages[entry.index];
  mqtt::Publish packet = message.publish();
  if (mqtt::encoded_size(packet, mqtt::ProtocolVersion::v5) > client_->packet_size_max()) {
    return entry.request->settle(entry.index, Kind::answered, ReasonCode::packet_too_large);
  }
  const Qos qos = packet.qos;
  // The broker would drop it without a word.
  if (qos == Qos::at_most_once && session::is_reserved(packet.topic)) {
    return entry.request->settle(entry.index, Kind::answered, ReasonCode::not_authorized);
  }
  const std::uint64_t ticket = ++last_ticket_;
  if (qos != Qos::at_most_once) sent_.emplace(ticket, entry);
  client_->publish(packet, ticket);
  message = {};  // the connection has it
  if (qos == Qos::at_most_once) entry.request->settle(entry.index, Kind::answered);
}

void Publisher::Line::on_published(std::uint64_t ticket, ReasonCode reason) {
  const auto at = sent_.find(ticket);
  if (at == sent_.end()) return;
  const Entry entry = std::move(at->second);
  sent_.erase(at);
  entry.request->settle(entry.index, Kind::answered, reason);
}

void Publisher::Line::on_lost(ReasonCode, const std::string&) {
  const std::unique_ptr<InsideClient> gone = std::move(client_);
  if (std::exchange(was_open_, false)) publisher_.counters_.connections.fetch_sub(1);
  for (auto& [ticket, entry] : std::exchange(sent_, {})) {
    entry.request->settle(entry.index, Kind::unknown);
  }
  drop_waiting();
}

void Publisher::Line::drop_waiting() {
  for (const Entry& entry : std::exchange(waiting_, {})) {
    entry.request->settle(entry.index, Kind::not_sent);
  }
}

void Publisher::Line::drop(const Request& request) {
  std::deque<Entry> dropped;
  const auto at = std::stable_partition(waiting_.begin(), waiting_.end(), [&](const Entry& entry) {
    return entry.request.get() != &request;
  });
  dropped.assign(std::make_move_iterator(at), std::make_move_iterator(waiting_.end()));
  waiting_.erase(at, waiting_.end());
  for (const Entry& entry : dropped) entry.request->settle(entry.index, Kind::not_sent);
}

void Publisher::Line::stop() {
  if (client_ != nullptr) on_lost(ReasonCode::server_shutting_down, "stopped");
}

Publisher::Publisher(InsideDoor& door) : door_(door) {
  for (std::size_t i = 0; i < door.node_cores() * kLinesACore; ++i) {
    lines_.push_back(std::make_unique<Line>(*this, i % door.node_cores()));
  }
}

Publisher::~Publisher() = default;

void Publisher::publish(std::vector<WebMessage> messages, std::uint32_t timeout_ms, Told told,
                        std::function<void(const PublishOutcomes&)> late_told) {
  auto request =
      std::make_shared<Request>(*this, std::move(messages), std::move(told), std::move(late_told));
  door_.core().post([this, timeout_ms, request = std::move(request)] {
    door_.core().timers().arm(*request, door_.core().now_ms() + timeout_ms);
    begin(request);
  });
}

void Publisher::begin(const RequestPtr& request) {
  const std::size_t count = request->messages.size();
  const bool is_open = !is_stopped_ && door_.is_open();
  for (std::size_t i = 0; i < count; ++i) {
    if (!is_open) {
      request->settle(i, Kind::not_sent);
      continue;
    }
    Line& line = *lines_[hash64(request->messages[i].topic) % lines_.size()];
    line.add(request, i);
  }
  if (!is_open) return;
  for (const auto& line : lines_) line->flush();
}

void Publisher::stop() {
  const auto done = std::make_shared<std::promise<void>>();
  door_.core().post([this, done] {
    is_stopped_ = true;
    for (const auto& line : lines_) line->stop();
    done->set_value();
  });
  done->get_future().wait();
}

}  // namespace roost::server
