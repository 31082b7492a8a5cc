// SPDX-License-Identifier: Apache-2.0
#include "broker/routing/retained.h"

#include <map>
#include <string>

#include "broker/mqtt/topic.h"

namespace roost::routing {

class RetainedTrie {
 public:
  std::map<std::string, MessagePtr, std::less<>> topics;
};

RetainedStore::RetainedStore() : trie_(std::make_unique<RetainedTrie>()) {}
RetainedStore::~RetainedStore() = default;

void RetainedStore::set(MessagePtr message) {
  std::string topic(message->topic());
  trie_->topics[std::move(topic)] = std::move(message);
}

bool RetainedStore::clear(std::string_view topic) {
  const auto at = trie_->topics.find(topic);
  if (at == trie_->topics.end()) return false;
  trie_->topics.erase(at);
  return true;
}

MessagePtr RetainedStore::find(std::string_view topic) const {
  const auto at = trie_->topics.find(topic);
  return at == trie_->topics.end() ? MessagePtr() : at->second;
}

void RetainedStore::match(std::string_view filter, SteadyMs now_ms,
                          std::vector<MessagePtr>& out) const {
  for (const auto& [topic, message] : trie_->topics) {
    if (!message->is_expired(now_ms) && mqtt::matches(filter, topic)) out.push_back(message);
  }
}

std::size_t RetainedStore::expire(SteadyMs now_ms, std::size_t) {
  return std::erase_if(trie_->topics,
                       [&](const auto& entry) { return entry.second->is_expired(now_ms); });
}

std::size_t RetainedStore::size() const { return trie_->topics.size(); }
std::size_t RetainedStore::payload_bytes() const {
  std::size_t bytes = 0;
  for (const auto& [topic, message] : trie_->topics) bytes += message->payload().size();
  return bytes;
}

}  // namespace roost::routing
