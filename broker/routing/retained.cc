// SPDX-License-Identifier: Apache-2.0
#include "broker/routing/retained.h"

#include <algorithm>
#include <utility>

#include "broker/mqtt/topic.h"

namespace roost::routing {

namespace {

// Steps of a filter that are no text.
constexpr Symbol kPlus = 0xFFFFFFFF;
constexpr Symbol kHash = 0xFFFFFFFE;

}  // namespace

RetainedStore::RetainedStore() : root_(nodes_.add(Node{})) {}
RetainedStore::~RetainedStore() = default;

std::size_t RetainedStore::size() const { return entries_.size(); }
std::size_t RetainedStore::payload_bytes() const { return payload_bytes_; }

std::uint32_t RetainedStore::index_of(std::string_view topic) const {
  return by_topic_.find(hash_(topic), [&](std::uint32_t index) {
    return entries_[index - 1].message->topic() == topic;
  });
}

RetainedStore::NodeId RetainedStore::child(NodeId parent, Symbol symbol) const {
  return edges_.find(hash_(parent, symbol), [&](NodeId id) {
    const Node& node = nodes_[id];
    return node.parent == parent && node.symbol == symbol;
  });
}

RetainedStore::NodeId RetainedStore::add_child(NodeId parent, Symbol symbol) {
  const NodeId id = nodes_.add(Node{parent, symbol, kNone, kNone, kNone, 0});
  edges_.insert(hash_(parent, symbol), id);
  const NodeId first = nodes_[parent].first_child;
  if (first == kNone) {
    nodes_[parent].first_child = id;
    nodes_[id].previous = id;
  } else {
    const NodeId last = std::exchange(nodes_[first].previous, id);
    nodes_[last].next = id;
    nodes_[id].previous = last;
  }
  return id;
}

RetainedStore::NodeId RetainedStore::make_node(std::string_view topic) {
  NodeId node = root_;
  for (mqtt::LevelCursor levels(topic); !levels.done();) {
    const std::string_view level = levels.next();
    const Symbol symbol = symbols_.find(level);
    const NodeId next = symbol == kNoSymbol ? kNone : child(node, symbol);
    node = next != kNone ? next : add_child(node, symbols_.acquire(level));
  }
  return node;
}

// Removes a node that leads nowhere, and its parents that then don't either.
void RetainedStore::prune(NodeId id) {
  while (id != root_) {
    const Node node = nodes_[id];
    if (node.entry != 0 || node.first_child != kNone) return;
    NodeId& first = nodes_[node.parent].first_child;
    if (node.next != kNone) {
      nodes_[node.next].previous = node.previous;
    } else if (first != id) {
      nodes_[first].previous = node.previous;
    }
    if (first == id) {
      first = node.next;
    } else {
      nodes_[node.previous].next = node.next;
    }
    edges_.erase(hash_(node.parent, node.symbol), id);
    symbols_.release(node.symbol);
    nodes_.remove(id);
    id = node.parent;
  }
}

void RetainedStore::set(MessagePtr message) {
  payload_bytes_ += message->payload().size();
  const bool expires = message->expires();
  const std::uint32_t known = index_of(message->topic());
  if (known != kNoIndex) {
    Entry& entry = entries_[known - 1];
    payload_bytes_ -= entry.message->payload().size();
    entry.message = std::move(message);
    entry.expires = expires;
    return;
  }
  const NodeId node = make_node(message->topic());
  const auto index = static_cast<std::uint32_t>(entries_.size() + 1);
  nodes_[node].entry = index;
  by_topic_.insert(hash_(message->topic()), index);
  entries_.push_back({std::move(message), node, expires});
}

bool RetainedStore::clear(std::string_view topic) {
  const std::uint32_t index = index_of(topic);
  if (index == kNoIndex) return false;
  remove(index);
  return true;
}

// The last entry takes the place of the one removed.
void RetainedStore::remove(std::uint32_t index) {
  Entry& entry = entries_[index - 1];
  payload_bytes_ -= entry.message->payload().size();
  by_topic_.erase(hash_(entry.message->topic()), index);
  nodes_[entry.node].entry = 0;
  prune(entry.node);
  const auto last = static_cast<std::uint32_t>(entries_.size());
  if (index != last) {
    entry = std::move(entries_.back());
    by_topic_.replace(hash_(entry.message->topic()), last, index);
    nodes_[entry.node].entry = index;
  }
  entries_.pop_back();
}

void RetainedStore::below(std::string_view topic, bool is_root,
                          const std::function<void(const Below&)>& visit) const {
  NodeId node = root_;
  if (!is_root) {
    for (mqtt::LevelCursor levels(topic); !levels.done();) {
      const Symbol symbol = symbols_.find(levels.next());
      if (symbol == kNoSymbol) return;
      node = child(node, symbol);
      if (node == kNone) return;
    }
  }
  for (NodeId id = nodes_[node].first_child; id != kNone; id = nodes_[id].next) {
    const Node& one = nodes_[id];
    visit({symbols_.text(one.symbol), one.entry != 0, one.first_child != kNone});
  }
}

MessagePtr RetainedStore::find(std::string_view topic) const {
  const std::uint32_t index = index_of(topic);
  return index == kNoIndex ? MessagePtr() : entries_[index - 1].message;
}

std::size_t RetainedStore::expire(SteadyMs now_ms, std::size_t budget, const Gone& gone) {
  const std::size_t before = entries_.size();
  for (std::size_t left = std::min(budget, before); left > 0; --left) {
    if (cursor_ >= entries_.size()) cursor_ = 0;
    const Entry& entry = entries_[cursor_];
    if (entry.expires && entry.message->is_expired(now_ms)) {
      if (gone) gone(entry.message->topic());
      remove(static_cast<std::uint32_t>(cursor_ + 1));
    } else {
      ++cursor_;
    }
  }
  return before - entries_.size();
}

void RetainedStore::match(std::string_view filter, SteadyMs now_ms,
                          std::vector<MessagePtr>& out) const {
  const Found found{now_ms, out};
  if (filter.find_first_of("+#") == std::string_view::npos) {
    const std::uint32_t index = index_of(filter);
    if (index != kNoIndex) report(entries_[index - 1].node, found);
    return;
  }
  std::vector<Symbol> steps;
  if (read_filter(filter, steps)) match_steps(steps, found);
}

// False: a level that no topic has, so nothing can match.
bool RetainedStore::read_filter(std::string_view filter, std::vector<Symbol>& steps) const {
  for (mqtt::LevelCursor levels(filter); !levels.done();) {
    const std::string_view level = levels.next();
    steps.push_back(level == "+" ? kPlus : level == "#" ? kHash : symbols_.find(level));
    if (steps.back() == kNoSymbol) return false;
  }
  return true;
}

// The children that a wildcard steps to: at the first level not `$SYS` and the like.
// [MQTT-4.7.2-1]
RetainedStore::NodeId RetainedStore::first_listed(NodeId node) const {
  const NodeId first = nodes_[node].first_child;
  if (node != root_ || first == kNone) return first;
  return symbols_.text(nodes_[first].symbol).starts_with('$') ? next_listed(first) : first;
}

RetainedStore::NodeId RetainedStore::next_listed(NodeId node) const {
  NodeId next = nodes_[node].next;
  if (nodes_[node].parent != root_) return next;
  while (next != kNone && symbols_.text(nodes_[next].symbol).starts_with('$')) {
    next = nodes_[next].next;
  }
  return next;
}

// Goes down by the steps; back up, a `+` goes on with the next child.
void RetainedStore::match_steps(const std::vector<Symbol>& steps, const Found& found) const {
  NodeId node = root_;
  for (std::size_t depth = 0;;) {
    NodeId next = kNone;
    if (depth == steps.size()) {
      report(node, found);
    } else if (steps[depth] == kHash) {
      match_below(node, found);
    } else {
      next = steps[depth] == kPlus ? first_listed(node) : child(node, steps[depth]);
    }
    if (next != kNone) {
      node = next;
      ++depth;
      continue;
    }
    while (next == kNone) {
      if (depth == 0) return;
      if (steps[depth - 1] == kPlus) next = next_listed(node);
      if (next == kNone) {
        node = nodes_[node].parent;
        --depth;
      }
    }
    node = next;
  }
}

// `top` and everything under it: `sport/#` matches `sport` too.
void RetainedStore::match_below(NodeId top, const Found& found) const {
  for (NodeId node = top;;) {
    report(node, found);
    NodeId next = first_listed(node);
    while (next == kNone) {
      if (node == top) return;
      next = next_listed(node);
      if (next == kNone) node = nodes_[node].parent;
    }
    node = next;
  }
}

void RetainedStore::report(NodeId node, const Found& found) const {
  const std::uint32_t index = nodes_[node].entry;
  if (index == 0) return;
  const Entry& entry = entries_[index - 1];
  if (entry.expires && entry.message->is_expired(found.now_ms)) return;
  found.out.push_back(entry.message);
}

}  // namespace roost::routing
