// SPDX-License-Identifier: Apache-2.0
// Fan-out from this shard's own log: QoS 2 messages of its durable publishers, and wills. In index
// order; what isn't confirmed is state and is sent again after a restart, targets drop repeats.
// REPLICATION "QoS 2 in".
#include <algorithm>
#include <utility>

#include "broker/base/check.h"
#include "broker/session/session_table.h"
#include "broker/session/shard_state.h"

namespace roost::session {

LogIndex ShardState::forward(const routing::MessagePtr& message) {
  // Several may come of one record (wills of all who were attached): numbered within it.
  LogIndex number = applied_ << kForwardBits;
  if (last_forward_ >= number) number = last_forward_ + 1;
  last_forward_ = number;
  forwards_.push_back({number, message});
  if (is_forwarding()) publish_forward(forwards_.back());
  return number;
}

void ShardState::publish_forward(Forward& forward) {
  const LogIndex index = forward.index;
  const Source source = Source::of_shard(id_, table_.log().lineage(id_), index);
  const auto published = forward.message->is_step()
                             ? table_.send_step(forward.message, {this, index}, source)
                             : table_.router().publish(forward.message, {this, index}, source);
  if (!published) return;  // goes when its node is there, or is settled when that is over
  if (published->outcome == routing::Router::Outcome::pending) {
    forward.publication = published->publication;
  } else {
    on_confirmed(index);
  }
}

void ShardState::let_forwards_go() {
  forwards_let_go_ = true;
  begin_forwarding();
}

// In index order, what the beginning of the epoch brought too, or targets would take older ones for
// repeats.
void ShardState::resume_forwards() {
  if (!is_forwarding()) return;
  for (std::size_t i = 0; i < forwards_.size(); ++i) {
    Forward& one = forwards_[i];
    if (one.publication == nullptr && !one.is_done) publish_forward(one);
  }
}

void ShardState::begin_forwarding() {
  resume_forwards();
  if (is_forwarding()) hand_back_all();
}

void ShardState::on_confirmed(std::uint64_t tag) {
  const auto at =
      std::lower_bound(forwards_.begin(), forwards_.end(), tag,
                       [](const Forward& one, LogIndex index) { return one.index < index; });
  if (at == forwards_.end() || at->index != tag) return;
  at->is_done = true;
  at->publication = nullptr;
  if (const auto wait = step_waits_.find(tag); wait != step_waits_.end()) {
    core::Task done = std::move(wait->second);
    step_waits_.erase(wait);
    done();
  }
  for (const Forward& one : forwards_) {
    if (!one.is_done) break;
    forwarded_through_ = std::max(forwarded_through_, one.index);
  }
  if (forwarded_through_ > forwarded_said_) table_.at_turn_end_of(*this);
}

void ShardState::note_forwarded() {
  if (forwarded_through_ <= forwarded_said_) return;
  forwarded_said_ = forwarded_through_;
  table_.append(id_, ForwardedRecord{forwarded_through_}, nullptr);
}

void ShardState::say_time(ShardMs now_ms) {
  table_.append(id_, TickRecord{now_ms, table_.core().wall_ms()}, nullptr);
}

ShardMs ShardState::run_due(ShardMs now_ms) {
  // What they publish is dated by the time that the shard knows. [MQTT5-3.1.3.2.4]
  if (due_.next_ms() <= now_ms) say_time(now_ms);
  while (due_.next_ms() <= now_ms) {
    StoredSession& session = due_.next();
    due_.set(session, kNever);  // until that record is applied
    const std::string client_id(session.client_id());
    if (session.expires_at_ms <= now_ms) {
      constexpr auto kExpired = ClientNews::Kind::expired;
      if (session.durable && table_.wants(kExpired)) {
        table_.tell({.kind = kExpired, .client_id = client_id}, true);
      }
      table_.append(id_, EndedRecord{client_id, EndedRecord::Why::expired}, nullptr);
    } else {
      table_.append(id_, WillFiredRecord{client_id, session.generation}, nullptr);
    }
  }
  return due_.next_ms();
}

void ShardState::note_due(StoredSession& session) {
  ShardMs due_ms = session.attached ? kNever : session.expires_at_ms;
  if (!session.attached && session.will() != nullptr) {
    due_ms = std::min(due_ms, session.will()->due_ms);
  }
  due_.set(session, due_ms);
  if (leading_ && due_ms != kNever) table_.due_at(steady_of(due_ms));
}

}  // namespace roost::session
