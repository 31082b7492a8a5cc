// SPDX-License-Identifier: Apache-2.0
// Retained messages of one shard, found by topic or by filter without looking at the others.
// Thread: core-bound.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "broker/routing/index_table.h"
#include "broker/routing/level_symbols.h"
#include "broker/routing/message.h"
#include "broker/routing/pool.h"
#include "broker/routing/table_hash.h"

namespace roost::routing {

class RetainedStore {
 public:
  RetainedStore();
  ~RetainedStore();
  RetainedStore(const RetainedStore&) = delete;
  RetainedStore& operator=(const RetainedStore&) = delete;

  // Keeps `message` for its topic in place of an older one. [MQTT-3.3.1-5]
  void set(MessagePtr message);
  // True if there was one. [MQTT-3.3.1-6]
  bool clear(std::string_view topic);
  MessagePtr find(std::string_view topic) const;  // null: none

  // Appends every retained message that matches `filter` (no "$share") and hasn't expired.
  void match(std::string_view filter, SteadyMs now_ms, std::vector<MessagePtr>& out) const;
  // Drops what has expired at `now_ms`; looks at no more than `budget` messages a call and goes
  // on where it stopped. Returns how many were dropped; `gone` is told their topics.
  using Gone = std::function<void(std::string_view topic)>;
  std::size_t expire(SteadyMs now_ms, std::size_t budget, const Gone& gone = {});

  // Calls visit(message) for every one, in no order, expired ones too.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (const Entry& entry : entries_) visit(*entry.message);
  }

  // The levels below `topic` ("" with `is_root`: the first levels): calls visit(level, whether its
  // topic keeps a message, whether others stand below it).
  struct Below {
    std::string_view level;
    bool has_message = false;
    bool has_more = false;
  };
  void below(std::string_view topic, bool is_root,
             const std::function<void(const Below&)>& visit) const;

  std::size_t size() const;
  std::size_t payload_bytes() const;

 private:
  using NodeId = std::uint32_t;
  static constexpr NodeId kNone = 0;

  // A level of a topic. Children stand in a ring without an end: the first one's `previous` is the
  // last one, the last one's `next` is kNone.
  struct Node {
    NodeId parent;
    Symbol symbol;
    NodeId first_child;
    NodeId next, previous;
    std::uint32_t entry;  // position + 1 of the topic that ends here; 0: none does
  };
  struct Entry {
    MessagePtr message;
    NodeId node;
    bool expires;  // the message's, so that expire() needn't look into those that never do
  };
  struct Found {
    SteadyMs now_ms;
    std::vector<MessagePtr>& out;
  };

  std::uint32_t index_of(std::string_view topic) const;
  NodeId child(NodeId parent, Symbol symbol) const;
  NodeId add_child(NodeId parent, Symbol symbol);
  NodeId make_node(std::string_view topic);
  void prune(NodeId node);
  void remove(std::uint32_t index);
  bool read_filter(std::string_view filter, std::vector<Symbol>& steps) const;
  NodeId first_listed(NodeId node) const;
  NodeId next_listed(NodeId node) const;
  void match_steps(const std::vector<Symbol>& steps, const Found& found) const;
  void match_below(NodeId top, const Found& found) const;
  void report(NodeId node, const Found& found) const;

  TableHash hash_;
  LevelSymbols symbols_;
  Pool<Node> nodes_;
  IndexTable edges_;  // (parent, symbol) -> child
  NodeId root_;
  std::vector<Entry> entries_;
  IndexTable by_topic_;     // position + 1 in entries_
  std::size_t cursor_ = 0;  // the entry that expire() looks at next
  std::size_t payload_bytes_ = 0;
};

}  // namespace roost::routing
