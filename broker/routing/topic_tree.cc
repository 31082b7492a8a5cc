// SPDX-License-Identifier: Apache-2.0
#include "broker/routing/topic_tree.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace roost::routing {

class ExactFilters {
 public:
  std::map<std::string, std::vector<Subscriber>, std::less<>> filters;
};
class FilterTrie {};

TopicTree::TopicTree() : exact_(std::make_unique<ExactFilters>()) {}
TopicTree::~TopicTree() = default;

bool TopicTree::insert(std::string_view filter, const Subscriber& subscriber) {
  auto& list = exact_->filters[std::string(filter)];
  const auto at = std::find_if(list.begin(), list.end(),
                               [&](const auto& s) { return s.owner == subscriber.owner; });
  if (at != list.end()) {
    *at = subscriber;
    return false;
  }
  list.push_back(subscriber);
  return true;
}

bool TopicTree::erase(std::string_view filter, void* owner) {
  const auto found = exact_->filters.find(filter);
  if (found == exact_->filters.end()) return false;
  const auto erased = std::erase_if(found->second, [&](auto& s) { return s.owner == owner; });
  if (found->second.empty()) exact_->filters.erase(found);
  return erased > 0;
}

bool TopicTree::matches_any(std::string_view topic) const {
  bool any = false;
  match(topic, [&](const Subscriber&) { any = true; });
  return any;
}

std::size_t TopicTree::size() const {
  std::size_t size = 0;
  for (const auto& [filter, list] : exact_->filters) size += list.size();
  return size;
}
std::size_t TopicTree::filter_count() const { return exact_->filters.size(); }
std::size_t TopicTree::memory_size() const { return size() * 200; }

void TopicTree::collect(std::string_view topic, Found found, void* callee) const {
  for (const auto& [filter, list] : exact_->filters) {
    if (mqtt::matches(filter, topic) && !found(callee, list)) return;
  }
}

}  // namespace roost::routing
