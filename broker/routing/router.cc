// SPDX-License-Identifier: Apache-2.0
#include "broker/routing/router.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "broker/base/check.h"
#include "broker/base/hash.h"

namespace roost::routing {

Router::Router(core::Core& core, core::Cores& cores, RoutingTable& table, LocalDelivery& local)
    : core_(core),
      cores_(cores),
      table_(table),
      local_(local),
      outboxes_(cores.size()),
      retained_sent_(cores.size()),
      retained_kept_(cores.size()),
      retained_seen_(cores.size(), std::vector<std::uint64_t>(cores.size())) {}

Publication* Router::new_publication(PublicationWaiter* waiter, std::uint64_t tag) {
  Publication* publication = nullptr;
  if (spare_.empty()) {
    publication = &publications_.emplace_back();
  } else {
    publication = spare_.back();
    spare_.pop_back();
  }
  // One door stands for publish() itself, so that nothing completes before it returns.
  *publication = Publication{waiter, tag, 1};
  counters_.open.add();
  return publication;
}

CoreId Router::home_of(std::string_view topic) const {
  return cores_.of(shard_of(topic, table_.shard_count)).id();
}

// Cores on which somebody durable may want it.
std::uint64_t Router::durable_cores(std::string_view topic) const {
  if (peers_ == nullptr) return table_.durables.candidates(topic);
  return cores_of(table_.shards.candidates(topic) & table_.feed->own_shards());
}

// Flattened: a node alone pays for no call that is there for clusters.
[[gnu::flatten]] Router::Published Router::publish(const MessagePtr& message, Waiting waiting,
                                                   const std::optional<Source>& source) {
  DCHECK(core_.is_current());
  counters_.published.add();
  if (peers_ != nullptr && !stays_here(*message)) {
    return message->qos() == mqtt::Qos::at_most_once ? publish_once(message)
                                                     : publish_kept(message, waiting, source);
  }
  Plan plan;
  plan.waits = durable_cores(message->topic());
  plan.wanted = plan.waits | table_.volatiles.candidates(message->topic());
  if (message->retain()) {
    plan.keeps = home_of(message->topic());
    plan.keeps_number = ++retained_sent_[plan.keeps.value];
  } else if (plan.wanted == 0) {
    counters_.unmatched.add();
    return {Outcome::unmatched, nullptr};
  }
  // Only what is stored makes an ack wait: durable sessions and the retained topic's shard.
  Publication* publication = waiting.waiter != nullptr && (plan.waits != 0 || message->retain())
                                 ? new_publication(waiting.waiter, waiting.tag)
                                 : nullptr;
  return distribute(message, source, plan, publication);
}

// To the cores of this node.
Router::Published Router::distribute(const MessagePtr& message, const std::optional<Source>& source,
                                     const Plan& plan, Publication* publication) {
  std::uint64_t targets = plan.wanted;
  if (plan.keeps.value < cores_.size()) targets |= std::uint64_t{1} << plan.keeps.value;
  for (; targets != 0; targets &= targets - 1) {
    const CoreId to{static_cast<std::uint16_t>(std::countr_zero(targets))};
    Parcel parcel{message,
                  publication,
                  to == plan.keeps,
                  ((plan.wanted >> to.value) & 1U) != 0,
                  ((plan.waits >> to.value) & 1U) != 0,
                  plan.only_volatile,
                  plan.is_late,
                  plan.wanted,
                  counters_.published.value(),
                  plan.keeps_number,
                  source};
    if (publication != nullptr) publication->doors += parcel.retain + parcel.deliver_waits;
    if (to == core_.id()) {
      open(core_.id(), parcel);
    } else {
      send(to, std::move(parcel));
    }
  }
  return finish(publication);
}

// All its doors are open: the one that stood for opening them closes.
Router::Published Router::finish(Publication* publication) {
  if (publication == nullptr) return {};
  if (--publication->doors == 0) {
    spare_.push_back(publication);
    return {};
  }
  return {Outcome::pending, publication};
}

void Router::open(CoreId from, const Parcel& parcel) {
  const ConfirmTo confirm_to{parcel.publication, from};
  if (parcel.retain) {
    ++came_;
    storing_.push_back({from, parcel, late_cores(parcel)});
    local_.store_retained(parcel.message, confirm_to, parcel.source);
  }
  if (!parcel.deliver) return;
  if (parcel.retained_number != 0) note_seen(from, parcel);
  const ConfirmTo deliver_to = parcel.deliver_waits ? confirm_to : ConfirmTo{};
  const bool is_done = parcel.only_volatile
                           ? deliver_volatile(parcel, deliver_to)
                           : local_.deliver_local(parcel.message, deliver_to, parcel.source);
  if (is_done && deliver_to) confirm(deliver_to);
}

// Whoever subscribes after such a message was delivered finds it kept: the question waits for it.
// Large ones may be overtaken by others: what counts as kept has nothing before it that isn't.
void Router::retained_stored(const Message& message, bool is_kept) {
  const auto at = std::find_if(storing_.begin(), storing_.end(), [&](const Storing& one) {
    return !one.is_stored && one.parcel.message.get() == &message;
  });
  if (at == storing_.end()) return keep_ended(message, is_kept);
  at->is_stored = true;
  while (!storing_.empty() && storing_.front().is_stored) {
    const Storing stored = std::move(storing_.front());
    storing_.pop_front();
    retained_kept_[stored.from.value] = stored.parcel.retained_number;
    ++stored_;
    catch_up(stored);
  }
  if (!waiting_.empty()) run_waiting();
}

// Who subscribed before this retained message came here has asked this core for the kept ones
// already, and the publisher's core didn't see the filter yet: it gets the message from here. Who
// asks later waits until it is kept.
std::uint64_t Router::late_cores(const Parcel& parcel) const {
  const std::string_view topic = parcel.message->topic();
  return (durable_cores(topic) | table_.volatiles.candidates(topic)) & ~parcel.sent_to;
}

void Router::catch_up(const Storing& stored) {
  const Parcel& parcel = stored.parcel;
  for (std::uint64_t late = stored.late; late != 0; late &= late - 1) {
    const CoreId to{static_cast<std::uint16_t>(std::countr_zero(late))};
    if (to == core_.id()) {
      local_.deliver_local(parcel.message, {}, std::nullopt);
      continue;
    }
    // Not by the outbox: whoever asks for the kept ones later in this turn gets the answer behind
    // it and so knows the message for the same one.
    counters_.sent_to_cores.add();
    cores_.at(to).post([peer = table_.routers[to.value], from = stored.from,
                        message = parcel.message,
                        number = parcel.number] { peer->caught_up(from, message, number); });
  }
}

// The publisher's core may have seen the filter meanwhile and sent newer ones straight here: then
// this one would leave its subscribers with an old value.
void Router::caught_up(CoreId from, const MessagePtr& message, std::uint64_t number) {
  const std::uint64_t topic = hash64(message->topic());
  if (!seen_.empty()) {
    const Seen& last = seen(topic);
    if (last.topic == topic && last.from == from && last.number > number) return;
  }
  local_.deliver_local(message, {}, std::nullopt);
}

void Router::note_seen(CoreId from, const Parcel& parcel) {
  if (seen_.empty()) seen_.resize(kSeenMax);
  const std::uint64_t topic = hash64(parcel.message->topic());
  seen(topic) = {topic, parcel.number, from};
  const CoreId home = home_of(parcel.message->topic());
  retained_seen_[home.value][from.value] = parcel.retained_number;
}

std::vector<std::uint64_t> Router::seen_of(CoreId home) const { return retained_seen_[home.value]; }

void Router::after(std::vector<std::uint64_t> seen, core::Task work) {
  waiting_.push_back({std::move(seen), came_, last_keep_, std::move(work)});
  run_waiting();
}

void Router::run_waiting() {
  const auto has_come = [this](const Asked& one) {
    return one.stored <= stored_ && !is_held_up(one.keeps) &&
           std::equal(one.seen.begin(), one.seen.end(), retained_kept_.begin(),
                      [](std::uint64_t seen, std::uint64_t kept) { return seen <= kept; });
  };
  std::vector<Asked> waiting = std::exchange(waiting_, {});
  for (Asked& one : waiting) {
    if (has_come(one)) {
      one.work();
    } else {
      waiting_.push_back(std::move(one));
    }
  }
}

void Router::send(CoreId to, Parcel parcel) {
  counters_.sent_to_cores.add();
  outboxes_[to.value].parcels.push_back(std::move(parcel));
  core_.at_turn_end(*this);
}

void Router::on_turn_end() {
  for (std::uint16_t to = 0; to < outboxes_.size(); ++to) {
    Outbox& outbox = outboxes_[to];
    Router* peer = table_.routers[to];
    if (!outbox.parcels.empty()) {
      cores_.at(CoreId{to})
          .post([peer, from = core_.id(), parcels = std::exchange(outbox.parcels, {})] {
            for (const Parcel& parcel : parcels) peer->open(from, parcel);
          });
    }
    if (!outbox.confirms.empty()) {
      cores_.at(CoreId{to}).post([peer, confirms = std::exchange(outbox.confirms, {})] {
        for (Publication* publication : confirms) peer->door_confirmed(*publication);
      });
    }
  }
}

void Router::confirm(ConfirmTo confirm) {
  if (confirm.origin == core_.id()) {
    door_confirmed(*confirm.publication);
    return;
  }
  outboxes_[confirm.origin.value].confirms.push_back(confirm.publication);
  core_.at_turn_end(*this);
}

void Router::door_confirmed(Publication& publication) {
  DCHECK(core_.is_current() && publication.doors > 0);
  if (--publication.doors > 0) return;
  PublicationWaiter* waiter = publication.waiter;
  const std::uint64_t tag = publication.tag;
  spare_.push_back(&publication);
  counters_.open.sub();
  if (waiter != nullptr) waiter->on_confirmed(tag);
}

bool Router::is_congested() const {
  for (std::uint16_t to = 0; to < outboxes_.size(); ++to) {
    if (CoreId{to} == core_.id()) continue;
    if (cores_.at(CoreId{to}).mail_waiting() > kMailWaitingMax) return true;
  }
  return peers_ != nullptr && peers_->is_congested();
}

}  // namespace roost::routing
