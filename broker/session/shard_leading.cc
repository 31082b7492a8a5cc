// SPDX-License-Identifier: Apache-2.0
// A shard's leader begins and ends: who may be interested, what is counted, what is on its way.
#include <algorithm>
#include <utility>

#include "broker/base/check.h"
#include "broker/session/session_table.h"
#include "broker/session/shard_state.h"

namespace roost::session {

namespace {

// Of what a shard holds there is so much now.
constexpr Counter SessionCounters::*kHeld[] = {
    &SessionCounters::sessions_durable,     &SessionCounters::subscriptions,
    &SessionCounters::shared_subscriptions, &SessionCounters::queued,
    &SessionCounters::queued_bytes,         &SessionCounters::retained};

bool is_shared(std::string_view filter) { return filter.starts_with("$share/"); }

}  // namespace

void ShardState::begin_leading(SteadyMs now_ms) {
  CHECK(!leading_);
  leading_ = has_clock_ = true;
  ahead_ms_ = std::max<std::int64_t>(time_ms_ - now_ms - offset_ms_, 0);
  epoch_begun_ = forwards_let_go_ = false;
  forwarded_said_ = forwarded_through_ = 0;
  for (const auto held : kHeld) {
    (table_.counters().*held).add((standby_.*held).value());
    (standby_.*held).set(0);
  }
  counters_ = &table_.counters();
  const auto is_due = [](const auto& session) {
    return !session->attached && session->expires_at_ms != kNever;
  };
  due_.reserve(static_cast<std::size_t>(std::count_if(sessions_.begin(), sessions_.end(), is_due)));
  for (const auto& session : sessions_) {
    note_due(*session);
    session->filters.for_each([&](std::string_view filter, const Subscription&) {
      if (!is_shared(filter)) table_.interest_add(id_, filter);
    });
  }
  groups_.for_each_filter([&](std::string_view filter) { table_.interest_add(id_, filter); });
}

void ShardState::end_leading() {
  CHECK(leading_);
  leading_ = false;
  for (Forward& one : forwards_) {
    if (one.publication != nullptr) {
      routing::Router::forget(*std::exchange(one.publication, nullptr));
    }
    one.is_done = false;
  }
  step_waits_.clear();
  handing_back_.clear();
  groups_.for_each_filter([&](std::string_view filter) { table_.interest_remove(id_, filter); });
  standby_.retained.set(retained_.size());
  for (const auto& session : sessions_) {
    standby_.sessions_durable.add(session->durable);
    standby_.queued.add(session->queued);
    standby_.queued_bytes.add(session->queued_bytes);
    session->filters.for_each([&](std::string_view filter, const Subscription&) {
      standby_.subscriptions.add();
      if (is_shared(filter)) {
        standby_.shared_subscriptions.add();
      } else {
        table_.interest_remove(id_, filter);
      }
    });
  }
  for (const auto held : kHeld) (table_.counters().*held).sub((standby_.*held).value());
  counters_ = &standby_;
}

void ShardState::index_add(StoredSession& session, std::string_view filter,
                           const Subscription& subscription) {
  const bool is_new = tree_.insert(filter, {&session, subscription.id, subscription.options});
  if (is_new && leading_) table_.interest_add(id_, filter);
}

void ShardState::index_remove(StoredSession& session, std::string_view filter) {
  if (tree_.erase(filter, &session) && leading_) table_.interest_remove(id_, filter);
}

}  // namespace roost::session
