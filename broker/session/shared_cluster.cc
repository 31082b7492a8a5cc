// SPDX-License-Identifier: Apache-2.0
// Shared subscriptions in a cluster: SessionTable's way to and from the groups, which are state of
// their shards (apply_steps.cc). Sessions in memory speak for themselves here; what a shard says
// comes out of its log. README.md, "Share groups in a cluster".
#include <algorithm>
#include <string>
#include <utility>

#include "broker/session/session_table.h"

namespace roost::session {

namespace {

std::string share_of(const mqtt::TopicFilter& filter) {
  return std::string(filter.group()) + '/' + std::string(filter.text());
}

routing::ShardSet bit_of(ShardId shard) { return routing::ShardSet{1} << shard.value; }

}  // namespace

void StepWaits::on_confirmed(std::uint64_t tag) {
  const auto at = waiting_.find(tag);
  core::Task done = std::move(at->second);
  waiting_.erase(at);
  done();
}

// --- what sessions in memory say ---

// To the group's shard, whoever leads it; `done` may be empty.
void SessionTable::say_to_group(const ShareStep& step, const routing::MessagePtr& about,
                                core::Task done) {
  routing::Targets targets;
  targets.shards = bit_of(shard_of(step.share));
  const routing::Waiting waiting =
      done ? routing::Waiting{&step_waits_, step_waits_.add(std::move(done))} : routing::Waiting{};
  router_.send_to(step_message(step, about, core_.now_ms()), targets, waiting);
}

// A durable session's is in its shard's log already.
void SessionTable::cluster_join(const routing::ShareMember& member, const mqtt::TopicFilter& filter,
                                core::Task joined) {
  if (member.durable) return shard(shard_of(member.client_id)).when_stepped(std::move(joined));
  ShareStep step;
  step.what = ShareStep::What::joined;
  step.share = share_of(filter);
  step.client_id = member.client_id;
  step.generation = {member.epoch, member.counter};
  step.life = router_.peers()->own_life();
  step.connected = true;
  step.qos = member.options.qos;
  say_to_group(step, {}, std::move(joined));
}

// Of a session in memory.
void SessionTable::cluster_leave(std::string_view client_id, const mqtt::TopicFilter& filter,
                                 const Generation& generation) {
  ShareStep step;
  step.what = ShareStep::What::left;
  step.share = share_of(filter);
  step.client_id = client_id;
  step.generation = generation;
  say_to_group(step, {}, {});
}

void SessionTable::cluster_return(std::string_view share, const routing::MessagePtr& message,
                                  std::string_view left_by, core::Task done) {
  ShareStep step;
  step.what = ShareStep::What::returned;
  step.share = share;
  step.client_id = left_by;
  step.retain = message->retain();
  step.qos = message->qos();
  say_to_group(step, message, std::move(done));
}

// --- what a shard says ---

std::optional<routing::Router::Published> SessionTable::send_step(
    const routing::MessagePtr& message, routing::Waiting waiting, const Source& source) {
  const auto step = read_step(*message);
  if (!step || step->what == ShareStep::What::nothing) return routing::Router::Published{};
  routing::Targets targets;
  if (step->what != ShareStep::What::assigned) {
    targets.shards = bit_of(shard_of(step->share));
  } else if (step->life == 0) {
    targets.shards = bit_of(shard_of(step->client_id));
  } else if (step->life == router_.peers()->own_life()) {
    return router_.arrived(message, waiting, false, source);
  } else {
    const PeerId node = router_.peers()->peer_of(step->life);
    if (node == kNoPeer) return std::nullopt;
    targets.nodes = routing::PeerSet{1} << node.value;
  }
  return router_.send_to(message, targets, waiting, source);
}

void SessionTable::send_step_once(const ShareStep& step, const routing::MessagePtr& message) {
  routing::Peers& peers = *router_.peers();
  const auto bit = [](PeerId node) {
    return node == kNoPeer ? routing::PeerSet{0} : routing::PeerSet{1} << node.value;
  };
  routing::PeerSet to = 0;
  if (step.life == 0) {
    to = peers.leaders_of(bit_of(shard_of(step.client_id)));
  } else {
    to = bit(step.life == peers.own_life() ? kThisNode : peers.peer_of(step.life));
  }
  if (to == bit(kThisNode)) return deliver_step(message, {}, std::nullopt);
  if (to == 0) return counters_.dropped_offline_qos0.add();
  peers.send_once(message, to, std::nullopt);
}

void SessionTable::deliver_step(const routing::MessagePtr& message, routing::ConfirmTo confirm,
                                const std::optional<Source>& source) {
  auto step = read_step(*message);
  if (!step || step->what != ShareStep::What::assigned) {
    if (confirm) router_.confirm(confirm);
    return;
  }
  SessionTable& home = *tables_.tables[cores_.of(shard_of(step->client_id)).id().value];
  if (&home == this) return take_assigned(*step, message, confirm, source);
  home.core_.post([&home, step = std::move(*step), message, confirm, source] {
    home.take_assigned(step, message, confirm, source);
  });
}

// Steps of one shard come here in order, and from its next leader again.
bool SessionTable::was_assigned(const std::optional<Source>& source) {
  if (!source) return false;
  Assigned& last = assigned_[source->part];
  if (last.lineage == source->life && source->number <= last.number) return true;
  last = {source->life, source->number};
  return false;
}

// For a session in memory; at QoS 0 also for a durable one that is led here.
void SessionTable::take_assigned(const ShareStep& step, const routing::MessagePtr& message,
                                 routing::ConfirmTo confirm, const std::optional<Source>& source) {
  const auto confirmed = [this, confirm] {
    if (confirm) router_.confirm(confirm);
  };
  if (was_assigned(source)) return confirmed();
  routing::MessagePtr about = about_of(step, message);
  const std::string filter = "$share/" + step.share;
  if (step.life == 0) {
    const ShardId id = shard_of(step.client_id);
    StoredSession* stored = leads(id) ? shard(id).find(step.client_id) : nullptr;
    const auto subscription = stored == nullptr ? std::nullopt : stored->filters.find(filter);
    if (!subscription) return counters_.dropped_offline_qos0.add();
    const bool retain = step.retain && subscription->options.retain_as_published;
    return deliver_once(
        *stored, {std::move(about), subscription->id, mqtt::Qos::at_most_once, retain, nullptr});
  }
  Session* session = live(step.client_id);
  const bool is_here = session != nullptr && !session->is_opening() && !session->is_durable();
  const auto subscription = is_here ? session->filters().find(filter) : std::nullopt;
  if (subscription) {
    Match match{subscription->options.qos, subscription->options.retain_as_published,
                subscription->id, std::make_unique<EntryExtra>()};
    match.extra->share = step.share;
    session->deliver(about, match);
    return confirmed();
  }
  if (step.qos == mqtt::Qos::at_most_once) {
    counters_.dropped_offline_qos0.add();
    return confirmed();
  }
  cluster_return(step.share, about, step.client_id, confirmed);
}

// --- nodes ---

void SessionTable::node_came(std::uint64_t life) {
  gone_.erase(life);
  for (const auto& shard : shards_) {
    if (shard != nullptr && shard->is_leading()) shard->node_came();
  }
  join_again();
}

// This process may have been taken for one that is over, as after a long pause.
void SessionTable::join_again() {
  if (counters_.shared_subscriptions.value() == 0) return;
  std::vector<const Session*> sessions;
  for (const auto& [client_id, session] : live_) {
    if (!session->is_durable() && !session->is_opening()) sessions.push_back(session.get());
  }
  std::sort(sessions.begin(), sessions.end(), [](const Session* a, const Session* b) {
    return a->client_id() < b->client_id();  // no order of a hash table
  });
  for (const Session* session : sessions) {
    session->filters().for_each([&](std::string_view text, const Subscription& subscription) {
      const auto filter = mqtt::TopicFilter::parse(text, UINT32_MAX);
      if (!filter || !filter->is_shared()) return;
      const Generation& generation = session->generation();
      cluster_join({std::string(session->client_id()), core_.id(), true, subscription.id,
                    subscription.options, false, 0, generation.epoch, generation.counter},
                   *filter, {});
    });
  }
}

void SessionTable::node_gone(std::uint64_t life) {
  if (gone_.size() == kGoneMax) gone_.clear();  // then tick() finds them
  gone_.insert(life);
  for (const auto& shard : shards_) {
    if (shard != nullptr && shard->is_leading()) shard->node_gone(life);
  }
}

// Members of processes that were over before this node could hear of it.
void SessionTable::look_for_gone(ShardState& shard, bool asks) {
  if (!in_cluster()) return;
  for (const std::uint64_t life : shard.groups().lives()) {
    if (gone_.contains(life) || (asks && router_.peers()->is_over(life))) shard.node_gone(life);
  }
}

}  // namespace roost::session
