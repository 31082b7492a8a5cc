// SPDX-License-Identifier: Apache-2.0
#include "broker/session/session_view.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "broker/base/glob.h"
#include "broker/session/session.h"
#include "broker/session/session_table.h"

namespace roost::session {
namespace {

SessionView view_of(const Session* live, const StoredSession* stored, SteadyMs now_ms,
                    std::int64_t offline_ms) {
  SessionView view;
  view.client_id = live != nullptr ? live->client_id() : std::string(stored->client_id());
  view.is_connected = live != nullptr;
  view.is_durable = stored != nullptr && stored->durable;
  if (live != nullptr) {
    live->describe(view);
    view.connected_ms = now_ms - live->connected_since_ms();
    view.silent_ms = now_ms - live->last_packet_ms();
    const SteadyMs oldest_ms = live->oldest_unacked_ms();
    view.oldest_unacked_ms = oldest_ms == 0 ? 0 : now_ms - oldest_ms;
  } else {
    view.offline_ms = offline_ms;
    view.expiry_s = stored->expiry_s;
    view.receive_maximum = stored->receive_maximum;
  }
  if (stored != nullptr) {
    view.queued = stored->queued;
    view.queued_bytes = stored->queued_bytes;
    view.dropped += stored->dropped;
    if (view.last_drop == DropCause::none) view.last_drop = stored->last_drop;
    view.has_will = stored->will() != nullptr;
    if (stored->durable) view.subscriptions = static_cast<std::uint32_t>(stored->filters.size());
  }
  return view;
}

// "192.0.2.7:51234" -> "192.0.2.7", "[::1]:50000" -> "::1"; without a port as it is.
std::string_view host_of(std::string_view address) {
  if (address.starts_with('[')) return address.substr(1, address.find(']') - 1);
  const std::size_t colon = address.find(':');
  return colon == address.rfind(':') ? address.substr(0, colon) : address;
}

}  // namespace

void Session::describe(SessionView& view) const {
  view.version = version_;
  view.keep_alive_s = keep_alive_ms_ / 1500;
  view.in_flight = out_.unfinished();
  view.receive_maximum = receive_maximum_;
  view.expiry_s = expiry_s_;
  view.queued = queue_size() + (is_durable() ? 0 : out_.unfinished());
  view.queued_bytes = queue_bytes();
  view.subscriptions = static_cast<std::uint32_t>(filters().size());
  view.dropped = drops_;
  view.last_drop = last_drop_;
  const bool is_home = table_.leads(table_.shard_of(client_id_));
  const StoredSession* const stored = is_home ? table_.stored(client_id_) : nullptr;
  view.has_will = stored != nullptr && stored->will() != nullptr;
  if (link_ == nullptr) return;
  view.is_reading_slowly = link_->is_congested();
  link_->describe(view.client);
}

std::uint64_t Session::queue_bytes() const {
  return is_durable() ? stored_->queued_bytes : queue_bytes_;
}

bool SessionPage::is_wanted(const Session* live, const StoredSession* stored) const {
  if (query_.connected && *query_.connected != (live != nullptr)) return false;
  if (query_.durable && *query_.durable != (stored != nullptr && stored->durable)) return false;
  const std::string_view id = live != nullptr ? live->client_id() : stored->client_id();
  if (!query_.client_id.empty() && !base::glob_matches(query_.client_id, id)) return false;
  if (query_.user.empty() && query_.listener.empty() && query_.address.empty()) return true;
  if (live == nullptr) return false;
  ClientFacts facts;
  live->link().describe(facts);
  const auto is = [](const std::string& wanted, const std::string& found) {
    return wanted.empty() || wanted == found;
  };
  return is(query_.user, facts.user) && is(query_.listener, facts.listener) &&
         (is(query_.address, facts.address) || query_.address == host_of(facts.address));
}

std::int64_t SessionPage::rank_of(const Session* live, const StoredSession* stored,
                                  const Now& now) const {
  constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::min() / 2;
  const auto number = [](auto value) { return static_cast<std::int64_t>(value); };
  const auto ago = [&now](std::int64_t ms) { return -((now.wall_ms - ms + 500) / 1000); };
  const auto since = [&](SteadyMs steady_ms) { return ago(now.steady_ms - steady_ms); };
  // A moment that was said once: two clocks that are read apart would move it to and fro.
  const std::int64_t left = live == nullptr ? -(now.shard_begin_s + stored->offline_since_s) : 0;
  switch (query_.order) {
    case SessionOrder::client_id:
      return 0;
    case SessionOrder::queued:
      return number(stored != nullptr ? stored->queued : live->queue_size() + live->in_flight());
    case SessionOrder::queued_bytes:
      return number(stored != nullptr ? stored->queued_bytes : live->queue_bytes());
    case SessionOrder::in_flight:
      return live == nullptr ? 0 : live->in_flight();
    case SessionOrder::oldest_unacked: {
      const SteadyMs since_ms = live == nullptr ? 0 : live->oldest_unacked_ms();
      return since_ms == 0 ? kLast : since(since_ms);
    }
    case SessionOrder::dropped:
      return number(live == nullptr ? 0 : live->drops()) +
             number(stored == nullptr ? 0 : stored->dropped);
    case SessionOrder::subscriptions:
      return number(live != nullptr ? live->filters().size() : stored->filters.size());
    case SessionOrder::connected:
      return live == nullptr ? kLast : since(live->connected_since_ms());
    case SessionOrder::silent:
      return live == nullptr ? left : since(live->last_packet_ms());
    case SessionOrder::offline:
      return live == nullptr ? left : kLast;
  }
  return 0;
}

bool SessionPage::takes(const SessionPlace& place) {
  ++matched_;
  if (query_.after && !(*query_.after < place)) return false;
  if (rows_.size() < query_.limit) return true;
  has_more_ = true;
  return !rows_.empty() && place < rows_.front().place;
}

void SessionPage::put(Row row) {
  const auto earlier = [](const Row& a, const Row& b) { return a.place < b.place; };
  rows_.push_back(std::move(row));
  std::push_heap(rows_.begin(), rows_.end(), earlier);
  if (rows_.size() <= query_.limit) return;
  std::pop_heap(rows_.begin(), rows_.end(), earlier);
  rows_.pop_back();
}

void SessionPage::offer(const Session* live, const StoredSession* stored, const Now& now,
                        std::int64_t offline_ms) {
  if (!is_wanted(live, stored)) return;
  SessionPlace place;
  place.rank = rank_of(live, stored, now) * (query_.is_reversed ? -1 : 1);
  // By rank alone where that decides: no text is copied for most.
  if (rows_.size() >= query_.limit && !rows_.empty() && place.rank < rows_.front().place.rank) {
    ++matched_;
    has_more_ = true;
    return;
  }
  place.client_id = live != nullptr ? live->client_id() : std::string(stored->client_id());
  if (!takes(place)) return;
  put({std::move(place), view_of(live, stored, now.steady_ms, offline_ms)});
}

void SessionPage::merge(std::vector<Row> rows) {
  for (Row& row : rows) {
    if (takes(row.place)) put(std::move(row));
  }
}

std::vector<SessionPage::Row> SessionPage::take() {
  std::sort(rows_.begin(), rows_.end(),
            [](const Row& a, const Row& b) { return a.place < b.place; });
  return std::move(rows_);
}

// --- of a table ---

std::optional<SessionDetails> look_at_session(SessionTable& table, std::string_view client_id) {
  const Session* const live = table.live(client_id);
  const ShardId id = table.shard_of(client_id);
  const StoredSession* stored = table.leads(id) ? table.stored(client_id) : nullptr;
  if (stored != nullptr && !stored->durable) stored = nullptr;
  if (live == nullptr && stored == nullptr) return std::nullopt;
  const SteadyMs now_ms = table.core().now_ms();
  std::int64_t offline_ms = 0;
  if (live == nullptr) {
    const ShardMs shard_s = seconds_of(table.shard(id).now_ms(now_ms));
    offline_ms = (shard_s - stored->offline_since_s) * 1000;
  }
  SessionDetails details{view_of(live, stored, now_ms, offline_ms), {}};
  const FilterList& filters = live != nullptr ? live->filters() : stored->filters;
  filters.for_each([&](std::string_view filter, const Subscription& subscription) {
    if (details.filters.size() == SessionDetails::kFiltersMax) return;
    details.filters.push_back({std::string(filter), subscription.options, subscription.id});
  });
  return details;
}

void SessionTable::list(ShardId id, SessionPage& page) const {
  if (!leads(id)) return;
  const ShardState& shard = *shards_[id.value];
  SessionPage::Now now{core_.now_ms(), core_.wall_ms(), 0};
  const ShardMs shard_s = seconds_of(shard.now_ms(now.steady_ms));
  now.shard_begin_s = shard.begin_s(now.steady_ms, now.wall_ms);
  shard.for_each([&](const StoredSession& session) {
    if (!session.durable || ShardState::is_departed(session.client_id())) return;
    const std::int64_t offline_s = shard_s - session.offline_since_s;
    page.offer(session.live, &session, now, session.live == nullptr ? offline_s * 1000 : 0);
  });
}

std::size_t SessionTable::list_clean(std::size_t from, std::size_t count, SessionPage& page) const {
  const std::size_t end = std::min(live_.bucket_count(), from + count);
  const SessionPage::Now now{core_.now_ms(), core_.wall_ms(), 0};
  for (std::size_t bucket = from; bucket < end; ++bucket) {
    for (auto at = live_.begin(bucket); at != live_.end(bucket); ++at) {
      const Session& session = *at->second;
      if (!session.is_durable()) page.offer(&session, nullptr, now, 0);
    }
  }
  return end == live_.bucket_count() ? 0 : end;
}

Route SessionTable::route_of(std::string_view topic) {
  Route route;
  routing::MessageParts parts;
  parts.topic = topic;
  const routing::MessagePtr message = routing::Message::make(parts);
  const auto add = [&route](std::string_view id, mqtt::Qos qos, bool durable, bool connected,
                            ShardId shard) {
    if (++route.count > Route::kReceiversMax) return;
    route.receivers.push_back({std::string(id), qos, durable, connected, shard});
  };
  const auto add_group = [&route](const routing::ShareGroup& group, ShardId shard) {
    route.groups.push_back(
        {group.name(), group.filter(), group.size(), group.has_connected(), shard});
  };
  volatile_matcher_.run(volatile_tree_, *message, [&](Session& session, Match& match) {
    add(session.client_id(), match.qos, false, true, shard_of(session.client_id()));
  });
  for (const auto& shard : shards_) {
    if (shard == nullptr || !shard->is_leading()) continue;
    stored_matcher_.run(shard->tree(), *message, [&](StoredSession& session, Match& match) {
      if (ShardState::is_departed(session.client_id())) return;
      add(session.client_id(), match.qos, true, session.live != nullptr, shard->id());
    });
    for (const routing::ShareGroup* group : shard->matching_groups(topic)) {
      add_group(*group, shard->id());
    }
  }
  group_tree_.match(topic, [&](const routing::Subscriber& subscriber) {
    const auto& group = *static_cast<const routing::ShareGroup*>(subscriber.owner);
    add_group(group, shard_of(group.name() + '/' + group.filter()));
  });
  return route;
}

}  // namespace roost::session
