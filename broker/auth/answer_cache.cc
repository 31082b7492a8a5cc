// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/answer_cache.h"

namespace roost::auth {

const AuthResult* AnswerCache::find(const Digest& digest, SteadyMs now_ms) {
  const auto found = places_.find(digest);
  if (found == places_.end()) return nullptr;
  if (now_ms < found->second->until_ms) return &found->second->result;
  entries_.erase(found->second);
  places_.erase(found);
  return nullptr;
}

void AnswerCache::remember(const Digest& digest, AuthResult result, SteadyMs until_ms) {
  if (entries_max_ == 0) return;
  if (const auto old = places_.find(digest); old != places_.end()) {
    entries_.erase(old->second);
    places_.erase(old);
  } else if (entries_.size() >= entries_max_) {
    places_.erase(entries_.front().digest);
    entries_.pop_front();
  }
  entries_.push_back({digest, std::move(result), until_ms});
  places_[digest] = std::prev(entries_.end());
}

void AnswerCache::clear() {
  places_.clear();
  entries_.clear();
}

}  // namespace roost::auth
