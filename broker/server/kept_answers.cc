// SPDX-License-Identifier: Apache-2.0
#include "broker/server/kept_answers.h"

#include <openssl/evp.h>

#include <algorithm>
#include <utility>

#include "broker/base/check.h"

namespace roost::server {

namespace {

void count(std::atomic<std::uint64_t>& counter) { counter.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

KeptAnswers::Fingerprint KeptAnswers::fingerprint(const http::Request& request) {
  std::string all;
  // Lengths in front, so that no part can pass for another.
  for (const std::string_view part :
       {std::string_view(request.method), std::string_view(request.path),
        std::string_view(request.query), request.header("Content-Type"),
        std::string_view(request.body)}) {
    all += std::to_string(part.size()) + ":";
    all += part;
  }
  Fingerprint print{};
  unsigned int size = 0;
  CHECK(::EVP_Digest(all.data(), all.size(), print.data(), &size, ::EVP_sha256(), nullptr) == 1);
  CHECK(size == print.size());
  return print;
}

KeptAnswers::Turn KeptAnswers::begin(const std::string& key, const Fingerprint& print,
                                     const http::Reply& reply) {
  http::Response response;
  {
    const std::lock_guard lock(mutex_);
    auto at = by_key_.find(key);
    if (at != by_key_.end() && at->second->is_done && at->second->until_ms <= clock_.steady_ms()) {
      drop(at->second);
      at = by_key_.end();
    }
    if (at == by_key_.end()) {
      if (make_room()) {
        entries_.push_back({.key = key, .print = print, .waiting = {}});
        by_key_.emplace(entries_.back().key, std::prev(entries_.end()));
        counters_.keys.store(by_key_.size());
        return Turn::yours;
      }
      count(counters_.refused);
      response = http::error_response(
          503, "too many requests with an Idempotency-Key are under way; nothing was published",
          true);
    } else if (Entry& entry = *at->second; entry.print != print) {
      count(counters_.conflicts);
      response = http::error_response(
          422, "this Idempotency-Key was used for another request; nothing was published", true);
    } else {
      count(counters_.replays);
      entries_.splice(entries_.end(), entries_, at->second);
      if (entry.is_late) {
        response = http::error_response(
            409, "the first request under this Idempotency-Key has no outcome yet", true);
        response.headers.emplace_back("Retry-After", "1");
      } else if (!entry.is_done) {
        entry.waiting.push_back(reply);
        return Turn::answered;
      } else {
        response = entry.response;
        response.headers.emplace_back("Idempotent-Replayed", "true");
      }
    }
  }
  reply(std::move(response));
  return Turn::answered;
}

void KeptAnswers::late(const std::string& key, const http::Response& response) {
  end(key, response, End::late);
}

void KeptAnswers::finish(const std::string& key, const http::Response& response) {
  end(key, response, End::keep);
}

void KeptAnswers::forget(const std::string& key, const http::Response& response) {
  end(key, response, End::forget);
}

void KeptAnswers::end(const std::string& key, const http::Response& response, End how) {
  std::vector<http::Reply> waiting;
  {
    const std::lock_guard lock(mutex_);
    const auto at = by_key_.find(key);
    if (at == by_key_.end()) return;
    Entry& entry = *at->second;
    waiting = std::exchange(entry.waiting, {});
    entry.is_late = how == End::late;
    if (how == End::forget) drop(at->second);
    if (how == End::keep) {
      entry.is_done = true;
      entry.response = response;
      entry.until_ms = clock_.steady_ms() + age_ms_;
      bytes_ += response.body.size();
      while (bytes_ > kBytesMax && make_room()) {
      }
    }
  }
  for (const http::Reply& reply : waiting) reply(response);
}

void KeptAnswers::drop(Entries::iterator at) {
  if (at->is_done) bytes_ -= at->response.body.size();
  by_key_.erase(at->key);
  entries_.erase(at);
  counters_.keys.store(by_key_.size());
}

// The answer that was used longest ago goes, and all in front of it whose time is over.
bool KeptAnswers::make_room() {
  if (by_key_.size() < keys_max_ && bytes_ <= kBytesMax) return true;
  const auto at = std::find_if(entries_.begin(), entries_.end(),
                               [](const Entry& entry) { return entry.is_done; });
  if (at == entries_.end()) return false;
  if (at->until_ms > clock_.steady_ms()) count(counters_.evicted);
  drop(at);
  return true;
}

}  // namespace roost::server
