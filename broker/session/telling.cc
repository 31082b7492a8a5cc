// SPDX-License-Identifier: Apache-2.0
// Clients that come and go, for who wants to hear of it (teller.h).
#include <algorithm>
#include <utility>

#include "broker/session/session.h"
#include "broker/session/session_table.h"
#include "broker/session/shard_state.h"

namespace roost::session {

using mqtt::ProtocolVersion;

ClientNews Session::news(ClientNews::Kind kind, std::string_view why) const {
  ClientNews news{.kind = kind, .client_id = client_id_, .outlives = expiry_s_ != 0, .why = why};
  if (link_ != nullptr) link_->describe(news.facts);
  news.version = version_ == ProtocolVersion::v5       ? "5.0"
                 : version_ == ProtocolVersion::v3_1_1 ? "3.1.1"
                                                       : "3.1";
  return news;
}

void SessionTable::tell(ClientNews news, bool is_logged) {
  news.at_ms = core_.wall_ms();
  const routing::MessagePtr message = tables_.teller->message_of(news, core_.now_ms());
  if (!message) return;
  counters_.told.add();
  const ShardId shard = shard_of(news.client_id);
  if (is_logged && leads(shard)) {
    append(shard, ToldRecord{message}, nullptr);
  } else if (router_.publish(message, {&told_, 0}).outcome == routing::Router::Outcome::pending) {
    counters_.telling.add();
  }
}

std::vector<std::string> ShardState::attached_sessions() const {
  std::vector<const StoredSession*> attached;
  for (const auto& session : sessions_) {
    if (session->attached && session->durable) attached.push_back(session.get());
  }
  std::sort(attached.begin(), attached.end(), [](const StoredSession* a, const StoredSession* b) {
    return a->number < b->number;  // no order of a hash table
  });
  std::vector<std::string> client_ids;
  for (const StoredSession* session : attached) client_ids.emplace_back(session->client_id());
  return client_ids;
}

}  // namespace roost::session
