// SPDX-License-Identifier: Apache-2.0
// Answers about clients, by digest, each until its time; the oldest goes where there are too many.
// Thread: one at a time.
#pragma once

#include <cstddef>
#include <iterator>
#include <list>
#include <unordered_map>
#include <utility>

#include "broker/auth/authenticator.h"
#include "broker/auth/keyed_digest.h"
#include "broker/base/clock.h"

namespace roost::auth {

class AnswerCache {
 public:
  explicit AnswerCache(std::size_t entries_max) : entries_max_(entries_max) {}

  // Null: none, or its time is over.
  const AuthResult* find(const Digest& digest, SteadyMs now_ms);
  void remember(const Digest& digest, AuthResult result, SteadyMs until_ms);
  void clear();
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Digest digest;
    AuthResult result;
    SteadyMs until_ms;
  };

  const std::size_t entries_max_;
  std::list<Entry> entries_;  // the oldest first
  std::unordered_map<Digest, std::list<Entry>::iterator, DigestHash> places_;
};

}  // namespace roost::auth
