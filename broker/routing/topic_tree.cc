// SPDX-License-Identifier: Apache-2.0
#include "broker/routing/topic_tree.h"

#include "broker/routing/exact_filters.h"
#include "broker/routing/filter_trie.h"

namespace roost::routing {

namespace {

// `+` and `#` stand nowhere else in a valid filter than alone in a level.
bool has_wildcard(std::string_view filter) {
  return filter.find_first_of("+#") != std::string_view::npos;
}

}  // namespace

TopicTree::TopicTree() : exact_(std::make_unique<ExactFilters>()) {}
TopicTree::~TopicTree() = default;

bool TopicTree::insert(std::string_view filter, const Subscriber& subscriber) {
  if (!has_wildcard(filter)) return exact_->insert(filter, subscriber);
  if (trie_ == nullptr) trie_ = std::make_unique<FilterTrie>();
  return trie_->insert(filter, subscriber);
}

bool TopicTree::erase(std::string_view filter, void* owner) {
  if (!has_wildcard(filter)) return exact_->erase(filter, owner);
  if (trie_ == nullptr || !trie_->erase(filter, owner)) return false;
  if (trie_->size() == 0) trie_.reset();
  return true;
}

void TopicTree::collect(std::string_view topic, Found found, void* callee) const {
  const std::span<const Subscriber> exact = exact_->find(topic);
  if (!exact.empty() && !found(callee, exact)) return;
  if (trie_ != nullptr) trie_->collect(topic, found, callee);
}

std::size_t TopicTree::size() const {
  return exact_->size() + (trie_ != nullptr ? trie_->size() : 0);
}

std::size_t TopicTree::filter_count() const {
  return exact_->filter_count() + (trie_ != nullptr ? trie_->filter_count() : 0);
}

std::size_t TopicTree::memory_size() const {
  return exact_->memory_size() + (trie_ != nullptr ? trie_->memory_size() : 0);
}

}  // namespace roost::routing
