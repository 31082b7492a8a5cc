// SPDX-License-Identifier: Apache-2.0
// Share groups in a cluster: who joins and leaves them, who gets a message, and what becomes of one
// that isn't finished. All of it while applying, so that every replica chooses the same member;
// what is to be said to other shards goes as this one's fan-out. README.md, "Share groups in a
// cluster".
#include <algorithm>
#include <utility>

#include "broker/session/session_table.h"
#include "broker/session/shard_state.h"

namespace roost::session {

namespace {

constexpr std::string_view kShared = "$share/";

std::string_view share_of(std::string_view filter) { return filter.substr(kShared.size()); }

}  // namespace

bool ShardState::in_cluster() const { return table_.in_cluster(); }

// --- what a session does in its groups ---

void ShardState::step_joined(const StoredSession& session, std::string_view filter, mqtt::Qos qos,
                             bool connected) {
  ShareStep step;
  step.what = ShareStep::What::joined;
  step.share = share_of(filter);
  step.client_id = session.client_id();
  step.generation = session.generation;
  step.connected = connected;
  step.qos = qos;
  stepped_.push_back(forward(step_message(step, {}, message_ms())));
}

void ShardState::step_left(const StoredSession& session, const mqtt::TopicFilter& filter) {
  ShareStep step;
  step.what = ShareStep::What::left;
  step.share = std::string(filter.group()) + '/' + std::string(filter.text());
  step.client_id = session.client_id();
  step.generation = session.generation;
  forward(step_message(step, {}, message_ms()));
}

// In the same order everywhere; that of a list of filters depends on how it came about.
void ShardState::steps_of_presence(const StoredSession& session, bool connected) {
  if (!in_cluster()) return;
  std::vector<std::pair<std::string, mqtt::Qos>> shared;
  session.filters.for_each([&](std::string_view filter, const Subscription& subscription) {
    if (filter.starts_with(kShared)) shared.emplace_back(filter, subscription.options.qos);
  });
  std::sort(shared.begin(), shared.end());
  for (const auto& [filter, qos] : shared) step_joined(session, filter, qos, connected);
}

void ShardState::when_stepped(core::Task done) {
  if (stepped_.empty()) return done();
  const LogIndex number = stepped_.front();
  stepped_.pop_front();
  const auto at = std::find_if(forwards_.begin(), forwards_.end(),
                               [&](const Forward& one) { return one.index == number; });
  if (at == forwards_.end() || at->is_done) return done();
  step_waits_.emplace(number, std::move(done));
}

// --- what a group does ---

void ShardState::assign(const routing::MessagePtr& message) {
  for (routing::ShareGroup* group : groups_.matching(message->topic())) {
    assign(*group, message, {});
  }
}

void ShardState::assign(routing::ShareGroup& group, const routing::MessagePtr& message,
                        std::string_view except) {
  const routing::ShareMember* member = groups_.choose(group, except);
  if (member == nullptr) return;
  ShareStep step;
  step.what = ShareStep::What::assigned;
  step.share = ShardGroups::name_of(group);
  step.client_id = member->client_id;
  step.life = member->life;
  step.retain = message->retain();
  step.qos = std::min(message->qos(), member->options.qos);
  const routing::MessagePtr sent = step_message(step, message, message_ms());
  if (step.qos != mqtt::Qos::at_most_once) {
    forward(sent);
  } else if (leading_) {
    table_.send_step_once(step, sent);
  }
}

void ShardState::assign_once(const routing::MessagePtr& message) {
  if (groups_.empty()) return;
  for (routing::ShareGroup* group : groups_.matching(message->topic())) {
    const routing::ShareMember* member = group->next_once();
    if (member == nullptr) continue;
    ShareStep step;
    step.what = ShareStep::What::assigned;
    step.share = ShardGroups::name_of(*group);
    step.client_id = member->client_id;
    step.life = member->life;
    step.retain = message->retain();
    table_.send_step_once(step, step_message(step, message, message_ms()));
  }
}

void ShardState::apply_step(const routing::MessagePtr& message) {
  const auto step = read_step(*message);
  if (!step) return;
  const auto changed = [&](ShardGroups::Change change) {
    if (change == ShardGroups::Change::nothing || !leading_) return;
    const std::string filter = step->share.substr(step->share.find('/') + 1);
    if (change == ShardGroups::Change::began) {
      table_.interest_add(id_, filter);
    } else {
      table_.interest_remove(id_, filter);
    }
  };
  switch (step->what) {
    case ShareStep::What::nothing:
      return;
    case ShareStep::What::joined:
      return changed(groups_.joined(*step));
    case ShareStep::What::left:
      return changed(groups_.left(*step));
    case ShareStep::What::gone:
      return apply_gone(step->life);
    case ShareStep::What::assigned:
      return apply_assigned(*step, about_of(*step, message));
    case ShareStep::What::given_back:
      return apply_given_back(*step, about_of(*step, message));
    case ShareStep::What::returned:
      if (routing::ShareGroup* group = groups_.find(step->share)) {
        assign(*group, about_of(*step, message), step->client_id);
      } else if (leading_) {
        counters().dropped_session_end.add();
      }
  }
}

// It may have left meanwhile: then its group chooses again.
void ShardState::apply_assigned(const ShareStep& step, const routing::MessagePtr& message) {
  saw_time(message->received_ms() + offset_ms_);
  StoredSession* session = find(step.client_id);
  const std::string filter = std::string(kShared) + step.share;
  const auto subscription = session == nullptr ? std::nullopt : session->filters.find(filter);
  if (!subscription) {
    ShareStep back = step;
    back.what = ShareStep::What::returned;
    forward(step_message(back, message, message_ms()));
    return;
  }
  Match match{subscription->options.qos, subscription->options.retain_as_published,
              subscription->id, std::make_unique<EntryExtra>()};
  match.extra->share = step.share;
  deliver(*session, message, match);
}

// What was on its way to them at QoS 1 goes to others. At QoS 2 it may have been sent, and ends
// with their sessions. [MQTT-4.8.2-5]
void ShardState::apply_gone(std::uint64_t life) {
  for (const std::string& filter : groups_.gone(life)) {
    if (leading_) table_.interest_remove(id_, filter);
  }
  const std::size_t before = forwards_.size();
  for (std::size_t i = 0; i < before; ++i) {
    if (!forwards_[i].message->is_step()) continue;
    const auto step = read_step(*forwards_[i].message);
    if (!step || step->what != ShareStep::What::assigned || step->life != life) continue;
    const routing::MessagePtr message = about_of(*step, forwards_[i].message);
    if (forwards_[i].publication != nullptr) {
      routing::Router::forget(*std::exchange(forwards_[i].publication, nullptr));
    }
    ShareStep nothing;
    forwards_[i].message = step_message(nothing, {}, message->received_ms());
    forwards_[i].is_written = false;
    routing::ShareGroup* group = groups_.find(step->share);
    if (step->qos == mqtt::Qos::at_least_once && group != nullptr) {
      assign(*group, message, {});
    } else if (leading_) {
      counters().dropped_session_end.add();
    }
    if (is_forwarding()) on_confirmed(forwards_[i].index);
  }
}

void ShardState::node_gone(std::uint64_t life) {
  if (!groups_.has(life)) return;
  ShareStep step;
  step.what = ShareStep::What::gone;
  step.life = life;
  table_.append(id_, PublishedRecord{step_message(step, {}, message_ms()), std::nullopt}, nullptr);
}

}  // namespace roost::session
