// SPDX-License-Identifier: Apache-2.0
// Filters with wildcards: a trie of levels. A step by text is a probe in one table keyed by (node,
// symbol of the level), for the first child without one; a step by `+` is a field of the node; `#`
// is a list at the node before it.
//
// Bound: every node is reached by one path only, so a match visits each at most once whatever the
// filters are, and no more than 2^k of level k; it looks each level of the topic up at most once.
// Thread: core-bound.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "broker/routing/index_table.h"
#include "broker/routing/level_symbols.h"
#include "broker/routing/pool.h"
#include "broker/routing/subscriber_list.h"

namespace roost::routing {

class FilterTrie {
 public:
  using Found = bool (*)(void* callee, std::span<const Subscriber> found);  // as TopicTree

  FilterTrie();
  ~FilterTrie();
  FilterTrie(const FilterTrie&) = delete;
  FilterTrie& operator=(const FilterTrie&) = delete;

  bool insert(std::string_view filter, const Subscriber& subscriber);  // as TopicTree
  bool erase(std::string_view filter, void* owner);                    // as TopicTree
  // False: `found` said stop.
  bool collect(std::string_view topic, Found found, void* callee) const;

  std::size_t size() const { return entries_; }
  std::size_t filter_count() const { return lists_.size(); }
  std::size_t node_count() const { return nodes_.size(); }
  std::size_t memory_size() const;

 private:
  using NodeId = std::uint32_t;
  static constexpr NodeId kNone = 0;
  static constexpr Symbol kPlus = 0xFFFFFFFF;  // the symbol of a node reached by `+`

  struct Node {
    NodeId parent;
    Symbol symbol;           // of the level that leads here from the parent
    NodeId plus;             // the child for `+`
    NodeId first;            // a child by text, mostly the next in memory: no probe; or kNone
    std::uint32_t children;  // by text
    std::uint32_t here;      // list of the filter that ends here; 0: none
    std::uint32_t below;     // list of the filter that goes on with `#` and ends; 0: none
  };

  // Where a filter is put down: its node, and whether it ends with `#`.
  struct Place {
    NodeId node;
    bool hash;
  };

  Place find_place(std::string_view filter) const;  // node kNone: not there
  Place make_place(std::string_view filter);
  NodeId child(NodeId parent, Symbol symbol) const;
  NodeId add_child(NodeId parent, Symbol symbol);
  void prune(NodeId node);
  bool report(std::uint32_t list, Found found, void* callee) const {
    return list == 0 || found(callee, lists_[list].view());
  }

  TableHash hash_;
  LevelSymbols symbols_;
  Pool<Node> nodes_;
  IndexTable edges_;  // (parent, symbol) -> child
  Pool<SubscriberList> lists_;
  NodeId root_;
  std::size_t entries_ = 0;
  std::size_t list_bytes_ = 0;  // of lists besides their records
};

}  // namespace roost::routing
