// SPDX-License-Identifier: Apache-2.0
// What the client isn't allowed (any more): filters are taken away, and who had one is sent off, as
// nothing else in MQTT tells it.
#include <algorithm>
#include <utility>

#include "broker/mqtt/topic.h"
#include "broker/session/access.h"
#include "broker/session/session.h"
#include "broker/session/session_table.h"

namespace roost::session {

using mqtt::ReasonCode;

bool Session::may_subscribe(std::string_view filter) const {
  if (access_ == nullptr) return true;
  const auto parsed = mqtt::TopicFilter::parse(filter, UINT32_MAX);
  return parsed && access_->may_subscribe(parsed->text());
}

bool Session::may_receive(const QueueEntry& entry) const {
  return access_ == nullptr || access_->may_receive(entry.message->topic());
}

// Returns whether there was one.
bool Session::take_away_filters() {
  if (access_ == nullptr) return false;
  std::vector<std::string> forbidden;
  filters().for_each([&](std::string_view text, const Subscription&) {
    if (!may_subscribe(text)) forbidden.emplace_back(text);
  });
  if (forbidden.empty()) return false;
  table_.counters().filters_taken_away.add(forbidden.size());
  auto answer = std::make_unique<Answer>();
  answer->is_silent = true;
  answers_.push_back(std::move(answer));
  remove_filters({forbidden.begin(), forbidden.end()});
  return true;
}

void Session::look_at_access() {
  if (link_ == nullptr || is_opening() || stranded_) return;
  if (take_away_filters()) {
    kick(ReasonCode::not_authorized, "a subscription is not allowed any more");
  }
}

void SessionTable::look_at_access() {
  std::vector<Session*> all;
  for (const auto& [client_id, session] : live_) all.push_back(session.get());
  std::sort(all.begin(), all.end(), [](const Session* a, const Session* b) {
    return a->generation() < b->generation();  // no order of a hash table
  });
  for (Session* session : all) session->look_at_access();
}

}  // namespace roost::session
