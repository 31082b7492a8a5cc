// SPDX-License-Identifier: Apache-2.0
#include "broker/routing/filter_trie.h"

#include "broker/mqtt/topic.h"
#include "broker/routing/topic_levels.h"

namespace roost::routing {

FilterTrie::FilterTrie() : root_(nodes_.add(Node{})) {}

FilterTrie::~FilterTrie() {
  // Nodes reached by a text stand in edges_, those reached by `+` only behind another one.
  const auto release = [this](NodeId id) {
    for (; id != kNone; id = nodes_[id].plus) {
      const Node& node = nodes_[id];
      if (node.here != 0) lists_[node.here].release();
      if (node.below != 0) lists_[node.below].release();
    }
  };
  release(root_);
  edges_.for_each(release);
}

FilterTrie::NodeId FilterTrie::child(NodeId parent, Symbol symbol) const {
  const Node& from = nodes_[parent];
  if (from.first != kNone) {
    if (nodes_[from.first].symbol == symbol) return from.first;
    if (from.children == 1) return kNone;
  }
  return edges_.find(hash_(parent, symbol), [&](NodeId id) {
    const Node& node = nodes_[id];
    return node.parent == parent && node.symbol == symbol;
  });
}

FilterTrie::NodeId FilterTrie::add_child(NodeId parent, Symbol symbol) {
  const NodeId id = nodes_.add(Node{parent, symbol, kNone, kNone, 0, 0, 0});
  if (symbol == kPlus) {
    nodes_[parent].plus = id;
  } else {
    edges_.insert(hash_(parent, symbol), id);
    Node& from = nodes_[parent];
    if (from.children++ == 0) from.first = id;
  }
  return id;
}

FilterTrie::Place FilterTrie::find_place(std::string_view filter) const {
  NodeId node = root_;
  for (mqtt::LevelCursor levels(filter); !levels.done() && node != kNone;) {
    const std::string_view level = levels.next();
    if (level == "#") return {node, true};
    if (level == "+") {
      node = nodes_[node].plus;
    } else {
      const Symbol symbol = symbols_.find(level);
      node = symbol == kNoSymbol ? kNone : child(node, symbol);
    }
  }
  return {node, false};
}

FilterTrie::Place FilterTrie::make_place(std::string_view filter) {
  NodeId node = root_;
  for (mqtt::LevelCursor levels(filter); !levels.done();) {
    const std::string_view level = levels.next();
    if (level == "#") return {node, true};
    if (level == "+") {
      const NodeId next = nodes_[node].plus;
      node = next != kNone ? next : add_child(node, kPlus);
    } else {
      const Symbol symbol = symbols_.find(level);
      const NodeId next = symbol == kNoSymbol ? kNone : child(node, symbol);
      node = next != kNone ? next : add_child(node, symbols_.acquire(level));
    }
  }
  return {node, false};
}

bool FilterTrie::insert(std::string_view filter, const Subscriber& subscriber) {
  const Place place = make_place(filter);
  Node& node = nodes_[place.node];
  std::uint32_t& id = place.hash ? node.below : node.here;
  if (id == 0) id = lists_.add(SubscriberList());
  SubscriberList& list = lists_[id];
  list_bytes_ -= list.memory_size();
  const bool added = list.insert(subscriber);
  list_bytes_ += list.memory_size();
  entries_ += added ? 1 : 0;
  return added;
}

bool FilterTrie::erase(std::string_view filter, void* owner) {
  const Place place = find_place(filter);
  if (place.node == kNone) return false;
  Node& node = nodes_[place.node];
  std::uint32_t& id = place.hash ? node.below : node.here;
  if (id == 0) return false;
  SubscriberList& list = lists_[id];
  const std::size_t before = list.memory_size();
  if (!list.erase(owner)) return false;
  list_bytes_ = list_bytes_ - before + list.memory_size();
  --entries_;
  if (list.empty()) {
    lists_.remove(id);
    id = 0;
    prune(place.node);
  }
  return true;
}

// Removes a node that leads nowhere, and its parents that then don't either.
void FilterTrie::prune(NodeId id) {
  while (id != root_) {
    const Node node = nodes_[id];
    if (node.here != 0 || node.below != 0 || node.plus != kNone || node.children != 0) return;
    if (node.symbol == kPlus) {
      nodes_[node.parent].plus = kNone;
    } else {
      edges_.erase(hash_(node.parent, node.symbol), id);
      Node& from = nodes_[node.parent];
      --from.children;
      if (from.first == id) from.first = kNone;
      symbols_.release(node.symbol);
    }
    nodes_.remove(id);
    id = node.parent;
  }
}

bool FilterTrie::collect(std::string_view topic, Found found, void* callee) const {
  struct Branch {
    NodeId node;
    std::uint32_t level;  // levels of the topic that lead to it
  };
  // A way forks into the text and `+`; of the latter at most one a level waits here.
  boost::container::small_vector<Branch, mqtt::kTopicLevelsDefault> waiting;
  TopicLevels levels(topic, symbols_);
  // Wildcards at the first level don't match `$SYS` and the like. [MQTT-4.7.2-1]
  const bool is_dollar = topic.starts_with('$');
  Branch at{root_, 0};
  while (true) {
    const Node& node = nodes_[at.node];
    const bool wild = at.level > 0 || !is_dollar;
    // `sport/#` matches `sport` too, so below counts whether or not the topic goes on.
    if (wild && !report(node.below, found, callee)) return false;
    NodeId next = kNone;
    if (!levels.has(at.level)) {
      if (!report(node.here, found, callee)) return false;
    } else {
      if (wild && node.plus != kNone) waiting.push_back({node.plus, at.level + 1});
      if (node.children > 0) {
        const Symbol symbol = levels.symbol(at.level);
        if (symbol != kNoSymbol) next = child(at.node, symbol);
      }
    }
    if (next != kNone) {
      at = {next, at.level + 1};
    } else if (waiting.empty()) {
      return true;
    } else {
      at = waiting.back();
      waiting.pop_back();
    }
  }
}

std::size_t FilterTrie::memory_size() const {
  return sizeof(*this) + symbols_.memory_size() + nodes_.memory_size() + edges_.memory_size() +
         lists_.memory_size() + list_bytes_;
}

}  // namespace roost::routing
