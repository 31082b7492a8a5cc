// SPDX-License-Identifier: Apache-2.0
#include "cluster/etcd/watch.h"

#include <utility>
#include <vector>

namespace roost::cluster::etcd {
namespace {

namespace pb = etcdserverpb;

constexpr std::int64_t kPauseMs = 50;  // before the next attempt

}  // namespace

KeyValue key_value_of(const pb::KeyValue& from) {
  return KeyValue{from.key(), from.value(), from.create_revision(), from.mod_revision(),
                  from.lease()};
}

Listing listing_of(const pb::RangeResponse& response) {
  Listing listing{response.header().revision(), {}};
  listing.keys.reserve(static_cast<std::size_t>(response.kvs_size()));
  for (const pb::KeyValue& pair : response.kvs()) listing.keys.push_back(key_value_of(pair));
  return listing;
}

pb::RangeRequest range_of(const std::string& prefix) {
  pb::RangeRequest request;
  request.set_key(prefix.empty() ? std::string(1, '\0') : prefix);
  request.set_range_end(end_of_prefix(prefix));
  return request;
}

void WatchRun::begin() {
  client_.follow(*this);
  list();
}

void WatchRun::end() {
  is_over_ = true;
  stream_.reset();
  client_.unfollow(*this);
}

void WatchRun::list() {
  client_.ask<pb::RangeRequest, pb::RangeResponse>(
      Requests::Repeat::yes, range_of(prefix_),
      [self = shared_from_this()](const Requests::Ending& ending, pb::RangeResponse& response) {
        if (self->is_over_) return;
        if (ending.status.is_ok()) return self->listed(listing_of(response));
        self->client_.loop().after(kPauseMs, [self] {
          if (!self->is_over_) self->list();
        });
      });
}

void WatchRun::listed(Listing listing) {
  // A member that lags behind what was seen is none of a store that was put back.
  const bool is_news = !has_listing_ || listing.revision < seen_;
  if (is_news) {
    has_listing_ = true;
    seen_ = listing.revision;
    guard_.run([&] { watcher_.on_reset(listing); });
  }
  open();
}

void WatchRun::open() {
  if (is_over_ || std::exchange(is_opening_, true)) return;
  stream_.reset();
  client_.requests().when_ready([self = shared_from_this()](const Route& route) {
    self->is_opening_ = false;
    if (!self->is_over_) self->opened_on(route);
  });
}

void WatchRun::opened_on(const Route& route) {
  pb::WatchRequest request;
  auto& create = *request.mutable_create();
  const pb::RangeRequest range = range_of(prefix_);
  create.set_key(range.key());
  create.set_range_end(range.range_end());
  create.set_start_revision(seen_ + 1);
  member_ = route.member;
  stream_ = client_.rpc().open(
      route, request,
      {[self = shared_from_this(), route](pb::WatchResponse& response) {
         self->on_message(route, response);
       },
       [self = shared_from_this(), route](const Status& status) { self->on_end(route, status); }});
}

void WatchRun::open_later() {
  stream_.reset();
  client_.loop().after(kPauseMs, [self = shared_from_this()] {
    if (!self->stream_) self->open();
  });
}

void WatchRun::on_message(const Route& route, const pb::WatchResponse& response) {
  if (response.canceled()) {
    if (response.compact_revision() > 0) {
      stream_.reset();
      has_listing_ = false;
      return list();
    }
    // 3.4 says "permission denied" to a token that it doesn't know, too.
    client_.requests().reject_token(route.token);
    return open_later();
  }
  if (response.created() && response.header().revision() < seen_) {
    // The member lags, or the store was put back to an older state: a listing tells.
    stream_.reset();
    return list();
  }
  deliver(response);
}

// One call a revision: what was changed in one transaction is told together.
void WatchRun::deliver(const pb::WatchResponse& response) {
  std::vector<Watcher::Event> events;
  for (int i = 0; i < response.events_size(); ++i) {
    const pb::Event& event = response.events(i);
    const Revision revision = event.kv().mod_revision();
    if (revision <= seen_) continue;
    events.push_back({key_value_of(event.kv()), event.type() == pb::Event::DELETE});
    const bool is_last_of_revision =
        i + 1 == response.events_size() || response.events(i + 1).kv().mod_revision() != revision;
    if (!is_last_of_revision) continue;
    seen_ = revision;
    guard_.run([&] { watcher_.on_change(events, revision); });
    events.clear();
    if (is_over_) return;
  }
}

void WatchRun::on_end(const Route& route, const Status& status) {
  if (judge(status) == Verdict::token_rejected) {
    client_.requests().reject_token(route.token);
  } else {
    client_.requests().avoid(route.member);
  }
  open_later();
}

void WatchRun::moved() {
  if (stream_ && !client_.requests().is_current(member_)) open();
}

}  // namespace roost::cluster::etcd
