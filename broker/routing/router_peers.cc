// SPDX-License-Identifier: Apache-2.0
// The router in a cluster: which other nodes and shards a message is for, and what comes from them.
#include <algorithm>
#include <bit>

#include "broker/base/check.h"
#include "broker/base/hash.h"
#include "broker/routing/router.h"

namespace roost::routing {

namespace {

std::uint64_t bit_of(ShardId shard) { return std::uint64_t{1} << shard.value; }

}  // namespace

std::uint64_t Router::cores_of(ShardSet shards) const {
  std::uint64_t cores = 0;
  for (; shards != 0; shards &= shards - 1) {
    cores |= std::uint64_t{1} << std::countr_zero(shards) % cores_.size();
  }
  return cores;
}

// Whom a message without a promise is for on this node.
Router::Plan Router::plan_once(const MessagePtr& message, bool keeps) {
  Plan plan;
  plan.waits = durable_cores(message->topic());
  plan.wanted = plan.waits | table_.volatiles.candidates(message->topic());
  const ShardId home = shard_of(message->topic(), table_.shard_count);
  if (keeps && (table_.feed->own_shards() & bit_of(home)) != 0) {
    plan.keeps = cores_.of(home).id();
    plan.keeps_number = ++retained_sent_[plan.keeps.value];
  }
  return plan;
}

// Only the nodes that want it get it, once each; they see for themselves who wants it there. Nobody
// waits for it.
Router::Published Router::publish_once(const MessagePtr& message) {
  const std::string_view topic = message->topic();
  const Plan plan = plan_once(message, message->retain());
  ShardSet elsewhere = table_.shards.candidates(topic) & ~table_.feed->own_shards();
  std::optional<ShardId> keeps;
  if (message->retain() && plan.keeps_number == 0) {
    keeps = shard_of(topic, table_.shard_count);
    elsewhere |= bit_of(*keeps);
  }
  PeerSet nodes = table_.nodes.candidates(topic);
  if (elsewhere != 0) nodes |= peers_->leaders_of(elsewhere);
  nodes &= ~(std::uint64_t{1} << kThisNode.value);
  if (nodes != 0) peers_->send_once(message, nodes, keeps);
  if (plan.wanted == 0 && plan.keeps_number == 0) {
    if (nodes != 0) return {};
    counters_.unmatched.add();
    return {Outcome::unmatched, nullptr};
  }
  return distribute(message, std::nullopt, plan, nullptr);
}

// Who may want it: whose bit is on, and those whose bit can't be relied on.
Targets Router::targets_of(std::string_view topic) const {
  Targets targets;
  std::uint64_t before = 0;
  do {
    before = table_.feed->turnovers();
    targets.shards = peers_->uncertain_shards() | table_.feed->unsure_shards();
    targets.nodes = peers_->uncertain_nodes();
    targets.shards |= table_.shards.candidates(topic);
    targets.nodes |= table_.nodes.candidates(topic);
    std::atomic_thread_fence(std::memory_order_acquire);
  } while (table_.feed->turnovers() != before);
  targets.nodes &= ~(std::uint64_t{1} << kThisNode.value);
  return targets;
}

// Sessions in memory here have it at once, as ever; everybody else by way of Peers, shards that are
// led here among them: they may be led elsewhere before they have committed it.
Router::Published Router::publish_kept(const MessagePtr& message, Waiting waiting,
                                       const std::optional<Source>& source) {
  const std::string_view topic = message->topic();
  Targets targets = targets_of(topic);
  if (message->retain()) targets.keeps = shard_of(topic, table_.shard_count);
  Plan plan;
  plan.wanted = table_.volatiles.candidates(topic);
  plan.waits = table_.durables.candidates(topic) & plan.wanted;  // share groups
  plan.only_volatile = true;
  targets.cores = plan.wanted;
  if (targets.empty() && plan.wanted == 0) {
    counters_.unmatched.add();
    return {Outcome::unmatched, nullptr};
  }
  const bool waits = waiting.waiter != nullptr && (!targets.empty() || plan.waits != 0);
  Publication* publication = waits ? new_publication(waiting.waiter, waiting.tag) : nullptr;
  if (publication != nullptr) publication->is_early = waiting.is_early;
  if (!targets.empty()) {
    if (publication != nullptr) ++publication->doors;
    peers_->publish(message, targets, source, publication);
  }
  return distribute(message, source, plan, publication);
}

void Router::arrived_once(const MessagePtr& message, bool keeps) {
  DCHECK(core_.is_current() && peers_ != nullptr);
  if (message->is_step()) return local_.deliver_step(message, {}, std::nullopt);
  distribute(message, std::nullopt, plan_once(message, keeps), nullptr);
}

Router::Published Router::send_to(const MessagePtr& message, const Targets& targets,
                                  Waiting waiting, const std::optional<Source>& source) {
  DCHECK(core_.is_current() && peers_ != nullptr);
  Publication* publication =
      waiting.waiter != nullptr ? new_publication(waiting.waiter, waiting.tag) : nullptr;
  if (publication != nullptr) ++publication->doors;
  peers_->publish(message, targets, source, publication);
  return finish(publication);
}

Router::Published Router::arrived(const MessagePtr& message, Waiting waiting, bool is_late,
                                  const std::optional<Source>& source) {
  DCHECK(core_.is_current() && peers_ != nullptr);
  if (message->is_step()) {
    Publication* step = new_publication(waiting.waiter, waiting.tag);
    ++step->doors;
    local_.deliver_step(message, {step, core_.id()}, source);
    return finish(step);
  }
  Plan plan;
  plan.wanted = table_.volatiles.candidates(message->topic());
  plan.waits = plan.wanted;
  plan.only_volatile = true;
  plan.is_late = is_late;
  Publication* publication = plan.wanted != 0 && waiting.waiter != nullptr
                                 ? new_publication(waiting.waiter, waiting.tag)
                                 : nullptr;
  return distribute(message, std::nullopt, plan, publication);
}

// --- retained messages by way of Peers ---

bool Router::deliver_volatile(const Parcel& parcel, ConfirmTo confirm) {
  const Message& message = *parcel.message;
  if (parcel.is_late && is_stale(message)) return true;
  if (message.retain()) note_newest(message);
  return local_.deliver_volatile(parcel.message, confirm, parcel.source);
}

void Router::keep_begins(const MessagePtr& message, const Told& told) {
  const std::string_view topic = message->topic();
  Keep& keep = keeps_.emplace_back();
  keep.message = message;
  keep.id = ++last_keep_;
  keep.began_ms = core_.now_ms();
  keep.late_cores = table_.volatiles.candidates(topic) & ~told.cores;
  keep.late.shards = table_.shards.candidates(topic) & ~told.shards;
  keep.late.nodes = table_.nodes.candidates(topic) & ~told.nodes;
  keep.late.is_late = true;
}

void Router::keep_ended(const Message& message, bool is_kept) {
  const auto at = std::find_if(keeps_.begin(), keeps_.end(),
                               [&](const Keep& one) { return one.message.get() == &message; });
  if (at == keeps_.end()) return;
  const Keep keep = std::move(*at);
  keeps_.erase(at);
  if (is_kept) {
    for (std::uint64_t late = keep.late_cores; late != 0; late &= late - 1) {
      const CoreId to{static_cast<std::uint16_t>(std::countr_zero(late))};
      if (to == core_.id()) {
        caught_up_late(keep.message);
      } else {
        cores_.at(to).post(
            [peer = table_.routers[to.value], one = keep.message] { peer->caught_up_late(one); });
      }
    }
    if (!keep.late.empty()) peers_->publish(keep.message, keep.late, std::nullopt, nullptr);
  }
  if (!waiting_.empty()) run_waiting();
}

void Router::caught_up_late(const MessagePtr& message) {
  if (!is_stale(*message)) local_.deliver_volatile(message, {}, std::nullopt);
}

bool Router::is_held_up(std::uint64_t keeps) const {
  return std::any_of(keeps_.begin(), keeps_.end(),
                     [&](const Keep& one) { return one.holds_up && one.id <= keeps; });
}

void Router::look_at_keeps() {
  for (Keep& keep : keeps_) {
    if (core_.now_ms() - keep.began_ms >= kKeepHoldsMs) keep.holds_up = false;
  }
  if (!waiting_.empty()) run_waiting();
}

void Router::note_newest(const Message& message) {
  if (newest_.empty()) newest_.resize(kSeenMax);
  const std::uint64_t topic = hash64(message.topic());
  Newest& newest = newest_[topic % kSeenMax];
  if (newest.topic == topic && newest.origin == message.origin() && message.sequence() != 0 &&
      newest.sequence > message.sequence()) {
    return;
  }
  newest = {topic, message.origin(), message.sequence()};
}

bool Router::is_stale(const Message& message) const {
  if (newest_.empty() || message.origin() == 0 || message.sequence() == 0) return false;
  const std::uint64_t topic = hash64(message.topic());
  const Newest& newest = newest_[topic % kSeenMax];
  return newest.topic == topic && newest.origin == message.origin() &&
         newest.sequence > message.sequence();
}

}  // namespace roost::routing
